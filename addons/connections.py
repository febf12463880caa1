"""Records connections: which are opened at all, how long each step took, where it failed.

Only hosts of the hosts table are followed; every other connection passes as the
TLS it is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import cache

from mitmproxy import certs, connection, ctx, http, tls
from mitmproxy.proxy import mode_specs, server_hooks
from OpenSSL import SSL

from addons.recording import Recording
from analysis.knowledge import hosts
from analysis.knowledge.secrets import redact_text
from analysis.model.connect_error import error_stage, tries


class ConnectionRecorder:
    """Connection and TLS events with their errors, and the upstream certificate chain."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._tls_started: dict[str, float] = {}
        self._upstream: tuple[str, int] | None = None
        self._near: dict[str, float | None] = {}

    def running(self) -> None:
        self._upstream = upstream_proxy()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        host = flow.request.host
        if hosts().is_chatgpt(host):
            self._recording.event(
                "ask", {"k": flow.client_conn.id, "host": host, "port": flow.request.port}
            )

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        """A tunnel that could not be opened, also when the network's proxy refused it."""
        if hosts().is_chatgpt(flow.request.host):
            self._refused(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        # a tunnel that is opened only for the request has no hook of its own
        refused = flow.error is not None and flow.error.msg.startswith("Upstream proxy")
        if refused and hosts().is_chatgpt(flow.request.pretty_host):
            self._refused(flow)

    def _refused(self, flow: http.HTTPFlow) -> None:
        server = flow.server_conn
        text = (flow.error.msg if flow.error else "") or server.error or "tunnel refused"
        facts = {
            "c": server.id,
            "host": flow.request.host,
            "port": flow.request.port,
            "via": self._via(server),
            "addresses": tries(text) or None,
            "stage": error_stage(text, via=self._via(server) is not None),
            "error": redact_text(text, 300),
        }
        self._recording.event("connect_error", facts)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Leave every connection alone that is not to a host of the table."""
        server = data.context.server
        name = data.client_hello.sni or (server.address[0] if server.address else "")
        if not intercepts(name):
            data.ignore_connection = True

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        if self._follows(data.server):
            self._recording.event("connect", {"c": data.server.id, **self._target(data)})

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
        self._recording.event("connected", facts)

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        server = data.server
        if not self._follows(server):
            return
        text = server.error or ""
        facts = {
            "c": server.id,
            **self._target(data),
            "addresses": tries(text) or None,
            "stage": error_stage(text, via=self._via(server) is not None),
            "error": redact_text(text, 300),
        }
        self._recording.event("connect_error", facts)

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        self._tls_started.pop(data.server.id, None)
        if self._follows(data.server):
            error = data.server.error
            self._recording.event(
                "disconnected",
                {"c": data.server.id, "error": redact_text(error, 300) if error else None},
            )

    def client_disconnected(self, client: connection.Client) -> None:
        self._near.pop(client.id, None)

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
            "via": self._via(conn),
            "tcp_ms": self._near.get(data.context.client.id) if conn.via else None,
            "version": conn.tls_version,
            "alpn": conn.alpn.decode("ascii", "replace") if conn.alpn else None,
            "tls_ms": _milliseconds(started, conn.timestamp_tls_setup),
            "verified": not ctx.options.ssl_insecure,
            **certificate_facts(conn.certificate_list),
        }
        self._recording.event("tls", facts)

    def tls_failed_server(self, data: tls.TlsData) -> None:
        conn = data.conn
        self._tls_started.pop(conn.id, None)
        if isinstance(conn, connection.Server) and self._follows(conn):
            facts = certificate_facts(_shown(data.ssl_conn))
            error = redact_text(conn.error or "", 300)
            self._recording.event(
                "tls_error", {"c": conn.id, "side": "upstream", "error": error, **facts}
            )

    def tls_failed_client(self, data: tls.TlsData) -> None:
        conn = data.conn
        if not intercepts(conn.sni or ""):
            return
        error = redact_text(conn.error or "", 300)
        facts = {"c": data.context.server.id, "host": conn.sni, "side": "client", "error": error}
        self._recording.event("tls_error", facts)

    @staticmethod
    def _via(server: connection.Server) -> str | None:
        """The network's proxy that it goes through: mitmproxy's own way, or a SOCKS proxy."""
        if server.via:
            return f"{server.via[1][0]}:{server.via[1][1]}"
        return ctx.options.chatpath_via or None

    def _follows(self, server: connection.Server) -> bool:
        """Connections to listed hosts are recorded; others leave no trace but a count."""
        name = server.sni or (server.address[0] if server.address else "")
        return hosts().is_chatgpt(name)

    def _target(self, data: server_hooks.ServerConnectionHookData) -> dict[str, object]:
        server = data.server
        address = server.address or ("", 0)
        return {
            "k": data.client.id,
            "host": server.sni or address[0],
            "port": address[1],
            "via": self._via(server),
        }


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


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in hosts().intercept_patterns())


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 3)


def certificate_facts(chain: Sequence[certs.Cert]) -> dict[str, object]:
    """Subject, issuer, validity and fingerprint of the leaf, and the chain's last issuer."""
    if not chain:
        return {}
    leaf, last = chain[0], chain[-1]
    return {
        "subject": _name(leaf.subject),
        "issuer": _name(leaf.issuer),
        "root": _name(last.issuer),
        "not_before": leaf.notbefore.timestamp(),
        "not_after": leaf.notafter.timestamp(),
        "sha256": leaf.fingerprint().hex(),
        "chain": len(chain),
    }


def _shown(tls_connection: SSL.Connection | None) -> list[certs.Cert]:
    """The chain of a handshake that failed, which mitmproxy forgets: who was refused."""
    shown = []
    for item in (tls_connection.get_peer_cert_chain() if tls_connection else None) or []:
        try:
            shown.append(certs.Cert.from_pyopenssl(item))
        except ValueError:
            break  # what comes after an unreadable certificate is not its issuer
    return shown


def _name(parts: Sequence[tuple[str, str]]) -> str:
    """A distinguished name in RFC 4514's short form, at most 200 characters."""
    return ", ".join(f"{key}={value}" for key, value in parts)[:200]
