"""A flow file to tables beside mitmproxy's own FlowReader, in alternating runs on one file.

A quarter each of the flows are pages, scripts, answers of the API and streamed answers.
FLOWS and ROUNDS in the environment make it smaller or larger.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mitmproxy import certs, http
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from bench.runs import Run, median_cpu, peak, run

FLOWS = int(os.environ.get("FLOWS", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
START = 1_700_000_000.0
_THEIRS = (
    "import sys; from mitmproxy import io; "
    "count = sum(1 for _ in io.FlowReader(open(sys.argv[1], 'rb')).stream())"
)
_OURS = (
    "import sys, pathlib; from analysis.read.flows import read_flows; "
    "tables = read_flows(pathlib.Path(sys.argv[1]))"
)
_SCRIPTS = "".join(f'<script src="/cdn/assets/{n:08x}-a{n:015x}.js"></script>' for n in range(75))
_PAGE = f'<html data-build="prod-{"a" * 40}"><head>{_SCRIPTS}</head><body>{"<p>words</p>" * 400}'
_DELTA = 'event: delta\ndata: {"p":"/message/content/parts/0","o":"append","v":"word %d "}\n\n'
_STREAM = "".join(_DELTA % n for n in range(200)) + "data: [DONE]\n\n"
BODIES: tuple[tuple[str, str, str], ...] = (
    ("/c/%d", "text/html", _PAGE),
    ("/cdn/assets/%08x-a000000000000000.js", "text/javascript", "let a = 1;\n" * 2000),
    ("/backend-api/conversations?offset=%d", "application/json", '{"items": [{"a": "b"}]}' * 300),
    ("/backend-api/f/conversation?n=%d", "text/event-stream", _STREAM),
)


def measure() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.mitm"
        write_flow_file(path, FLOWS)
        ours: list[Run] = []
        theirs: list[Run] = []
        for _ in range(ROUNDS):
            theirs.append(run([sys.executable, "-c", _THEIRS, str(path)]))
            ours.append(run([sys.executable, "-c", _OURS, str(path)]))
        size = path.stat().st_size / 1e6
    seconds, bare = median_cpu(ours), median_cpu(theirs)
    return [
        f"{FLOWS:,} flows, {size:.0f} MB: {seconds:.2f} s of processors, "
        f"{FLOWS / seconds:,.0f} flows/s, peak {peak(ours):.0f} MB",
        f"mitmproxy's FlowReader alone: {bare:.2f} s, peak {peak(theirs):.0f} MB; "
        f"ratio of medians {seconds / bare:.2f}",
    ]


def write_flow_file(path: Path, count: int) -> None:
    """`count` flows of one session, 100 to a connection."""
    states = [_state(url, kind, body) for url, kind, body in BODIES]
    with path.open("wb") as file:
        for number in range(count):
            place, state = BODIES[number % 4][0], states[number % 4]
            state["id"] = f"{number:08x}-0000-4000-8000-000000000000"
            state["server_conn"]["id"] = f"{number // 100:08x}-0000-4000-8000-000000000001"
            request, response = state["request"], state["response"]
            request["path"] = (place % number).encode()
            begun = START + number * 0.01
            request["timestamp_start"], request["timestamp_end"] = begun, begun + 0.001
            response["timestamp_start"], response["timestamp_end"] = begun + 0.05, begun + 0.1
            tnetstring.dump(state, file)


def _state(path: str, kind: str, body: str) -> dict[str, Any]:
    item = tflow.tflow(resp=True)
    item.request.scheme, item.request.host, item.request.port = "https", "chatgpt.com", 443
    item.request.path = path
    item.request.headers = http.Headers(
        [
            (b"host", b"chatgpt.com"),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/148.0"),
            (b"accept", b"*/*"),
            (b"cookie", b"; ".join(b"name%d=%032d" % (n, n) for n in range(20))),
            (b"authorization", b"Bearer " + b"a1" * 400),
            (b"referer", b"https://chatgpt.com/"),
            (b"sec-fetch-dest", b"empty"),
            (b"oai-language", b"en-US"),
        ]
    )
    item.server_conn.certificate_list = list[certs.Cert]()
    assert item.response is not None
    item.response.headers = http.Headers(
        [
            (b"content-type", kind.encode() + b"; charset=utf-8"),
            (b"date", b"Tue, 14 Nov 2023 22:13:20 GMT"),
            (b"server", b"cloudflare"),
            (b"cf-ray", b"9a1b2c3d4e5f6071-CGK"),
            (b"cf-cache-status", b"DYNAMIC"),
            (b"x-oai-request-id", b"1a2b3c4d-0000-4000-8000-000000000000"),
            (b"alt-svc", b'h3=":443"; ma=86400'),
            (b"strict-transport-security", b"max-age=31536000"),
            (b"set-cookie", b"__cf_bm=" + b"b2" * 80 + b"; path=/; secure; httponly"),
        ]
    )
    item.response.raw_content = body.encode()
    state: dict[str, Any] = item.get_state()
    return state
