"""HAR and NetLog files to tables: how long, and how much memory at the peak.

MEGABYTES in the environment makes the files smaller or larger.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.runs import Run, median, peak, run

MEGABYTES = int(os.environ.get("MEGABYTES", "300"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
_START = 1_700_000_000
_READ = (
    "import sys, pathlib; from analysis.read import read_source; "
    "read_source(pathlib.Path(sys.argv[1]))"
)
_TYPES = ("REQUEST_ALIVE", "URL_REQUEST_START_JOB", "HTTP_TRANSACTION_READ_RESPONSE_HEADERS")
_PHASES = {"PHASE_NONE": 0, "PHASE_BEGIN": 1, "PHASE_END": 2}


def measure() -> list[str]:
    """Lines with the figures."""
    made: dict[str, Callable[[Path], int]] = {"bench.har": _write_har, "bench.json": _write_netlog}
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in made.items():
            path = Path(folder) / name
            count = write(path)
            runs: list[Run] = [run([sys.executable, "-c", _READ, str(path)]) for _ in range(ROUNDS)]
            kind = "HAR" if name.endswith(".har") else "NetLog"
            lines.append(
                f"{kind}, {count:,} requests, {path.stat().st_size / 1e6:.0f} MB: "
                f"{median(runs):.2f} s, peak {peak(runs):.0f} MB"
            )
            path.unlink()
    return lines


def _write_har(path: Path) -> int:
    """Entries with bodies of 20 kB; how many."""
    count = 0
    with path.open("w", encoding="ascii") as file:
        file.write('{"log": {"version": "1.2", "creator": {"name": "bench"}, "entries": [\n')
        while file.tell() < MEGABYTES * 1_000_000:
            file.write((",\n" if count else "") + json.dumps(_entry(count)))
            count += 1
        file.write("\n]}}\n")
    return count


def _entry(number: int) -> dict[str, object]:
    began = datetime.fromtimestamp(_START + number * 0.05, UTC).isoformat()
    headers = [{"name": f"x-header-{index}", "value": "v" * 60} for index in range(12)]
    return {
        "startedDateTime": began,
        "time": 60.0,
        "request": {
            "method": "GET",
            "url": f"https://chatgpt.com/backend-api/conversations?offset={number}",
            "httpVersion": "h2",
            "headers": headers,
            "queryString": [],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "statusText": "",
            "httpVersion": "h2",
            "headers": headers,
            "cookies": [],
            "content": {"size": 20_000, "mimeType": "application/json", "text": "a" * 20_000},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 20_000,
        },
        "cache": {},
        "timings": {"blocked": 1, "dns": -1, "connect": -1, "send": 1, "wait": 50, "receive": 8},
    }


def _write_netlog(path: Path) -> int:
    """Requests, one event a line as Chromium writes them; how many requests."""
    constants = {
        "logEventPhase": _PHASES,
        "logEventTypes": {name: number for number, name in enumerate(_TYPES)},
        "logFormatVersion": 1,
        "logSourceType": {"URL_REQUEST": 1},
        "netError": {"ERR_ABORTED": -3},
        "timeTickOffset": _START * 1000,
    }
    count = 0
    with path.open("w", encoding="ascii") as file:
        file.write(f'{{"constants":{json.dumps(constants)},\n"events": [\n')
        while file.tell() < MEGABYTES * 1_000_000:
            for event in _events(count):
                file.write((",\n" if count else "") + json.dumps(event))
                count += event["type"] == 0 and event["phase"] == 1
        file.write("]}\n")
    return count


def _events(number: int) -> Iterator[dict[str, object]]:
    source = {"id": number, "start_time": str(number * 50), "type": 1}
    url = f"https://chatgpt.com/backend-api/conversations?offset={number}"
    headers = ["HTTP/1.1 200", *(f"x-header-{index}: {'v' * 60}" for index in range(20))]
    steps: tuple[tuple[int, int, dict[str, object]], ...] = (
        (0, 1, {}),
        (1, 1, {"method": "GET", "url": url, "load_flags": 0}),
        (2, 0, {"headers": headers}),
        (1, 2, {}),
        (0, 2, {}),
    )
    for at, (kind, phase, params) in enumerate(steps):
        yield {
            "params": params,
            "phase": phase,
            "source": source,
            "time": str(number * 50 + at * 10),
            "type": kind,
        }
