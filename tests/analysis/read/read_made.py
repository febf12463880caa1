"""Flow files, journals and bundles made for the tests of the readers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from mitmproxy import flow, http, io, websocket
from mitmproxy.test import tflow
from wsproto.frame_protocol import Opcode

from analysis.model.frames import Tables, arrow_schema
from analysis.model.tables import SCHEMAS

START = 1_700_000_000.0


def made_flow(
    path: str,
    *,
    host: str = "chatgpt.com",
    at: float = 0.0,
    status: int | None = 200,
    kind: str | None = "text/javascript",
    body: bytes = b"1",
    error: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> http.HTTPFlow:
    """One exchange that began `at` seconds after START and took a tenth of one."""
    made = tflow.tflow(resp=status is not None, err=error is not None)
    request = made.request
    request.scheme, request.host, request.port, request.path = "https", host, 443, path
    request.headers = http.Headers(host=host)
    request.timestamp_start, request.timestamp_end = START + at, START + at + 0.01
    if made.response is not None and status is not None:
        made.response.status_code = status
        made.response.headers = http.Headers()
        if kind is not None:
            made.response.headers["content-type"] = kind
        for name, value in (headers or {}).items():
            made.response.headers[name] = value
        made.response.raw_content = body
        made.response.timestamp_start = START + at + 0.05
        made.response.timestamp_end = START + at + 0.1
    if made.error is not None and error is not None:
        made.error.msg, made.error.timestamp = error, START + at + 0.1
    return made


def made_socket(
    messages: Iterable[tuple[bool, bytes]] = (),
    *,
    at: float = 0.0,
    code: int | None = 1000,
    by_client: bool | None = False,
    ended: float | None = 10.0,
    status: int = 101,
) -> http.HTTPFlow:
    """A websocket; message number n passed n seconds after it was asked for."""
    made = made_flow("/p18/ws/user/u-1?verify=s", host="ws.chatgpt.com", at=at, status=status)
    made.request.headers["upgrade"] = "websocket"
    if status == 101:
        made.websocket = websocket.WebSocketData(
            messages=[
                websocket.WebSocketMessage(Opcode.TEXT, client, content, START + at + number)
                for number, (client, content) in enumerate(messages, 1)
            ],
            closed_by_client=by_client,
            close_code=code,
            close_reason="why",
            timestamp_end=None if ended is None else START + at + ended,
        )
    return made


def write_flows(path: Path, flows: Iterable[flow.Flow]) -> Path:
    with path.open("wb") as file:
        writer = io.FlowWriter(file)
        for item in flows:
            writer.add(item)
    return path


def line(event: str, at: float, /, **facts: object) -> str:
    """One event of a journal, `at` seconds after START."""
    return json.dumps({"e": event, "t": START + at, **facts}) + "\n"


def request_line(flow_id: str, path: str, at: float, **facts: object) -> str:
    return line(
        "request",
        at,
        flow=flow_id,
        method="GET",
        url=f"https://chatgpt.com{path}",
        headers=facts.pop("headers", []),
        **facts,
    )


def response_line(flow_id: str, at: float, status: int, kind: str | None = None) -> str:
    headers = [] if kind is None else [["content-type", kind]]
    return line("response", at, flow=flow_id, status=status, headers=headers)


def make_bundle(
    folder: Path,
    *,
    session: Mapping[str, object] | None = None,
    journal: Iterable[str] = (),
    flows: Iterable[flow.Flow] = (),
) -> Path:
    """A bundle recorded by the addon alone, which ended properly."""
    folder.mkdir()
    facts: dict[str, object] = {
        "format": 1,
        "state": "complete",
        "started": START,
        "ended": START + 60,
        "packets": {"sampled": False, "reason": "recorded with the addon alone"},
    }
    facts.update(session or {})
    (folder / "session.json").write_text(json.dumps(facts))
    (folder / "events.jsonl").write_text("".join(journal))
    write_flows(folder / "flows.mitm", flows)
    return folder


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is missing."""
    return [
        {key: None if _missing(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def check_schema(tables: Tables) -> None:
    """Every frame has exactly the declared columns, in order and of their type."""
    assert set(tables.frames) == set(SCHEMAS)
    for name, frame in tables.frames.items():
        assert list(frame.columns) == list(SCHEMAS[name].column_names), name
        declared = [str(kind) for kind in arrow_schema(SCHEMAS[name]).types]
        assert [str(kind.pyarrow_dtype) for kind in frame.dtypes] == declared, name
