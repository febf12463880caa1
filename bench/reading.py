"""Packets to tables beside `tshark -T fields`, in alternating runs on one file.

PACKETS and ROUNDS in the environment make it smaller or larger.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import traffic
from bench.runs import Run, median, median_cpu, peak, run

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
    mine: list[Run] = []
    peer: list[Run] = []
    double: list[Run] = []
    for _ in range(ROUNDS):
        mine.append(_ours(path))
        if tshark is not None:
            fields = [word for field in FIELDS for word in ("-e", field)]
            peer.append(run([tshark, "-n", "-r", str(path), "-T", "fields", *fields]))
        double.append(_ours(twice))
    seconds = median(mine)
    lines = [
        f"{packets:,} packets, {path.stat().st_size / packets:.0f} octets each: {seconds:.2f} s "
        f"({median_cpu(mine):.2f} s of processors), {packets / seconds:,.0f} packets/s, "
        f"peak {peak(mine):.0f} MB",
        f"twice the file: {median(double) / seconds:.2f} times as long, peak {peak(double):.0f} MB",
    ]
    twice.unlink()
    if not peer:
        return [*lines, "tshark: skipped, not installed"]
    return [
        *lines,
        f"tshark -T fields, {len(FIELDS)} fields: {median(peer):.2f} s "
        f"({median_cpu(peer):.2f} s of processors), peak {peak(peer):.0f} MB; "
        f"ratio of medians {median(peer) / seconds:.1f} "
        f"({median_cpu(peer) / median_cpu(mine):.1f} by processor time)",
    ]


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
    base = median(runs[plain])
    return [
        f"{path.suffixes[-1][1:]}: {median(runs[path]) / base:.2f} times the time of pcap, "
        f"peak {peak(runs[path]):.0f} MB"
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
    return run([sys.executable, "-c", _READ, str(path)])
