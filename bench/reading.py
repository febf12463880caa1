"""Packets to tables beside `tshark -T fields`, in alternating runs on one file."""

from __future__ import annotations

import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.sampling import one_round

PACKETS = 100_000
ROUNDS = 3
FIELDS = (
    *("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport"),
    *("tcp.flags", "tcp.seq", "tcp.ack", "tcp.len", "tcp.stream", "tcp.analysis.retransmission"),
    *("dns.id", "dns.qry.name", "dns.flags.rcode", "dns.a", "dns.aaaa", "dns.cname"),
    *("tls.handshake.type", "tls.handshake.extensions_server_name"),
)
_READ = (
    "import sys, pathlib; from analysis.read.packets import read_packets; "
    "tables = read_packets(pathlib.Path(sys.argv[1])); print(len(tables['tcp']))"
)


def measure() -> list[str]:
    tshark = shutil.which("tshark")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bulk.pcap"
        _write(path)
        ours = [sys.executable, "-c", _READ, str(path)]
        theirs = [tshark or "", "-n", "-r", str(path), "-T", "fields"]
        theirs += [word for name in FIELDS for word in ("-e", name)]
        mine: list[float] = []
        peer: list[float] = []
        for _ in range(ROUNDS):
            mine.append(_timed(ours))
            if tshark:
                peer.append(_timed(theirs))
    seconds = statistics.median(mine)
    line = f"{PACKETS:,} packets: {seconds:.2f} s, {PACKETS / seconds:,.0f} packets/s"
    if not peer:
        return [line, "tshark: skipped, not installed"]
    ratio = statistics.median(p / m for p, m in zip(peer, mine, strict=True))
    return [line, f"tshark -T fields: {statistics.median(peer):.2f} s; ratio {ratio:.1f}"]


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def _write(path: Path) -> None:
    packets = one_round()
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(PACKETS):
            data = packets[number % len(packets)]
            stamp = divmod(number * 20, 1_000_000)
            file.write(
                struct.pack("<IIII", 1_700_000_000 + stamp[0], stamp[1], len(data), len(data))
            )
            file.write(data)
