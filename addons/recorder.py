"""Records ChatGPT's traffic as it passes mitmproxy, without holding it up.

Loads in a plain ``mitmdump -s`` as well as in ``chatpath capture``.  Only hosts
of the hosts table are opened; every other connection passes as the TLS it is.
Bodies are never buffered: each chunk goes on at once and only its time and
size are kept.  Nothing secret is written: see `addons.masking`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets as random_secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

from mitmproxy import connection, ctx, flow, http, io, tls, websocket
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import mode_specs, server_hooks

from addons.bundle import EVENTS, FLOWS, BundleFolder, Journal
from addons.connections import certificate_facts
from addons.masking import mask_body, mask_headers, masked_copy, placeholder
from addons.streams import BodyWatch
from analysis.knowledge import hosts
from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.connect_error import error_stage, tries
from analysis.model.ws_message import describe

SYNC_SECONDS = 1.0
KEPT_MESSAGES = 500
# what is whole in a moment: less than a megabyte
_SMALL = re.compile(r"[0-9]{1,6}\Z")
_PING_LOG = re.compile(r"Received WebSocket (ping|pong) from (client|server)")

type Listener = Callable[[str, Mapping[str, object]], None]


class Recorder:
    """The recorder addon.

    `listener` is told of every event as it is written (kind, facts), for a
    live status line; it must be quick and must not raise.
    """

    def __init__(
        self, folder: BundleFolder | None = None, listener: Listener | None = None
    ) -> None:
        self.folder = folder
        self.listener = listener
        self.key = random_secrets.token_bytes(32)
        self.journal: Journal | None = None
        self._flows: IO[bytes] | None = None
        self._own_session = folder is None
        self._watches: dict[str, BodyWatch] = {}
        self._sockets: dict[str, list[websocket.WebSocketMessage]] = {}
        self._by_client: dict[tuple[str, int], str] = {}
        self._tls_started: dict[str, float] = {}
        self._upstream: tuple[str, int] | None = None
        self._near: dict[str, float | None] = {}
        self._open: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._pings = _PingHandler(self)

    # -- life ----------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "chatpath_bundle",
            str,
            "",
            "Folder of the bundle to record; a new one in the working directory when empty.",
        )
        loader.add_option(
            "chatpath_bodies",
            str,
            "redacted",
            "What to keep of response bodies: none, redacted or full.",
            choices=["none", "redacted", "full"],
        )

    def running(self) -> None:
        if self.folder is None:
            name = ctx.options.chatpath_bundle or datetime.now().strftime(
                "chatpath-%Y%m%d-%H%M%S.chatpath"
            )
            try:
                self.folder = BundleFolder(Path(name))
            except OSError as error:
                # an error that is logged while mitmproxy starts makes it stop
                logging.error(f"The bundle {name} cannot be written: {error} Name another folder.")
                return
        self.start(self.folder)

    def start(self, folder: BundleFolder) -> None:
        """Open the bundle's files; done by `running`, or by a session without a proxy."""
        self.journal = Journal(folder.path / EVENTS)
        self._flows = (folder.path / FLOWS).open("ab")
        if self._own_session:
            folder.update_session(
                {
                    "tool": {"chatpath": version("chatpath"), "mitmproxy": version("mitmproxy")},
                    "started": time.time(),
                    "state": "recording",
                    "mode": "addon",
                    "bodies": ctx.options.chatpath_bodies,
                    "packets": {"sampled": False, "reason": "recorded with the addon alone"},
                }
            )
        self._upstream = upstream_proxy()
        self.event("start", {"format": 1})
        # pings and pongs have no hook: mitmproxy only logs them
        logger = logging.getLogger("mitmproxy.proxy.server")
        logger.addHandler(self._pings)
        with contextlib.suppress(RuntimeError):
            self._task = asyncio.get_running_loop().create_task(self._keep_on_disk())

    async def _keep_on_disk(self) -> None:
        """Once a second, what was recorded goes to the disk, off the proxy's loop."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            for watch in list(self._watches.values()):
                watch.flush()
            if self.journal is None or self._flows is None:
                return
            self.journal.flush()
            self._flows.flush()
            await loop.run_in_executor(None, self.journal.sync)

    def done(self) -> None:
        """Write what is still open, and close the files."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        logging.getLogger("mitmproxy.proxy.server").removeHandler(self._pings)
        for watch in list(self._watches.values()):
            watch.flush()
        if self.journal is None or self._flows is None:
            return
        self.event("stop", {"open": len(self._open)})
        self.journal.close()
        self._flows.close()
        self.journal = self._flows = None
        if self._own_session and self.folder is not None:
            self.folder.update_session({"ended": time.time(), "state": "complete"})

    def event(self, kind: str, facts: Mapping[str, object], when: float | None = None) -> None:
        """Append an event; after the end of the recording it is dropped."""
        if self.journal is None:
            return
        self.journal.write(kind, time.time() if when is None else when, facts)
        if self.listener is not None:
            self.listener(kind, facts)

    def _write_flow(self, written: flow.Flow) -> None:
        if self._flows is not None:
            io.FlowWriter(self._flows).add(written)
            self._flows.flush()

    # -- connections -----------------------------------------------------------

    def http_connect(self, flow: http.HTTPFlow) -> None:
        host = flow.request.host
        if hosts().is_chatgpt(host):
            self.event("ask", {"k": flow.client_conn.id, "host": host, "port": flow.request.port})

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        """A tunnel that could not be opened, also when the network's proxy refused it."""
        server = flow.server_conn
        if not hosts().is_chatgpt(flow.request.host):
            return
        text = (flow.error.msg if flow.error else "") or server.error or "tunnel refused"
        facts = {
            "c": server.id,
            "host": flow.request.host,
            "port": flow.request.port,
            "via": _via(server),
            "addresses": tries(text) or None,
            "stage": error_stage(text, via=server.via is not None),
            "error": redact_text(text, 300),
        }
        self.event("connect_error", facts)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Leave every connection alone that is not to a host of the table."""
        server = data.context.server
        name = data.client_hello.sni or (server.address[0] if server.address else "")
        if not intercepts(name):
            data.ignore_connection = True

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        if self._follows(data.server):
            self.event("connect", {"c": data.server.id, **self._target(data)})

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        server = data.server
        begun, ready = server.timestamp_start, server.timestamp_tcp_setup
        if self._upstream is not None and server.address == self._upstream:
            # the way to the network's proxy: the near leg of what is asked through it
            self._near[data.client.id] = _milliseconds(begun, ready)
        if not self._follows(server):
            return
        peer = server.peername
        facts = {
            "c": server.id,
            "address": peer[0] if peer else None,
            "local_port": server.sockname[1] if server.sockname else None,
            "tcp_ms": _milliseconds(begun, ready),
        }
        self.event("connected", facts)

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        server = data.server
        if not self._follows(server):
            return
        text = server.error or ""
        facts = {
            "c": server.id,
            **self._target(data),
            "addresses": tries(text) or None,
            "stage": error_stage(text, via=server.via is not None),
            "error": redact_text(text, 300),
        }
        self.event("connect_error", facts)

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        self._tls_started.pop(data.server.id, None)
        if self._follows(data.server):
            error = data.server.error
            self.event(
                "disconnected",
                {"c": data.server.id, "error": redact_text(error, 300) if error else None},
            )

    def client_disconnected(self, client: connection.Client) -> None:
        self._near.pop(client.id, None)
        if client.peername:
            self._by_client.pop(client.peername[:2], None)

    def tls_start_server(self, data: tls.TlsData) -> None:
        # the TCP set-up lies long before: the proxy waits for the browser's hello
        self._tls_started[data.conn.id] = time.time()

    def tls_established_server(self, data: tls.TlsData) -> None:
        conn = data.conn
        if not isinstance(conn, connection.Server) or not self._follows(conn):
            return
        started = self._tls_started.pop(conn.id, None)
        facts = {
            "c": conn.id,
            "host": conn.sni,
            "port": conn.address[1] if conn.address else None,
            "via": _via(conn),
            "tcp_ms": self._near.get(data.context.client.id) if conn.via else None,
            "version": conn.tls_version,
            "alpn": conn.alpn.decode("ascii", "replace") if conn.alpn else None,
            "tls_ms": _milliseconds(started, conn.timestamp_tls_setup),
            "verified": not ctx.options.ssl_insecure,
            **certificate_facts(conn.certificate_list),
        }
        self.event("tls", facts)

    def tls_failed_server(self, data: tls.TlsData) -> None:
        conn = data.conn
        self._tls_started.pop(conn.id, None)
        if isinstance(conn, connection.Server) and self._follows(conn):
            facts = certificate_facts(conn.certificate_list)
            error = redact_text(conn.error or "", 300)
            self.event("tls_error", {"c": conn.id, "side": "upstream", "error": error, **facts})

    def tls_failed_client(self, data: tls.TlsData) -> None:
        conn = data.conn
        if not intercepts(conn.sni or ""):
            return
        error = redact_text(conn.error or "", 300)
        facts = {"c": data.context.server.id, "host": conn.sni, "side": "client", "error": error}
        self.event("tls_error", facts)

    def _follows(self, server: connection.Server) -> bool:
        """Connections to listed hosts are recorded; others leave no trace but a count."""
        name = server.sni or (server.address[0] if server.address else "")
        return hosts().is_chatgpt(name)

    @staticmethod
    def _target(data: server_hooks.ServerConnectionHookData) -> dict[str, object]:
        server = data.server
        address = server.address or ("", 0)
        return {
            "k": data.client.id,
            "host": server.sni or address[0],
            "port": address[1],
            "via": _via(server),
        }

    # -- exchanges -------------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not self._records(flow):
            return
        request = flow.request
        self._open.add(flow.id)
        facts = {
            "flow": flow.id,
            "c": flow.server_conn.id,
            "method": request.method[:20],
            "url": redact_url(request.pretty_url)[:2000],
            "http_version": request.http_version,
            "headers": _header_list(request.headers),
            "cookie_bytes": sum(len(value) for value in request.headers.get_all("cookie")),
            "header_bytes": sum(len(k) + len(v) + 4 for k, v in request.headers.fields),
        }
        self.event("request", facts, request.timestamp_start)
        # an upload goes on as it comes; an ordinary request is whole in a moment
        length = request.headers.get("content-length", "")
        if not _SMALL.match(length):
            request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if not self._records(flow) or response is None:
            return
        facts = {
            "flow": flow.id,
            "c": flow.server_conn.id,
            "status": response.status_code,
            "http_version": response.http_version,
            "headers": _header_list(response.headers),
        }
        self.event("response", facts, response.timestamp_start)
        if response.status_code == 101:
            return
        watch = BodyWatch(
            flow.id,
            response.headers.get("content-type", ""),
            response.headers.get("content-encoding", ""),
            keep=ctx.options.chatpath_bodies != "none",
            write=self.event,
        )
        self._watches[flow.id] = watch
        response.stream = watch.chunk

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        if isinstance(flow, http.HTTPFlow):
            self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if flow.id not in self._open:
            return
        self._open.discard(flow.id)
        watch = self._watches.pop(flow.id, None)
        facts: dict[str, object] = {"flow": flow.id}
        if watch is not None:
            watch.flush()
            facts.update(watch.facts())
        if flow.error is not None:
            facts["error"] = redact_text(flow.error.msg, 300)
            if flow.error.msg.startswith("Upstream proxy"):
                # the tunnel is opened only now, so no connection hook tells of its refusal
                self.http_connect_error(flow)
        self.event("end", facts)
        body = b""
        if watch is not None and watch.kept:
            full = ctx.options.chatpath_bodies == "full" and not watch.cut
            body = watch.decoded() if full else mask_body(bytes(watch.kept), flow)
        self._write_flow(masked_copy(flow, body))

    @staticmethod
    def _records(flow: http.HTTPFlow) -> bool:
        return hosts().is_chatgpt(flow.request.pretty_host)

    # -- websockets --------------------------------------------------------------

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if not self._records(flow):
            return
        self._sockets[flow.id] = []
        if flow.client_conn.peername:
            self._by_client[flow.client_conn.peername[:2]] = flow.id
        self.event("ws_open", {"flow": flow.id})

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        kept = self._sockets.get(flow.id)
        if flow.websocket is None or kept is None:
            return
        message = flow.websocket.messages[-1]
        content = message.content
        facts = describe(content, self.key)
        self.event(
            "ws",
            {
                "flow": flow.id,
                "client": message.from_client,
                "op": int(message.type),
                "n": len(content),
                "kind": facts.kind or None,
                "topic": facts.topic,
                "seq": facts.sequence,
                "items": list(facts.items) or None,
                "sub": list(facts.subscribed) or None,
                "turn_end": list(facts.turn_end) or None,
                "error": facts.error or None,
            },
            message.timestamp,
        )
        if len(kept) < KEPT_MESSAGES:
            kept.append(
                placeholder(int(message.type), message.from_client, len(content), message.timestamp)
            )
        # mitmproxy keeps every message for the life of the socket; it has been sent on already
        del flow.websocket.messages[:-1]

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        kept = self._sockets.pop(flow.id, None)
        if flow.websocket is None or kept is None:
            return
        socket = flow.websocket
        facts = {
            "flow": flow.id,
            "code": socket.close_code,
            "client": socket.closed_by_client,
            "reason_bytes": len((socket.close_reason or "").encode()),
        }
        self.event("ws_end", facts, socket.timestamp_end)
        self._open.discard(flow.id)
        copy = masked_copy(flow, b"")
        if copy.websocket is not None:
            copy.websocket.messages = kept
        self._write_flow(copy)

    def ping(self, client: tuple[str, int], word: str, sender: str) -> None:
        """A ping or pong passed on the websocket of this client connection."""
        flow_id = self._by_client.get(client)
        if flow_id is not None:
            opcode = 9 if word == "ping" else 10
            self.event("ws", {"flow": flow_id, "client": sender == "client", "op": opcode, "n": 0})


class _PingHandler(logging.Handler):
    """Finds pings and pongs in mitmproxy's own log; their payload is not looked at."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(logging.INFO)
        self.recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        match = _PING_LOG.match(record.getMessage())
        client = getattr(record, "client", None)
        if match and client:
            self.recorder.ping(tuple(client[:2]), match[1], match[2])


def upstream_proxy() -> tuple[str, int] | None:
    """Address of the proxy that mitmproxy goes through, from its mode."""
    for mode in getattr(getattr(ctx, "options", None), "mode", ()):
        spec = mode_specs.ProxyMode.parse(mode)
        if isinstance(spec, mode_specs.UpstreamMode):
            return spec.address
    return None


def _via(server: connection.Server) -> str | None:
    return f"{server.via[1][0]}:{server.via[1][1]}" if server.via else None


def intercepts(name: str) -> bool:
    """True for a host whose TLS may be opened: one of the service's own."""
    return bool(name) and any(pattern.search(f"{name.lower()}:443") for pattern in _patterns())


def _patterns() -> tuple[re.Pattern[str], ...]:
    if not _PATTERNS:
        _PATTERNS.extend(re.compile(pattern) for pattern in hosts().intercept_patterns())
    return tuple(_PATTERNS)


_PATTERNS: list[re.Pattern[str]] = []


def _header_list(headers: http.Headers) -> list[list[str]]:
    return [
        [name.decode("latin-1")[:100], value.decode("latin-1")[:500]]
        for name, value in mask_headers(headers).fields[:60]
    ]


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 3)


addons = [Recorder()]
