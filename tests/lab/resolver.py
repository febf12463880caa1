"""The provider's resolver of a scene that has no DNS fault: `python -m tests.lab.resolver [6]`.

It answers truly on all of the resolver's addresses; AAAA records only when asked to.
"""

from __future__ import annotations

import contextlib
import sys
import threading

from agent.demo.resolver import DemoResolver
from tests.lab import addresses


def main() -> None:
    """Answer until the namespace ends us."""
    six = sys.argv[1:] == ["6"]
    zone = {
        name: [address for address in answer if six or ":" not in address]
        for name, answer in addresses.ZONE.items()
    }
    with contextlib.ExitStack() as stack:
        for host in (*addresses.RESOLVER, *addresses.PUBLIC_RESOLVERS):
            stack.enter_context(DemoResolver(host, 53, zone))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
