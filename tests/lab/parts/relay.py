"""A device in user space on the router: packets pass through NFQUEUE and a chain of behaviours.

The kernel of the lab's machines has no netem, and no kernel forges resets. `Relay` puts its rule
into the forward path and runs this file as the program that judges what comes out of the queue.
"""

from __future__ import annotations

import heapq
import importlib.util
import json
import select
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.network import Namespace
from tests.lab.parts.program import Program
from tests.lab.parts.sni_match import SniMatch

_QUEUE = 1  # numbers are a namespace's own
# nftables' own queue statement is not in every kernel; iptables' target is older
_RULE = ("FORWARD", "-j", "NFQUEUE", "--queue-num", str(_QUEUE), "--queue-bypass")


class Relay(Program):
    """`Relay(network.router, [{"kind": "impair", "delay_ms": 40, "seed": 7}])`.

    All that the router forwards passes the behaviours in order. Each names its `kind` of
    `behaviours.BEHAVIOURS` and its settings; `on` (addresses), `ports` (both of either end) and
    `protocol` (tcp or udp) narrow what it is told of.
    """

    command = "python3"
    package = "python3"
    ready = r"^relay: ready"

    def __init__(self, host: Namespace, *, behaviours: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(host)
        self._behaviours = behaviours
        self._ruled: list[str] = []

    @classmethod
    def why_not(cls) -> str | None:
        if importlib.util.find_spec("netfilterqueue") is None:
            return "needs the Python package NetfilterQueue (extra: lab)"
        return SniMatch.why_not()

    @classmethod
    def version(cls) -> str:
        from importlib.metadata import version

        return f"NetfilterQueue {version('NetfilterQueue')}"

    def argv(self, folder: Path) -> list[str]:
        (folder / "relay.json").write_text(json.dumps(list(self._behaviours)))
        return self.host.python("tests.lab.parts.relay", folder / "relay.json")

    def started(self, folder: Path) -> None:
        for command in ("iptables", "ip6tables"):
            self.host.run([command, "-t", "mangle", "-A", *_RULE])
            self._ruled.append(command)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for command in self._ruled:
            self.host.run([command, "-t", "mangle", "-D", *_RULE])
        self._ruled.clear()
        super().__exit__(kind, error, traceback)


def run(described: Sequence[Mapping[str, Any]]) -> None:
    """Judge packets until the process is ended."""
    from netfilterqueue import COPY_PACKET, NetfilterQueue

    from tests.lab.parts.behaviours import made
    from tests.lab.parts.packet import parse

    chain = [made(settings) for settings in described]
    voices = {
        False: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
        True: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
    }
    held: list[tuple[float, int, Any]] = []
    count = 0

    def say(forged: Any) -> None:
        is_v6 = ":" in forged.dst
        voices[is_v6].sendto(bytes(forged), (forged.dst, 0))

    def judge(item: Any) -> None:
        nonlocal count
        packet = parse(item.get_payload())
        now = time.monotonic()
        delay = 0.0
        for concerns, behaviour in chain if packet is not None else ():
            if not concerns(packet):
                continue
            fate = behaviour.fate(packet, now)
            for forged in fate.forged:
                say(forged)
            if fate.drop:
                item.drop()
                return
            delay += fate.delay
        if not delay:
            item.accept()
            return
        item.retain()
        count += 1
        heapq.heappush(held, (now + delay, count, item))

    queue = NetfilterQueue()
    queue.bind(_QUEUE, judge, max_len=4096, mode=COPY_PACKET)
    sys.stdout.write("relay: ready\n")
    sys.stdout.flush()
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([queue.get_fd()], [], [], wait)
        while held and held[0][0] <= time.monotonic():
            heapq.heappop(held)[2].accept()
        if readable:
            queue.run(False)


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text()))
