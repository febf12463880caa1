"""What reading packets must not wait for."""

import subprocess
import sys

import pytest
from packets_build import handshake, pcap

_READ = (
    "import sys; from pathlib import Path; from analysis.read import read_source; "
    "read_source(Path(sys.argv[1])); print(*{name.split('.')[0] for name in sys.modules})"
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Top-level packages that a process has imported after it has read a packet file."""
    path = tmp_path_factory.mktemp("imports") / "one.pcap"
    path.write_bytes(pcap(handshake(payloads=[(True, b"GET ")], ports=(50000, 80))))
    command = [sys.executable, "-c", _READ, str(path)]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("package", ["mitmproxy", "cryptography", "scapy"])
def test_packets_need_no_slow_import(imported: set[str], package: str) -> None:
    assert "analysis" in imported
    assert package not in imported


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_the_second_process_needs_no_frames(package: str) -> None:
    code = f"import sys, analysis.read.packets.following; print({package!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
