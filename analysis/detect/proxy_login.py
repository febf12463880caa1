"""SOCKS proxies that refuse the login, before anybody could name a host.

A client without the login is told so right after its greeting (RFC 1928 section 3), one with
a wrong one after that (RFC 1929 section 2), so that no packet says what it was for.  A
place counts where the machine is set to it, where it was asked for a host of
ChatGPT earlier, or where the packets hold no other way out, as with a proxy that is
dead.  What it lets through afterwards has healed it.  Source: RFC 1928, RFC 1929;
Chromium, whose SOCKS client knows no login.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.proxy_dead import Place, configured_places, names_chatgpt, web_meanwhile
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    connection_note,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.socks import LOGIN
from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables
from analysis.model.message import say

_REFUSED = "SOCKS proxy refused the login"
"""The recorder's own words."""


@dataclass(frozen=True, slots=True)
class Unlet:
    """A proxy that lets nobody in: when it refused; `surely` when it is known as ours."""

    name: str
    times: tuple[float, ...]
    evidence: tuple[Evidence, ...]
    surely: bool
    hosts: tuple[str, ...] = ()
    """What it was for, where the recorder says so."""


def socks_logins(tables: Tables) -> list[Unlet]:
    """Every SOCKS proxy that refused the login until the end of the capture."""
    return list(_told(tables)) or _in_packets(tables)


def _told(tables: Tables) -> Iterator[Unlet]:
    """What the recorder says that goes through the proxy itself."""
    rows = records(where(tables["connections"], "host", matters))
    let_in = max((_started(row) for row in rows if row["tls_ms"] is not None), default=-1.0)
    refused: dict[str, list[Record]] = {}
    for row in rows:
        if row["via"] and _REFUSED in (row["error"] or "") and _started(row) > let_in:
            refused.setdefault(row["via"], []).append(row)
    for name, tries in refused.items():
        pieces = [noted(row["source"] or "", connection_note(row, row["error"])) for row in tries]
        yield Unlet(
            name,
            tuple(map(_started, tries)),
            tuple(pieces[:MAX_EVIDENCE]),
            surely=True,
            hosts=ranked(row["host"] for row in tries),
        )


def _in_packets(tables: Tables) -> list[Unlet]:
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return []
    spoken: dict[Place, list[Record]] = {}
    for row in records(tcp[tcp["socks_reply"].notna()]):
        spoken.setdefault((row["server"], row["server_port"]), []).append(row)
    known = configured_places(tables)
    found = []
    for place, rows in spoken.items():
        let_in = max((_began(row) for row in rows if row["socks_reply"] != LOGIN), default=-1.0)
        refused = [row for row in rows if row["socks_reply"] == LOGIN and _began(row) > let_in]
        surely = place in known or any(map(_for_us, rows))
        if len(refused) < threshold("reset_tries" if surely else "proxy_tries"):
            continue
        if surely or not (names_chatgpt(tables) or web_meanwhile(tcp, refused)):
            note = say("the proxy answers the greeting or the login with a refusal")
            pieces = packet_evidence(refused[:MAX_EVIDENCE], note, ("first_frame", "last_frame"))
            name = "{}:{}".format(*place)
            found.append(Unlet(name, tuple(map(_began, refused)), pieces, surely))
    return found


def _started(row: Record) -> float:
    return float(row["started"] or 0.0)


def _began(row: Record) -> float:
    return float(row["first_time"] or 0.0)


def _for_us(row: Record) -> bool:
    return matters((row["connect_host"] or "").rpartition(":")[0])
