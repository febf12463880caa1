"""bot.challenge and bot.unusual_activity: the client is taken for a machine.

A challenge is told by cf-mitigated before any status.  One that is passed
afterwards (the same thing, or the page after a page, is answered well) is no
fault.  Where chatpath's own proxy carried the session, its TLS fingerprint may
have drawn the challenge, so the locus is the capture.  Does not prove that the
browser alone would be challenged.  Source: detection notes 11, traffic notes 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analysis.detect.dns_answers import answers
from analysis.detect.error_answers import Told, about, claim, says, service_exchanges
from analysis.detect.reach import reach_of
from analysis.detect.support import earned, records
from analysis.model.diagnosis import Finding, Locus, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some, times_over

CHALLENGES = "challenges.cloudflare.com"


def own_proxy(tables: Tables) -> bool:
    """chatpath's own proxy carried the session, opened and closed TLS anew."""
    return any(facts.mode in ("proxy", "local", "wireguard") for facts in tables.captures)


def by_capture(tables: Tables, found: Finding) -> Finding:
    """The same finding, laid to the capture where its own proxy may have drawn it."""
    return replace(found, locus=Locus.CAPTURE) if own_proxy(tables) else found


def _is_page(item: Told) -> bool:
    return item.row["request_dest"] == "document" or not (item.row["path"] or "").startswith(
        ("/backend-", "/api/", "/v1/")
    )


def _passed(tables: Tables, items: list[Told]) -> set[str]:
    """Hosts whose page was given after the last challenge of a page."""
    http = service_exchanges(tables)
    fine = http[http["status"].between(200, 399).fillna(False) & http["cf_mitigated"].isna()]
    html = fine[(fine["content_type"] == "text/html").fillna(False)]
    given: dict[str, float] = {}
    for row in records(html[["host", "path", "started"]]):
        if row["started"] is not None and not (row["path"] or "").startswith("/cdn-cgi/"):
            given[row["host"]] = max(given.get(row["host"], 0.0), row["started"])
    return {
        item.row["host"]
        for item in items
        if _is_page(item) and given.get(item.row["host"], 0.0) > (item.row["started"] or 0.0)
    }


def find_bot_challenge(tables: Tables) -> Iterator[Finding]:
    met = about(tables, "bot.challenge")
    passed = _passed(tables, met)
    met = [item for item in met if not item.healed]
    met = [item for item in met if not (_is_page(item) and item.row["host"] in passed)]
    if not met:
        return
    blocked = _challenge_host_blocked(tables)
    marked = [item for item in met if item.row["cf_mitigated"]]
    data = [item for item in met if not _is_page(item)]
    demanded = {"times": times_over(len(met)), "meaning": says(met)}
    made = claim(
        "bot.challenge",
        met,
        joined(
            [
                say(
                    "The edge demanded a bot check {times} ({meaning}) and the client did not pass "
                    "it: {host}, which the check needs, cannot be reached.",
                    host=CHALLENGES,
                    **demanded,
                )
                if blocked
                else say(
                    "The edge demanded a bot check {times} ({meaning}) and the client did not pass "
                    "it.",
                    **demanded,
                ),
                plural(
                    "{n} request for data got a page.",
                    "{n} requests for data got a page.",
                    len(data),
                )
                if data
                else "",
            ]
        ),
        confidence=earned(0.8, (bool(marked), 0.6), (len(met) > 1, 0.3), (blocked, 0.3)),
        in_short=say("blocked") if blocked else times_over(len(met)),
        note=say("challenged"),
    )
    if blocked:
        # the check itself is kept away: that host is what the finding is about
        yield replace(made, subjects=(CHALLENGES,))
    else:
        yield by_capture(tables, made)


def _challenge_host_blocked(tables: Tables) -> bool:
    reach = reach_of(tables, frozenset({CHALLENGES}))[CHALLENGES]
    denied = any(answer.host == CHALLENGES and answer.failed for answer in answers(tables))
    said = any(item.rule.rule == "cf_unblock" for item in about(tables, "bot.challenge"))
    return not reach.worked and (bool(reach.failed) or denied or said)


def _flagged(times: str, why: str, *, healed: bool) -> str:
    if healed:
        return say(
            "The service flags this client {times} ({why}) and lets it through later.",
            times=times,
            why=why,
        )
    return say("The service flags this client {times} ({why}).", times=times, why=why)


def find_bot_unusual_activity(tables: Tables) -> Iterator[Finding]:
    flagged = about(tables, "bot.unusual_activity")
    if not flagged:
        return
    lasting = [item for item in flagged if not item.healed]
    codes = some(sorted({str(item.row["status"]) for item in flagged if item.row["status"]}))
    yield claim(
        "bot.unusual_activity",
        flagged,
        _flagged(
            times_over(len(flagged)),
            say("{meaning}, status {codes}", meaning=says(flagged), codes=codes)
            if codes
            else says(flagged),
            healed=not lasting,
        ),
        confidence=earned(0.85, (len(flagged) > 1, 0.4)),
        severity=Severity.CRITICAL if lasting else Severity.WARNING,
        in_short=says(flagged),
    )
