"""Does the sampler lose anything at 50,000 packets a second?

Two network namespaces made for the purpose, joined by a veth pair.  One end
sends bulk TLS records with name lookups, connection set-ups and hellos among
them; the other samples.  What the kernel filter admits is counted exactly,
because the sender knows what it sent.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dns.message

RATE = 50_000
SECONDS = 10
ROUND = 1000
LOOKUPS, SYNS, HELLOS = 20, 20, 10
SENDER = "chatpath-bench-a"
SAMPLER = "chatpath-bench-b"


def measure() -> list[str]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return ["skipped: needs root and the ip command"]
    names = (SENDER, SAMPLER)
    try:
        for name in names:
            _run("ip", "netns", "add", name)
        _run(
            "ip",
            "link",
            "add",
            "va",
            "netns",
            SENDER,
            "type",
            "veth",
            "peer",
            "vb",
            "netns",
            SAMPLER,
        )
        _run("ip", "-n", SENDER, "link", "set", "va", "up")
        _run("ip", "-n", SAMPLER, "link", "set", "vb", "up")
        return [_one(rate) for rate in (RATE, 2 * RATE)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _one(rate: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        sampler = subprocess.Popen(
            [
                *("ip", "netns", "exec", SAMPLER, sys.executable, "-m", "agent.capture.sampler"),
                *("--out", str(Path(folder) / "p.pcapng"), "--interface", "vb"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert sampler.stdin is not None
        assert sampler.stdout is not None
        assert json.loads(sampler.stdout.readline())["kind"] == "ready"
        sent = subprocess.run(
            ["ip", "netns", "exec", SENDER, sys.executable, "-m", "bench.sampling", str(rate)],
            capture_output=True,
            text=True,
            check=True,
        )
        told = json.loads(sent.stdout)
        sampler.stdin.close()
        last = json.loads(sampler.stdout.read().splitlines()[-1])
        sampler.wait()
    lost = told["admitted"] - last["written"]
    return (
        f"offered {told['rate']:,.0f} packets/s for {told['seconds']:.1f} s; lookups, set-ups and "
        f"hellos among them {told['admitted']:,}; sampled {last['written']:,}; lost {lost:,}; "
        f"kernel drops {last['dropped']:,}"
    )


def send(rate: int) -> dict[str, float]:
    """Send a fixed round of packets over and over at `rate`; what was sent."""
    packets = one_round()
    admitted_a_round = LOOKUPS + SYNS + HELLOS
    rounds = rate * SECONDS // ROUND
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        raw.bind(("va", 0))
        started = time.monotonic()
        for number in range(rounds):
            for packet in packets:
                raw.send(packet)
            early = started + (number + 1) * ROUND / rate - time.monotonic()
            if early > 0:
                time.sleep(early)
        seconds = time.monotonic() - started
    return {
        "rate": rounds * ROUND / seconds,
        "seconds": seconds,
        "admitted": rounds * admitted_a_round,
    }


def one_round() -> list[bytes]:
    """One round: bulk records with the packets that matter spread among them."""
    query = dns.message.make_query("ws.chatgpt.com", "A", id=1).to_wire()
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(505)
    bulk = b"\x17\x03\x03\x05\x78" + bytes(1395)
    special = [_udp(query)] * LOOKUPS + [_tcp(b"", 0x02)] * SYNS + [_tcp(hello, 0x18)] * HELLOS
    step = ROUND // len(special)
    packets = [_tcp(bulk, 0x10)] * ROUND
    for index, packet in enumerate(special):
        packets[index * step] = packet
    return packets


def _ip(protocol: int, payload: bytes) -> bytes:
    ethernet = b"\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00"
    source, target = socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2")
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, source, target
    )
    return ethernet + header + payload


def _udp(payload: bytes) -> bytes:
    return _ip(17, struct.pack("!HHHH", 40000, 53, 8 + len(payload), 0) + payload)


def _tcp(payload: bytes, flags: int) -> bytes:
    head = struct.pack("!HHIIBBHHH", 40001, 443, 1, 1, 0x50, flags, 65535, 0, 0)
    return _ip(6, head + payload)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(send(int(sys.argv[1]))))
