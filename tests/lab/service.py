"""The service's process: `python -m tests.lab.service PLAN.json`, inside the service's namespace.

It listens on every address for TCP 443, for UDP 443 where the plan offers HTTP/3, and on 3478 for
STUN. It says "ready" once all are open.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve

from agent.demo.certificates import Certificates
from agent.demo.service import Listener, ServiceConfig
from tests.lab import addresses
from tests.lab.service_app import LabApp
from tests.lab.service_plan import ServicePlan

STUN_PORT = 3478
_MAGIC = 0x2112A442


def main() -> None:
    """Serve until the namespace ends us."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    plan = ServicePlan.parse(settings["plan"])
    certificates = Certificates(
        Path(settings["ca"]), Path(settings["chain"]), Path(settings["key"]), settings["spki"]
    )
    asyncio.run(_serve(plan, certificates, random.Random(settings["seed"])))


async def _serve(plan: ServicePlan, certificates: Certificates, chance: random.Random) -> None:
    listeners = [Listener.bound("0.0.0.0", 443), _version_six("::", 443)]

    def abort(peer: tuple[str, int]) -> None:
        for listener in listeners:
            if listener.knows(peer):
                listener.reset(peer)

    app = LabApp(plan, abort, pace=chance.uniform(0.7, 1.3))
    quic = [_udp(address, 443) for address in addresses.service_addresses() if plan.http3]
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, __: None)  # clients that go away are no news
    if plan.voice:
        for address in addresses.ZONE["voice.chatgpt.com"]:
            await loop.create_datagram_endpoint(_Stun, sock=_udp(address, STUN_PORT))
    config = _Config(list(listeners), certificates, quic)
    config.ahead = plan.clock
    config.h11_max_incomplete_size = 1 << 18  # cookies past all limits should reach the edge's rule
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)  # type: ignore[arg-type]


class _Config(ServiceConfig):
    """With a clock of its own: `ahead` seconds."""

    ahead = 0.0

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        date = formatdate(time.time() + self.ahead, usegmt=True).encode()
        kept = [item for item in super().response_headers(protocol) if item[0] != b"date"]
        return [(b"date", date), *kept]


class _Stun(asyncio.DatagramProtocol):
    """Answers binding requests (RFC 8489, section 7.3.1)."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        if len(data) < 20 or data[:2] != b"\x00\x01":
            return
        port = peer[1] ^ (_MAGIC >> 16)
        address = struct.unpack("!I", socket.inet_aton(peer[0]))[0] ^ _MAGIC
        attribute = struct.pack("!HHBBHI", 0x20, 8, 0, 1, port, address)
        head = struct.pack("!HHI", 0x101, len(attribute), _MAGIC) + data[8:20]
        self._transport.sendto(head + attribute, peer)


def _udp(address: str, port: int) -> socket.socket:
    # one socket per address: the answer must come from where it was asked
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_DGRAM)
    found.bind((address, port))
    found.setblocking(False)
    return found


def _version_six(host: str, port: int) -> Listener:
    listener = Listener(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    listener.begin()
    return listener


if __name__ == "__main__":
    main()
