"""How long until help answers?  Medians of alternating runs beside an empty Python."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 7
CHATPATH = str(Path(sys.executable).parent / "chatpath")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "chatpath --help": [CHATPATH, "--help"],
    **{
        f"chatpath {name} --help": [CHATPATH, name, "--help"]
        for name in ("demo", "capture", "analyze", "report", "tables", "replay", "findings")
    },
}


def measure() -> list[str]:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - started)
    return [f"{name}: {statistics.median(found) * 1000:.0f} ms" for name, found in times.items()]
