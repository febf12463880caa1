"""Writes a session down as mitmproxy would have recorded it."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

from mitmproxy import certs, connection, flow, http, io, websocket
from mitmproxy.net.server_spec import ServerSpec
from scene_certificates import leaf
from session import Session
from session_failures import mitmproxy
from session_parts import Exchange
from wsproto.frame_protocol import Opcode

LOCAL = ("client-blocked", "csp", "policy")
UNCONNECTED = (
    "name",
    "refused",
    "timeout",
    "offline",
    "proxy",
    "tunnel",
    "tunnel-407",
    "authority",
    "expired",
    "tls",
)


def save_flows(session: Session, path: Path) -> Path:
    """Writes what reached the proxy: not what the browser itself blocked or had stored."""
    servers: dict[str, connection.Server] = {}
    clients: dict[str, connection.Client] = {}
    with path.open("wb") as file:
        writer = io.FlowWriter(file)
        for made in sorted(session.exchanges, key=_end):
            if made.error not in LOCAL and not made.cached:
                writer.add(_flow(session, made, servers, clients))
    return path


def _end(made: Exchange) -> float:
    if made.resource == "websocket":
        last = made.messages[-1][0] if made.messages else made.at
        return made.ended or last + 0.1
    return made.at + made.wait + made.receive


def _client(session: Session, at: float, host: str) -> connection.Client:
    client = connection.Client(
        peername=("192.168.20.31", 51_000 + int(at * 7) % 9000),
        sockname=("192.168.20.2", 8080),
        timestamp_start=session.start + at - 0.05,
    )
    client.tls, client.sni, client.alpn = True, host, b"h2"
    client.tls_version, client.timestamp_tls_setup = "TLSv1.3", session.start + at - 0.02
    client.alpn_offers = [b"h2", b"http/1.1"]
    return client


def _server(session: Session, made: Exchange) -> connection.Server:
    server = connection.Server(address=(made.host, urlsplit(made.url).port or 443))
    begin = session.start + made.at - session.connect - session.tls
    server.sni, server.tls = made.host, True
    if session.proxy:
        name, _, port = session.proxy.partition(":")
        server.via = ServerSpec(("http", (name, int(port))))
    if made.error in ("name", "refused", "timeout", "offline", "proxy"):
        server.error = mitmproxy(made.error, made.peer)
        server.timestamp_start = begin
        return server
    peer = (session.proxy or made.peer or "").partition(":")[0]
    server.peername, server.sockname = (peer, 443), ("192.168.20.2", 43_210)
    server.timestamp_start, server.timestamp_tcp_setup = begin, begin + session.connect
    if made.error in UNCONNECTED:
        server.error = mitmproxy(made.error, made.peer)
        return server
    server.timestamp_tls_setup = begin + session.connect + session.tls
    server.tls_version, server.alpn = "TLSv1.3", b"h2" if session.protocol != "h1" else b"http/1.1"
    server.certificate_list = [certs.Cert(leaf(*session.issuer)[0])]
    return server


def _flow(
    session: Session,
    made: Exchange,
    servers: dict[str, connection.Server],
    clients: dict[str, connection.Client],
) -> http.HTTPFlow:
    key = made.url if made.resource == "websocket" else made.host
    if key not in servers or servers[key].error:
        servers[key] = _server(session, made)
        clients.setdefault(key, _client(session, made.at, made.host))
    recorded = http.HTTPFlow(clients[key], servers[key], live=False)
    begin = session.start + made.at
    target = urlsplit(made.url)
    headers = {"accept": "*/*", "user-agent": session.agent, "accept-language": session.language}
    headers |= {"sec-fetch-dest": {"fetch": "empty"}.get(made.resource, made.resource)}
    recorded.timestamp_created = begin
    version = "HTTP/1.1" if session.protocol == "h1" or made.resource == "websocket" else "HTTP/2.0"
    recorded.request = http.Request(
        made.host,
        target.port or 443,
        made.method.encode(),
        b"https",
        b"" if version == "HTTP/1.1" else made.host.encode(),
        (target.path + (f"?{target.query}" if target.query else "")).encode(),
        version.encode(),
        http.Headers(
            _raw(
                {**({"host": made.host} if version == "HTTP/1.1" else {}), **headers, **made.asked}
            )
        ),
        made.posted,
        None,
        begin,
        begin + 0.001,
    )
    if made.error:
        recorded.error = flow.Error(mitmproxy(made.error, made.peer), begin + made.wait)
    if made.status:
        recorded.response = _response(session, made, version)
    if made.resource == "websocket" and made.status == 101:
        recorded.websocket = _websocket(session, made)
    return recorded


def _response(session: Session, made: Exchange, version: str) -> http.Response:
    first = session.start + made.at + made.wait
    headers = {"date": formatdate(first, usegmt=True), **made.headers}
    if made.status != 101:
        headers["content-type"] = made.mime
    if made.length is not None:
        headers["content-length"] = str(made.length)
    last = first + (0.0 if made.resource == "websocket" else made.receive)
    return http.Response(
        version.encode(),
        made.status,
        b"",
        http.Headers(_raw(headers)),
        made.body,
        None,
        first,
        last,
    )


def _websocket(session: Session, made: Exchange) -> websocket.WebSocketData:
    data = websocket.WebSocketData()
    for when, up, text in made.messages:
        data.messages.append(
            websocket.WebSocketMessage(Opcode.TEXT, up, text.encode(), session.start + when)
        )
    if made.ended is not None:
        data.timestamp_end = session.start + made.ended
        code, reason, by_client = made.close or (1006, "", False)
        data.close_code, data.close_reason = code, reason
        data.closed_by_client = by_client
    return data


def _raw(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for name, value in headers.items())
