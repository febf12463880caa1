"""Samples packets in a process of its own, so that neither it nor the proxy can stall the other.

Raw receive behind a kernel filter, through scapy's listening socket; nothing is
dissected here, but credentials in clear are masked.  Runs until its standard
input closes, which also happens when the session that started it is killed.
Speaks JSON lines on standard output: ``ready`` or ``failed`` first, then
``counts`` once a second and at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.capture.kernel_filter import dns_filter, session_filter
from agent.capture.masking import without_credentials
from agent.capture.pcapng import Interface, PcapngWriter

SNAP_LENGTH = 4096
"""Octets kept of a packet: whole DNS messages and hellos."""

MOST_BULK = 500_000
"""Segments of which only the headers are kept; about 50 MB, a file of a gigabyte."""

RECEIVE_BUFFER = 16 * 1024 * 1024
_BATCH = 512
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 263, 6, 23
_SO_RCVBUFFORCE = 33
_ETHERNET, _RAW = 1, 101
_NO_HEADER = {519, 768, 769, 776, 65534}
"""Linux' hardware types RAWIP, TUNNEL, TUNNEL6, SIT and NONE (linux/if_arp.h)."""


@dataclass(slots=True)
class Tap:
    """One listening socket and its counters."""

    socket: Any
    interface: Interface
    received: int = 0
    dropped: int = 0

    def count(self) -> None:
        """Add the kernel's counters, which start over at each read; scapy never reads them."""
        with contextlib.suppress(OSError, AttributeError):
            raw = self.socket.ins.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            received, dropped = struct.unpack("II", raw)
            self.received += received
            self.dropped += dropped


def open_taps(
    interfaces: Sequence[str],
    ports: Sequence[int],
    dns_only: Sequence[str],
    only_ports: Sequence[int] = (),
    whole: Sequence[str] = (),
) -> list[Tap]:
    """Listen on each interface; an interface in `dns_only` gives name lookups alone.

    `ports` carry name lookups; `only_ports` limits everything to these ports;
    every segment of connections to the networks `whole` is taken.

    Raises OSError without the right to listen, ValueError when the filter
    cannot be compiled because libpcap is missing.
    """
    from scapy.config import conf
    from scapy.error import Scapy_Exception

    import_module("scapy.arch")  # chooses the platform's sockets
    import_module("scapy.layers.l2")  # registers the link types
    conf.bufsize = RECEIVE_BUFFER
    taps = []
    listen: Any = conf.L2listen
    for name in interfaces:
        text = dns_filter(ports) if name in dns_only else session_filter(ports, only_ports, whole)
        try:
            listening = listen(iface=name, filter=text, promisc=False)
        except Scapy_Exception as error:
            raise ValueError(str(error)) from error
        raw = listening.ins
        if isinstance(raw, socket.socket):
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
            if name.startswith("lo"):
                # a packet on the loopback passes twice, out and in
                with contextlib.suppress(OSError):
                    raw.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            raw.setblocking(False)
        link_type = _RAW if _headerless(listening) else _ETHERNET
        tap = Tap(listening, Interface(name, link_type, text))
        # scapy opens the socket before it attaches the filter: what overflowed
        # in between was never asked for
        tap.count()
        tap.received = tap.dropped = 0
        taps.append(tap)
    return taps


def _headerless(listening: Any) -> bool:
    """Whether packets begin with their IP header, as on a tunnel's device.

    Scapy knows no layer for Linux' tun devices, by which WireGuard and OpenVPN go.
    """
    if getattr(listening.LL, "__name__", "Ether") in {"IP", "IPv6"}:
        return True
    with contextlib.suppress(OSError, AttributeError, IndexError, TypeError):
        return listening.ins.getsockname()[3] in _NO_HEADER
    return False


def wire_length(data: bytes, link_type: int) -> int:
    """The length on the wire of a packet that filled the snap length, from its IP header."""
    at = 14 if link_type == _ETHERNET else 0
    if len(data) < at + 6:
        return len(data)
    version = data[at] >> 4
    length = int.from_bytes(data[at + 2 : at + 4] if version == 4 else data[at + 4 : at + 6])
    return max(len(data), at + length + (40 if version == 6 else 0))


_TCP = 6
_ENDS = 7  # FIN, SYN, RST
_PUSH = 8
_ALERT, _HANDSHAKE, _DATA = 21, 22, 23
_RECORD_HEADER = 5
_FULL = 1300
_SHORT = 300
"""What a client and a proxy say to each other before the session is shorter."""


