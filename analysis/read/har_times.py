"""When the steps of a HAR entry were.

Timings add up from ``startedDateTime``: blocked, dns, connect, send, wait,
receive; -1 is "does not apply".  HAR 1.2 puts ssl inside of connect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.read import fields, har_values


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds since 1970 of each step; milliseconds of the handshakes."""

    started: float | None = None
    connecting: float | None = None
    sent: float | None = None
    answered: float | None = None
    ended: float | None = None
    dns_ms: float | None = None
    tcp_ms: float | None = None
    tls_ms: float | None = None


def read_times(record: Mapping[str, object]) -> Times:
    """The times of an entry; those that nothing was written of are None."""
    timings = fields.mapping(record, "timings")
    names = ("blocked", "dns", "connect", "ssl", "send", "wait", "receive")
    parts = {name: har_values.amount(timings, name) for name in names}
    started = har_values.moment(record.get("startedDateTime"))
    total = har_values.amount(record, "time")
    connect, ssl = parts["connect"], parts["ssl"]
    if connect is not None and ssl is not None and _apart(parts, total):
        connect += ssl
    if started is None:
        return Times()
    connecting = started + ((parts["blocked"] or 0) + (parts["dns"] or 0)) / 1000
    sent = connecting + ((connect or 0) + (parts["send"] or 0)) / 1000
    answered = sent + (parts["wait"] or 0) / 1000
    known = any(parts[name] for name in ("send", "wait", "receive"))
    dns_ms = parts["dns"] or None  # 0 is a lookup that the browser did not make
    tcp_ms, tls_ms = _handshakes(timings, connect, ssl)
    if not known:
        ended = None if total is None else started + total / 1000
        return Times(started, connecting, None, None, ended, dns_ms, tcp_ms, tls_ms)
    ended = answered + (parts["receive"] or 0) / 1000
    return Times(started, connecting, sent, answered, ended, dns_ms, tcp_ms, tls_ms)


def _apart(parts: Mapping[str, float | None], total: float | None) -> bool:
    """True when ssl is beside connect, as Firefox and mitmproxy write it, by what `time` adds."""
    connect, ssl = parts["connect"] or 0, parts["ssl"] or 0
    if ssl > connect:
        return True
    outer = sum(value or 0 for name, value in parts.items() if name != "ssl")
    return total is not None and abs(total - outer - ssl) < abs(total - outer)


def _handshakes(
    timings: Mapping[str, object], connect: float | None, ssl: float | None
) -> tuple[float | None, float | None]:
    """TCP and TLS milliseconds of a connection that this request opened.

    A browser counts from its request: of a connection begun earlier it hides a
    part.  A lookup that took time shows that all of it lies within.
    """
    if connect is None or connect <= 0:
        return None, None
    tcp = connect - (ssl or 0)
    if "dns" in timings and not har_values.amount(timings, "dns"):
        return None, (round(ssl, 3) if ssl and tcp > 0 else None)
    return round(tcp, 3), (round(ssl, 3) if ssl else None)
