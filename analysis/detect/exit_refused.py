"""ip.reputation_block and geo.blocked: the edge or the service refuses the exit address.

Told by Cloudflare's 1xxx codes in the body, the block pages' texts and the API's
codes; a refusal that gives no reason counts where it is of the page itself or of
most of what was asked, as an address is refused whatever it asks for.  A refused
browser signature (1010) behind chatpath's own proxy is the capture's.  Does not
prove whose address it is: compare the one in the page with the machine's own.
Source: detection notes 11, errors.tsv.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analysis.detect.challenges import by_capture
from analysis.detect.egress import two_exits
from analysis.detect.error_answers import (
    Told,
    about,
    claim,
    says,
    service_exchanges,
    statuses,
)
from analysis.detect.presence import tunnels
from analysis.detect.support import earned
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some, times_over

_MUTE = "edge_403"
"""The rule of a refusal by the edge that says nothing of why."""


def _worst(items: list[Told]) -> Severity:
    return Severity.WARNING if all(item.healed for item in items) else Severity.CRITICAL


def _tunnel(tables: Tables) -> str:
    found = tunnels(tables)
    return say("{tunnel} carries the traffic.", tunnel=found[0].name) if found else ""


def _exits(tables: Tables) -> list[str]:
    return sorted(set(tables["http"]["egress"].dropna()))


def _where(tables: Tables) -> list[str]:
    """Country of the exit, as trace pages state it."""
    lines = [line for found in tables["http"]["trace"].dropna() for line in found]
    return sorted({line.partition("=")[2][:8] for line in lines if line.startswith("loc=")})


def _of_the_address(tables: Tables, refused: list[Told]) -> list[Told]:
    """Without refusals that give no reason and hit a few files of a page that works."""
    mute = [item for item in refused if item.rule.rule == _MUTE]
    if not mute or any(item.row["request_dest"] == "document" for item in mute):
        return refused
    http = service_exchanges(tables)
    since = min(item.row["started"] or 0.0 for item in mute)
    asked = http[http["status"].notna() & (http["started"] >= since).fillna(False)]
    asked = asked[asked["host"].isin({item.row["host"] for item in mute})]
    few = len(mute) < threshold("refused_share") * len(asked)
    return [item for item in refused if item not in mute] if few else refused


def _other_exit_works(tables: Tables, refused: list[Told]) -> bool:
    """The refusals name the exits they are of, and parts of the session leave by one that is not.

    That they leave by two ways is then the cause: all of it by the other way would get through.
    """
    exits = {row["egress"] for row in two_exits(tables)}
    named = {item.row["egress"] for item in refused}
    return None not in named and bool(exits - named)


def find_ip_reputation_block(tables: Tables) -> Iterator[Finding]:
    refused = _of_the_address(tables, about(tables, "ip.reputation_block"))
    if not refused:
        return
    reason = any(item.rule.rule != _MUTE for item in refused)
    signature = all(item.rule.rule == "cf_1010" for item in refused)
    made = claim(
        "ip.reputation_block",
        refused,
        joined(
            [
                say(
                    "The edge refused this client {times} (status {statuses}): {meaning}.",
                    times=times_over(len(refused)),
                    statuses=some(statuses(refused)),
                    meaning=says(refused),
                ),
                _tunnel(tables),
            ]
        ),
        confidence=earned(
            0.85 if reason else 0.55, (len(refused) > 1, 0.3), (bool(_tunnel(tables)), 0.3)
        ),
        severity=_worst(refused),
        in_short=says(refused),
        note=say("refused by the edge"),
        measurements={"exits": _exits(tables)},
    )
    if _other_exit_works(tables, refused):
        made = replace(made, explained_by="net.split_egress")
    yield by_capture(tables, made) if signature else made


def find_geo_blocked(tables: Tables) -> Iterator[Finding]:
    refused = about(tables, "geo.blocked")
    if not refused:
        return
    country = _where(tables)
    yield claim(
        "geo.blocked",
        refused,
        joined(
            [
                say(
                    "The service refused this client {times}: {meaning} ({exit}).",
                    times=times_over(len(refused)),
                    meaning=says(refused),
                    exit=say("the exit is in {country}", country=some(country)) if country else "",
                ),
                _tunnel(tables),
            ]
        ),
        confidence=earned(0.9, (len(refused) > 1, 0.3), (bool(country), 0.3)),
        severity=_worst(refused),
        in_short=some(country) or says(refused),
        note=say("refused for its country"),
        measurements={"exits": _exits(tables), "countries": country},
    )
