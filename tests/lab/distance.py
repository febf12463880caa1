"""How far away the service is: `python -m tests.lab.distance MS`, inside its namespace.

No real client has the service within a millisecond, and a detector may rightly take an answer
from so near for a middlebox. The lab's kernels have no netem, so that the packets which leave the
service wait here, in NFQUEUE, for the round-trip time.
"""

from __future__ import annotations

import collections
import select
import subprocess
import sys
import time
from typing import Any

from netfilterqueue import COPY_PACKET, NetfilterQueue

_QUEUE = 7
_RULE = ("OUTPUT", "-o", "eth0", "-j", "NFQUEUE", "--queue-num", str(_QUEUE), "--queue-bypass")


def main() -> None:
    """Delay until the namespace ends us."""
    seconds = float(sys.argv[1]) / 1000
    held: collections.deque[tuple[float, Any]] = collections.deque()

    def take(packet: Any) -> None:
        packet.retain()
        held.append((time.monotonic() + seconds, packet))

    queue = NetfilterQueue()
    # the packet itself stays in the kernel; its first bytes are what `retain` asks for
    queue.bind(_QUEUE, take, 8192, COPY_PACKET, 20)
    for command in ("iptables", "ip6tables"):
        subprocess.run([command, "-w", "-t", "mangle", "-A", *_RULE], check=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([queue.get_fd()], [], [], wait)
        while held and held[0][0] <= time.monotonic():
            held.popleft()[1].accept()
        if readable:
            queue.run(False)


if __name__ == "__main__":
    main()
