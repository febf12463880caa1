"""account.session_expired and account.state: the sign-in or the account is the cause.

A 401 that a later good answer follows, to the same request or to any other call
of a session, is the normal refresh of a token.  One conversation or file that the
account does not have is information where others are answered.
Source: errors.tsv; traffic notes 4; detection notes 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.detect.error_answers import Key, Told, about, claim, places, says, service_exchanges
from analysis.detect.support import earned, records
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_MUTE_404 = "conv_404_bare"
_SEND = "/backend-api/f/conversation"
_GUEST = "/backend-anon/"
_WORKING = ("/backend-api/", _GUEST, "/v1/")
"""Calls that show a session at work, a guest's among them."""


_ONE_THING = ("conv_404", "temp_expired", "no_permission")
"""Rules about a single conversation or file, beside which all others may work."""
_CLOSED = ("deactivated", "deactivated_ws")
"""Rules about the whole account or workspace."""
_ANSWERED = re.compile(
    r"/backend-api/(?:f/conversation|conversation/(?!init)[^/]+|files/download/.+)$"
)
"""What shows that others work: an answer, another conversation, a file."""


_SIGN_OUT = ("/api/auth/signout", "/auth/logout", "/api/auth/logout")
_SIGNED_IN = "/api/auth/callback/"


def _by_guest(path: str | None) -> bool:
    return (path or "").startswith(_GUEST)


def _insisted(items: list[Told]) -> bool:
    """One thing was asked for again, after the time that a person takes.

    Ids are masked: what is asked for together are several things, as by several tabs.
    """
    kinds: dict[Key, list[float]] = {}
    for item in items:
        kinds.setdefault(item.key, []).append(item.row["started"] or 0.0)
    return any(max(times) - min(times) >= threshold("insisted_s") for times in kinds.values())


def _others_work(tables: Tables, items: list[Told]) -> bool:
    """Each was asked for once, and others were answered well, before it or after."""
    if any(item.rule.rule not in _ONE_THING for item in items):
        return False
    if _insisted(items):
        return False
    http = service_exchanges(tables)
    fine = http[http["status"].between(200, 299).fillna(False)]
    paths = ((row["path"] or "").partition("?")[0] for row in records(fine[["path"]]))
    return any(_ANSWERED.match(path) for path in paths)


def _refreshed(tables: Tables, refused: list[Told]) -> set[str]:
    """Hosts where some call of a session was answered well after the last 401.

    A guest has no token: what is refused to a guest is healed by the guest's other calls, which
    say nothing about the sign-in.
    """
    guest = bool(refused) and all(_by_guest(item.row["path"]) for item in refused)
    http = service_exchanges(tables)
    fine = http[http["status"].between(200, 299).fillna(False) & http["started"].notna()]
    worked: dict[str, float] = {}
    for row in records(fine[["host", "path", "started", "authorized"]]):
        works = row["authorized"] is not False or (guest and _by_guest(row["path"]))
        if (row["path"] or "").startswith(_WORKING) and works:
            worked[row["host"]] = max(worked.get(row["host"], 0.0), row["started"])
    last: dict[str, float] = {}
    for item in refused:
        host = item.row["host"]
        last[host] = max(last.get(host, 0.0), item.row["started"] or 0.0)
    return {host for host, moment in last.items() if worked.get(host, -1.0) > moment}


def _before_leaving(tables: Tables, refused: list[Told]) -> list[Told]:
    """Without those after the user signed out for good, which nobody misses."""
    http = service_exchanges(tables)
    if not refused or http.empty:
        return refused
    left = http[(http["path"].fillna("").str.partition("?")[0].isin(_SIGN_OUT))]
    left = left[left["status"].between(200, 399).fillna(False) & left["started"].notna()]
    if left.empty:
        return refused
    last = float(left["started"].max())
    back = http["path"].fillna("").str.startswith(_SIGNED_IN) & (http["started"] > last)
    if (back & http["status"].between(200, 399)).fillna(False).any():
        return refused
    return [item for item in refused if (item.row["started"] or 0.0) < last]


def find_account_session_expired(tables: Tables) -> Iterator[Finding]:
    refused = _before_leaving(tables, about(tables, "account.session_expired"))
    refreshed = _refreshed(tables, refused)
    lasting = [item for item in refused if not item.healed and item.row["host"] not in refreshed]
    coded = [item for item in lasting if item.row["error_code"] or item.row["error_message"]]
    # one 401 without a word may be a call that is not for this user
    if not coded and len(lasting) < 2:
        return
    bare = [item for item in lasting if item.row["authorized"] is False]
    yield claim(
        "account.session_expired",
        lasting,
        joined(
            [
                plural(
                    "{n} request for {places} got status 401 and no later one was accepted: "
                    "{meaning}.",
                    "{n} requests for {places} got status 401 and no later one was accepted: "
                    "{meaning}.",
                    len(lasting),
                    places=some(places(lasting)),
                    meaning=says(lasting),
                ),
                say("They carried no Authorization header.") if len(bare) == len(lasting) else "",
            ]
        ),
        confidence=earned(0.75, (bool(coded), 0.5), (len(lasting) > 2, 0.3)),
        in_short=says(lasting),
        note=say("refused with 401"),
        measurements={"without_authorization": len(bare)},
    )


def _lasting_states(tables: Tables) -> list[Told]:
    """All of them, but for a single 404 without a word after which the person sent a message."""
    items = [item for item in about(tables, "account.state") if not item.healed]
    mute = [item for item in items if item.rule.rule == _MUTE_404]
    if len(mute) != 1:
        return items
    http = service_exchanges(tables)
    sent = http["status"].between(200, 299) & (http["path"] == _SEND)
    sent &= http["started"] > (mute[0].row["started"] or 0.0)
    return [item for item in items if item not in mute] if sent.fillna(False).any() else items


def _loss(tables: Tables, items: list[Told]) -> Severity | None:
    """Nothing is left of a closed account: critical, unless some call of it works afterwards."""
    closed = [item for item in items if item.rule.rule in _CLOSED]
    if not closed:
        return None
    http = service_exchanges(tables)
    last = max(item.row["started"] or 0.0 for item in closed)
    fine = http["status"].between(200, 299) & (http["started"] > last)
    later = records(http[fine.fillna(False)][["path"]])
    works = any((row["path"] or "").startswith(_WORKING) for row in later)
    return None if works else Severity.CRITICAL


def find_account_state(tables: Tables) -> Iterator[Finding]:
    items = _lasting_states(tables)
    if not items:
        return
    codes = some(sorted({item.row["error_code"] for item in items if item.row["error_code"]}), 2)
    yield claim(
        "account.state",
        items,
        say(
            "The service refuses {places} because of the account or workspace: {meaning} "
            "({codes}).",
            places=some(places(items)),
            meaning=says(items),
            codes=codes,
        ),
        confidence=earned(0.8, (bool(codes), 0.6)),
        severity=Severity.INFO if _others_work(tables, items) else _loss(tables, items),
        in_short=says(items),
    )
