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

    connections = where(tables["connections"], "host", asked)
    lost = connections["error"].notna() & connections["error_stage"].notna()
    for row in records(connections[lost]):
        found[row["host"]].failed.append(row)
    fine = connections["tls_ms"].notna() | connections["verified"].fillna(False)
    worked = set(connections[fine & ~lost]["host"])
    http = where(tables["http"], "host", asked)
    answered = (http["status"] < 500).fillna(False)
    for row in records(http[http["error"].notna() & ~answered]):
        if not cancelled(row["error"]):
            found[row["host"]].failed.append(row)
    worked |= set(http[answered]["host"])
    hellos = where(without_own_leg(tables["tls"], tables), "sni", asked)
    greeted, alerted = hellos["server_hello_ms"].notna(), hellos["alert"].notna()
    for row in records(hellos[alerted & ~greeted]):
        found[row["sni"]].failed.append(row)
    # in TLS 1.3 the server greets before its certificate is refused
    ports = set(connections[lost]["local_port"].dropna())
    refused = hellos["client_port"].isin(ports)
    worked |= set(hellos[greeted & ~alerted & ~refused]["sni"])
    for host in worked:
        found[host].worked = True
    return found


_CANCELLED = (
    "client disconnected",
    "client closed",
    "cancel",
    "aborted",
    "closed by client",
    "killed",
    "handshake with client failed",
)


def cancelled(error: str | None) -> bool:
    """True when the client itself gave up: a closed page, a stop button."""
    text = (error or "").lower()
    if "err_connection_aborted" in text:
        return False  # the system gave the connection up for want of an answer
    return any(word in text for word in _CANCELLED)
