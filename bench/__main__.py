"""Runs every measurement that this machine allows and prints its figures."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench import flows, logs, reading, reports, sampling, startup, streaming

PARTS: dict[str, Callable[[], list[str]]] = {
    "sampling": sampling.measure,
    "streaming": streaming.measure,
    "startup": startup.measure,
    "reading": reading.measure,
    "flows": flows.measure,
    "logs": logs.measure,
    "reports": reports.measure,
}


def main() -> int:
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.stderr.write(
            f"bench: no such part {', '.join(unknown)}; there are {', '.join(PARTS)}\n"
        )
        return 2
    for name in wanted:
        sys.stdout.write(f"== {name}\n")
        for line in PARTS[name]():
            sys.stdout.write(f"   {line}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