def bulk_kept(data: bytes, link_type: int) -> int | None:
    """The octets to keep of a segment that carries no more news than its header.

    None for everything that is kept whole, which is what the kernel's filter takes
    of any connection: see `agent.capture.kernel_filter`.
    """
    at = 14 if link_type == _ETHERNET else 0
    if len(data) < at + 40:
        return None
    version = data[at] >> 4
    if version == 4 and data[at + 9] == _TCP:
        tcp = at + 4 * (data[at] & 0xF)
    elif version == 6 and data[at + 6] == _TCP:
        tcp = at + 40
    else:
        return None
    payload = tcp + 4 * (data[tcp + 12] >> 4) if len(data) > tcp + 13 else len(data)
    if len(data) <= payload or data[tcp + 13] & _ENDS:
        return None
    begins = data[payload]
    if begins in (_ALERT, _HANDSHAKE) or data[payload : payload + 4] in (b"CONN", b"HTTP"):
        return None
    if begins != _DATA and len(data) < payload + _SHORT:
        return None
    to_service = data[tcp + 2 : tcp + 4] == b"\x01\xbb"
    if not to_service and data[tcp : tcp + 2] != b"\x01\xbb":
        return None
    rest_of_hello = to_service and data[tcp + 13] & _PUSH and len(data) < at + _FULL
    if rest_of_hello and begins != _DATA:
        return None
    return payload + _RECORD_HEADER


class Sampler:
    """Moves packets from the taps to the file until `stop` is set."""

    def __init__(self, taps: Sequence[Tap], writer: PcapngWriter) -> None:
        self.taps = taps
        self.writer = writer
        self.written = 0
        self.bulk = 0
        self.stop = threading.Event()

    def run(self, report_every: float = 1.0) -> None:
        selector = selectors.DefaultSelector()
        for index, tap in enumerate(self.taps):
            selector.register(tap.socket, selectors.EVENT_READ, index)
        reported = time.monotonic()
        while not self.stop.is_set():
            for key, _ in selector.select(0.1):
                self.drain(key.data)
            if time.monotonic() - reported >= report_every:
                reported = time.monotonic()
                self.report("counts")
        for index in range(len(self.taps)):
            while self.drain(index):
                pass
        now = time.time_ns()
        for index, tap in enumerate(self.taps):
            tap.count()
            self.writer.statistics(index, now, tap.received, tap.dropped)
        self.writer.close()
        self.report("counts")

    def drain(self, index: int) -> int:
        """Take what waits on one tap, at most a batch; the number of packets taken."""
        tap = self.taps[index]
        batch = []
        taken = 0
        link_type = tap.interface.link_type
        for _ in range(_BATCH):
            try:
                _, data, when = tap.socket.recv_raw(SNAP_LENGTH)
            except (BlockingIOError, TimeoutError):
                break
            except OSError:
                break  # the interface went down; what was sampled stays
            if data is None:
                break
            taken += 1
            length = wire_length(data, link_type) if len(data) >= SNAP_LENGTH else len(data)
            kept = bulk_kept(data, link_type)
            if kept is None:
                data = without_credentials(data)
            else:
                self.bulk += 1
                if self.bulk > MOST_BULK:
                    continue
                data = data[:kept]
            batch.append((index, int((when or time.time()) * 1e9), data, length))
        if batch:
            self.writer.write(batch)
            self.written += len(batch)
        return taken

    def report(self, kind: str) -> None:
        for tap in self.taps:
            tap.count()
        say(
            kind,
            written=self.written,
            whole=self.bulk <= MOST_BULK,
            received=sum(tap.received for tap in self.taps),
            dropped=sum(tap.dropped for tap in self.taps),
        )


def say(kind: str, **facts: object) -> None:
    """One JSON line to the session."""
    with contextlib.suppress(BrokenPipeError, ValueError):
        sys.stdout.write(json.dumps({"kind": kind, **facts}) + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m agent.capture.sampler")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--interface", action="append", default=[])
    parser.add_argument("--dns-only", action="append", default=[])
    parser.add_argument("--dns-port", action="append", type=int, default=[])
    parser.add_argument("--only-port", action="append", type=int, default=[])
    parser.add_argument("--whole", action="append", default=[])
    options = parser.parse_args(arguments)
    # Ctrl-C reaches the whole process group; the session decides when to stop, and what
    # was taken from the kernel is not yet in the file
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        taps = open_taps(
            options.interface,
            options.dns_port or [53],
            options.dns_only,
            options.only_port,
            options.whole,
        )
    except (OSError, ValueError) as error:
        say("failed", reason=str(error), denied=isinstance(error, PermissionError))
        return 1
    writer = PcapngWriter(options.out, [tap.interface for tap in taps], SNAP_LENGTH)
    sampler = Sampler(taps, writer)

    def until_closed() -> None:
        sys.stdin.buffer.read()
        sampler.stop.set()

    threading.Thread(target=until_closed, daemon=True).start()
    say("ready", interfaces=[tap.interface.name for tap in taps])
    sampler.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
