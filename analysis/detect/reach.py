"""Which hosts could be reached, and which failed at what stage."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.detect.support import Record, records, where, without_own_leg
from analysis.model.frames import Tables


@dataclass(slots=True)
class Reach:
    """What connecting to one host gave: rows that failed, and whether anything worked."""

    failed: list[Record] = field(default_factory=list)
    worked: bool = False


def reach_of(tables: Tables, hosts: frozenset[str]) -> dict[str, Reach]:
    """Reach of each of `hosts`, from the recorder's connections, exchanges and packets.

    Failed rows are of the connections table, else of http, else of tls; a
    cancelled exchange is no failure.
    """
    found = {host: Reach() for host in hosts}
    if not hosts:
        return found

    def asked(name: str) -> bool:
        return name in hosts

    for row in records(where(tables["connections"], "host", asked)):
        if row["error"] and row["error_stage"]:
            found[row["host"]].failed.append(row)
        elif row["tls_ms"] is not None or row["verified"]:
            found[row["host"]].worked = True
    for row in records(where(tables["http"], "host", asked)):
        if row["status"] is not None and row["status"] < 500:
            found[row["host"]].worked = True
        elif row["error"] and not cancelled(row["error"]):
            found[row["host"]].failed.append(row)
    hellos = without_own_leg(tables["tls"], tables)
    for row in records(where(hellos, "sni", asked)):
        if row["server_hello_ms"] is not None and row["alert"] is None:
            found[row["sni"]].worked = True
        elif row["alert"] is not None and row["server_hello_ms"] is None:
            found[row["sni"]].failed.append(row)
    return found


_CANCELLED = (
    "client disconnected",
    "client closed",
    "cancel",
    "aborted",
    "closed by client",
    "killed",
)


def cancelled(error: str | None) -> bool:
    """True when the client itself gave up: a closed page, a stop button."""
    text = (error or "").lower()
    return any(word in text for word in _CANCELLED)
