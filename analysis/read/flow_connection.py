"""The upstream connection in the state of a mitmproxy flow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from analysis.knowledge.certificate_errors import certificate_error
from analysis.knowledge.handshake_errors import handshake_error
from analysis.knowledge.secrets import redact_text
from analysis.model.connect_error import error_stage, never_opened, tries
from analysis.model.frames import Row
from analysis.model.markup import sound
from analysis.read import fields
from analysis.read.exchange import Exchange
from analysis.read.fields import moment
from analysis.read.flow_exchange import address_text

MAX_CERTIFICATE = 64 * 1024


def connection_row(state: Mapping[str, object], exchange: Exchange) -> Row:
    """The connection that carried `exchange`, or was to carry it."""
    server = fields.mapping(state, "server_conn")
    via = _via(server)
    begun, ready = moment(server.get("timestamp_start")), moment(server.get("timestamp_tcp_setup"))
    secured = moment(server.get("timestamp_tls_setup"))
    own_error = fields.text(server, "error", 300)
    error = own_error or (exchange.error if ready is None else None)
    alpn = server.get("alpn")
    row: dict[str, object] = {
        "source": exchange.source,
        "connection": exchange.connection,
        "flow": exchange.flow,
        "started": begun,
        "host": (
            fields.text(server, "sni", 255)
            or address_text(server.get("address"))
            or exchange.host
            or None
        ),
        "port": _port(server.get("address")),
        "address": address_text(server.get("peername")),
        "via": via,
        "tcp_ms": _span(begun, ready),
        "tls_ms": _span(ready, secured),
        "tls_version": fields.text(server, "tls_version", 30),
        "alpn": alpn[:30].decode("ascii", "replace") if isinstance(alpn, bytes) else None,
        "intercepted": True if server.get("tls") is True else None,
        "error": redact_text(error, 300) if error else None,
        "ended": moment(server.get("timestamp_end")),
    }
    if own_error and secured is None:
        row |= _failure(own_error, via=via is not None, at_tls=ready is not None)
    elif exchange.error and (certificate_error(exchange.error) or handshake_error(exchange.error)):
        # told of the exchange alone; a handshake that failed took no time, whatever was noted
        row |= {"error": redact_text(exchange.error, 300), "error_stage": "tls", "tls_ms": None}
    elif error and begun is None and never_opened(error):
        # connection_strategy=lazy tells the exchange of it, and leaves the connection untouched
        row |= _failure(error, via=via is not None, at_tls=False)
    return {**row, **_certificates(server.get("certificate_list"))}


def _via(server: Mapping[str, object]) -> str | None:
    """The upstream proxy: [scheme, [host, port]]."""
    via = server.get("via")
    place = via[1] if isinstance(via, (list, tuple)) and len(via) == 2 else None
    host = address_text(place)
    return f"{host}:{_port(place)}" if host else None


def _port(address: object) -> int | None:
    second = address[1] if isinstance(address, (list, tuple)) and len(address) > 1 else None
    return fields.whole({"": second}, "")


def _failure(error: str, *, via: bool, at_tls: bool) -> dict[str, object]:
    """At which stage a connection failed, and the addresses that were tried."""
    if at_tls:
        return {"error_stage": "tls"}
    failed: dict[str, object] = {"error_stage": error_stage(error, via=via)}
    if addresses := tries(error):
        failed |= {"addresses": addresses, "address": addresses[0]}
    return failed


def _certificates(chain: object) -> Row:
    """Of the leaf its names and validity, and who issued the last that was sent."""
    listed = [item for item in chain if isinstance(item, bytes)] if isinstance(chain, list) else []
    leaf = _certificate(listed[0]) if listed else None
    last = _certificate(listed[-1]) if listed else None
    if leaf is None:
        return {}
    return {**leaf, "root": last["issuer"] if last else None}


@lru_cache(maxsize=256)
def _certificate(pem: bytes) -> dict[str, object] | None:
    if len(pem) > MAX_CERTIFICATE:
        return None
    try:
        # only captures of HTTPS pay for it
        from mitmproxy.certs import Cert

        found = Cert.from_pem(pem)
        return {
            "subject": _name(found.subject),
            "issuer": _name(found.issuer),
            "not_before": found.notbefore.timestamp(),
            "not_after": found.notafter.timestamp(),
        }
    # a hostile certificate makes its parser raise whatever its fields raise
    except Exception:
        return None


def _name(parts: list[tuple[str, str]]) -> str:
    return redact_text(sound(", ".join(f"{key}={value}" for key, value in parts)), 200)


def _span(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start) * 1000, 3)
