"""Tables made by hand: short constructors of rows for the tests of detectors and diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analysis.detect import detect
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import CaptureFacts, Tables, frame_of_rows

type Row = dict[str, Any]

GOOD = "104.18.32.47"
RESOLVER = "10.0.0.53"


def tables(captures: Iterable[CaptureFacts] = (), **rows: Sequence[Row]) -> Tables:
    frames = {name: frame_of_rows(name, found) for name, found in rows.items()}
    return Tables.of(frames, captures=captures)


def found(given: Tables) -> dict[str, Finding]:
    """Findings by id; a test that expects two of one id looks at detect() itself."""
    return {finding.id: finding for finding in detect(given)}


def serious(given: Tables) -> set[str]:
    """Ids of findings at warning or above."""
    return {f.id for f in detect(given) if f.severity is not Severity.INFO}


def answer(
    qname: str, *addresses: str, frame: int | None = 2, at: float = 100.0, **more: Any
) -> Row:
    return {
        "source": "p.pcapng",
        "frame": frame,
        "time": at,
        "protocol": "dns",
        "transport": "udp",
        "src": RESOLVER,
        "src_port": 53,
        "dst": "10.0.0.2",
        "dst_port": 50000,
        "id": frame or 7,
        "response": True,
        "qname": qname,
        "qtype": "A",
        "rcode": 0,
        "answers": list(addresses),
        "latency_ms": 12.0,
        **more,
    }


def query(qname: str, *, frame: int = 1, at: float = 100.0, **more: Any) -> Row:
    row = answer(qname, frame=frame, at=at)
    row.update(
        src="10.0.0.2",
        src_port=50000,
        dst=RESOLVER,
        dst_port=53,
        response=False,
        rcode=None,
        answers=None,
        latency_ms=None,
    )
    return row | more


def handshakes(
    count: int = 4,
    *,
    near: float = 10.0,
    far: float | None = 12.0,
    sni: str = "chatgpt.com",
    server: str = GOOD,
    start: int = 0,
    tcp: Row | None = None,
    tls: Row | None = None,
) -> dict[str, list[Row]]:
    """`count` TLS connections as packets show them."""
    streams, hellos = [], []
    for number in range(start, start + count):
        at = 100.0 + number
        base = 10 * number
        streams.append(
            {
                "source": "p.pcapng",
                "stream": number,
                "client": "10.0.0.2",
                "client_port": 40000 + number,
                "server": server,
                "server_port": 443,
                "first_time": at,
                "last_time": at + 60,
                "first_frame": base + 1,
                "syn_frame": base + 1,
                "synack_frame": base + 2,
                "syn_rtt_ms": near,
                "server_payload": 40000,
                "server_sent": 40000,
                "last_payload_time": at + 20,
                "app": "tls",
                **(tcp or {}),
            }
        )
        hellos.append(
            {
                "source": "p.pcapng",
                "frame": base + 4,
                "stream": number,
                "time": at + 0.1,
                "client": "10.0.0.2",
                "client_port": 40000 + number,
                "server": server,
                "server_port": 443,
                "sni": sni,
                "server_hello_ms": far,
                "server_hello_frame": None if far is None else base + 5,
                **(tls or {}),
            }
        )
    return {"tcp": streams, "tls": hellos}


def exchange(flow: str, path: str = "/", **more: Any) -> Row:
    return {
        "source": "flows.mitm",
        "flow": flow,
        "started": 100.0,
        "ended": 101.0,
        "method": "GET",
        "scheme": "https",
        "host": "chatgpt.com",
        "path": path,
        "status": 200,
        "cf_ray": "8f2d1c3b4a5d6e7f-SIN",
        "server": "cloudflare",
        **more,
    }


def document(flow: str = "page") -> Row:
    return exchange(flow, content_type="text/html", request_dest="document")


def script(number: int, outcome: str = "loaded", **more: Any) -> Row:
    return {
        "source": "flows.mitm",
        "page": "page",
        "page_url": "https://chatgpt.com/",
        "url": f"https://chatgpt.com/cdn/assets/{number}.js",
        "host": "chatgpt.com",
        "kind": "script",
        "needed": True,
        "outcome": outcome,
        "flow": None if outcome == "never_asked" else f"s{number}",
        **more,
    }


def socket(number: int = 1, **more: Any) -> Row:
    """A websocket that was opened."""
    return {
        "source": "flows.mitm",
        "flow": f"w{number}",
        "host": "ws.chatgpt.com",
        "path": "/p1/ws/user/{id}",
        "requested": 100.0 + number,
        "opened": 100.1 + number,
        "status": 101,
        "client_frames": 0,
        "server_frames": 0,
        **more,
    }


def dropped(number: int = 1, **more: Any) -> Row:
    """A websocket that something cut."""
    end = {"ended": 160.0 + number, "close_code": 1006, "clean": False, "closed_by": "server"}
    return socket(number, **(end | {"idle_before_end_s": 3.0 + number} | more))


def frame(sequence: int | None, at: float, **more: Any) -> Row:
    return {
        "source": "flows.mitm",
        "flow": "w1",
        "time": at,
        "from_client": False,
        "opcode": 1,
        "size": 100,
        "topic": "conversation-turn-a",
        "sequence": sequence,
        "items": None if sequence is None else [f"item{sequence}"],
        **more,
    }


def connection(number: int = 1, **more: Any) -> Row:
    return {
        "source": "flows.mitm",
        "connection": f"c{number}",
        "started": 100.0 + number,
        "host": "chatgpt.com",
        "port": 443,
        "address": GOOD,
        "tcp_ms": 10.0,
        "tls_ms": 30.0,
        "tls_version": "TLSv1.3",
        "verified": True,
        **more,
    }
