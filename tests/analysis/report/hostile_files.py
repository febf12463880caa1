"""A HAR, a flow file and a packet file in which every text is an attack."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rrset
from mitmproxy.flow import Error
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from report_samples import BEGIN, HOSTILE

_CLIENT, _SERVER = bytes([10, 0, 0, 2]), bytes([192, 0, 2, 1])


def write_hostile(folder: Path) -> list[Path]:
    """The three files of one session, in `folder`."""
    paths = [folder / name for name in ("hostile.har", "hostile.mitm", "hostile.pcap")]
    paths[0].write_text(json.dumps(_har()), encoding="utf-8")
    with paths[1].open("wb") as file:
        _flows(FlowWriter(file))
    paths[2].write_bytes(_pcap())
    return paths


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(BEGIN + at, UTC).isoformat()


def _entry(url: str, at: float, status: int, text: str, kind: str = "text/html") -> object:
    headers = [{"name": name, "value": HOSTILE[0]} for name in ("server", "via", "cf-ray")]
    return {
        "startedDateTime": _stamp(at),
        "time": 60.0,
        "timings": {"send": 1, "wait": 50, "receive": 9},
        "_error": HOSTILE[int(at) % len(HOSTILE)],
        "_initiator": {"type": "script", "url": HOSTILE[1]},
        "_resourceType": "document" if at == 0 else "script",
        "request": {"method": "GET", "url": url, "httpVersion": "h2", "headers": headers},
        "response": {
            "status": status,
            "headers": [*headers, {"name": "content-type", "value": kind}],
            "content": {"size": len(text), "mimeType": kind, "text": text},
        },
    }


def _har() -> object:
    named = "".join(f'<script src="/cdn/assets/{text[:900]}.js"></script>' for text in HOSTILE)
    page = f'<html data-build="b"><title>{HOSTILE[0]}</title>{named}</html>'
    entries = [_entry("https://chatgpt.com/", 0.0, 200, page)]
    for place, text in enumerate(HOSTILE, 1):
        body = json.dumps({"error": {"message": text, "code": text, "type": text}})
        for url, status in (
            (f"https://chatgpt.com/cdn/assets/{text}.js", 0),
            (f"https://{text}.chatgpt.com/backend-api/me", 503),
            ("https://chatgpt.com/backend-api/f/conversation", 403),
        ):
            entries.append(_entry(url, place, status, body, "application/json"))
    creator = {"name": HOSTILE[1], "version": HOSTILE[2]}
    return {"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}}


def _flows(writer: FlowWriter) -> None:
    for place, text in enumerate(HOSTILE):
        for host in ("chatgpt.com", "ws.chatgpt.com"):
            flow = tflow.tflow(resp=place % 2 == 0)
            flow.request.host = host
            flow.request.path = f"/backend-api/{text}?token={text}"
            _at(flow, BEGIN + place)
            if flow.response is not None:
                flow.response.status_code = 403
                flow.response.headers["server"] = text[:500].encode("utf-8", "replace").decode()
                flow.response.text = f"<title>{text}</title>"
            else:
                flow.error = Error(text, BEGIN + place + 1)
            writer.add(flow)


def _at(flow: HTTPFlow, time: float) -> None:
    """Puts the whole flow at one time; mitmproxy's model flow has times of its own."""
    flow.request.timestamp_start = flow.request.timestamp_end = time
    flow.client_conn.timestamp_start = flow.client_conn.timestamp_tls_setup = time
    flow.server_conn.timestamp_start = flow.server_conn.timestamp_tcp_setup = time
    flow.server_conn.timestamp_tls_setup = flow.timestamp_created = time
    if flow.response is not None:
        flow.response.timestamp_start = flow.response.timestamp_end = time + 0.1


def _pcap() -> bytes:
    out = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)
    for place, message in enumerate(message for text in HOSTILE for message in _lookup(text)):
        whole = BEGIN + 1 + place / 10
        time = (int(whole), int(whole % 1 * 1_000_000))
        to_server = place % 2 == 0
        ports = (50_000 + place // 2, 53) if to_server else (53, 50_000 + place // 2)
        ends = _CLIENT + _SERVER if to_server else _SERVER + _CLIENT
        udp = struct.pack(">HHHH", *ports, 8 + len(message), 0) + message
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), place, 0, 64, 17, 0)
        packet = head + ends + udp
        out += struct.pack("<IIII", *time, len(packet), len(packet)) + packet
    return out


def _lookup(text: str) -> tuple[bytes, bytes]:
    """A query and a refused answer; the name, an alias and the reason are the attack."""
    label = text.encode()[:63]
    name = dns.name.Name((label, b"chatgpt", b"com", b""))
    query = dns.message.make_query(name, "A")
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.RA
    target = dns.name.Name((label, b"filter", b"example", b"")).to_text()
    answer.answer = [
        dns.rrset.from_text(name, 60, "IN", "CNAME", target),
        dns.rrset.from_text(target, 60, "IN", "A", "0.0.0.0"),
    ]
    reason = dns.edns.EDEOption(15, text[:1000])
    answer.use_edns(0, 0, 4096, options=[reason])
    return query.to_wire(), answer.to_wire()
