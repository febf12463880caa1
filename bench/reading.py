"""Packets to tables beside `tshark -T fields`, in alternating runs on one file.

PACKETS and ROUNDS in the environment make it smaller or larger.
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import traffic

PACKETS = int(os.environ.get("PACKETS", "1500000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
FIELDS = (
    *("frame.number", "frame.time_epoch", "frame.len", "ip.src", "ip.dst", "ip.ttl"),
    *("ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.seq", "tcp.ack"),
    *("tcp.len", "tcp.stream", "tcp.analysis.retransmission", "tcp.analysis.out_of_order"),
    *("tcp.analysis.initial_rtt", "udp.srcport", "udp.dstport", "dns.id", "dns.qry.name"),
    *("dns.flags.rcode", "dns.a", "dns.aaaa", "dns.cname", "tls.handshake.type"),
    *("tls.handshake.ciphersuite", "tls.handshake.extension.type"),
    *("tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str"),
)
_READ = (
    "import sys, pathlib; from analysis.read.packets import read_packets; "
    "read_packets(pathlib.Path(sys.argv[1]))"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Wall time in seconds and peak resident memory in MB of one process."""

    seconds: float
    memory: float


def measure() -> list[str]:
    """Lines with the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return _compared(folder) + _containers(folder)


def _compared(folder: Path) -> list[str]:
    """Ours and tshark by turns on one file, and ours on one of twice the size."""
    path, twice = folder / "once.pcap", folder / "twice.pcap"
    units = _units(PACKETS)
    packets = units * traffic.UNIT
    _write(path, units)
    _write(twice, 2 * units)
    tshark = shutil.which("tshark")
    mine, peer, double = [], [], []
    for _ in range(ROUNDS):
        mine.append(_ours(path))
        if tshark is not None:
            fields = [word for field in FIELDS for word in ("-e", field)]
            peer.append(_run([tshark, "-n", "-r", str(path), "-T", "fields", *fields]))
        double.append(_ours(twice))
    seconds = _median(mine)
    growth = statistics.median(b.seconds / a.seconds for a, b in zip(mine, double, strict=True))
    lines = [
        f"{packets:,} packets, {path.stat().st_size / packets:.0f} octets each: {seconds:.2f} s, "
        f"{packets / seconds:,.0f} packets/s, peak {_peak(mine):.0f} MB",
        f"twice the file: {growth:.2f} times as long, peak {_peak(double):.0f} MB",
    ]
    twice.unlink()
    if not peer:
        return [*lines, "tshark: skipped, not installed"]
    ratio = statistics.median(b.seconds / a.seconds for a, b in zip(mine, peer, strict=True))
    theirs = f"tshark -T fields, {len(FIELDS)} fields: {_median(peer):.2f} s"
    return [*lines, f"{theirs}, peak {_peak(peer):.0f} MB; ratio {ratio:.1f}"]


def _containers(folder: Path) -> list[str]:
    """The same packets as pcap, pcapng and gzip, a fifth of the file."""
    units = _units(PACKETS // 5)
    plain, ng, packed = (folder / name for name in ("part.pcap", "part.pcapng", "part.pcap.gz"))
    _write(plain, units)
    _write(ng, units)
    with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target)
    runs: dict[Path, list[Run]] = {plain: [], ng: [], packed: []}
    for _ in range(ROUNDS):
        for path, done in runs.items():
            done.append(_ours(path))
    base = _median(runs[plain])
    return [
        f"{path.suffixes[-1][1:]}: {_median(runs[path]) / base:.2f} times the time of pcap, "
        f"peak {_peak(runs[path]):.0f} MB"
        for path in (ng, packed)
    ]


def _write(path: Path, units: int) -> None:
    """Made by another process: a child starts with the peak memory of its parent."""
    command = [sys.executable, "-m", "bench.traffic", str(path), str(units)]
    subprocess.run(command, check=True)


def _units(packets: int) -> int:
    """Repetitions of the unit that give about so many packets."""
    return max(1, round(packets / traffic.UNIT))


def _ours(path: Path) -> Run:
    return _run([sys.executable, "-c", _READ, str(path)])


def _run(command: list[str]) -> Run:
    """Run a process to its end. Raises CalledProcessError when it fails."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Run(time.perf_counter() - started, usage.ru_maxrss / 1024)


def _median(runs: list[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def _peak(runs: list[Run]) -> float:
    return max(run.memory for run in runs)
