"""browser.stale_cache and browser.extension_interferes: what the browser adds of its own.

From one capture only the plain cases can be told: an answer out of the cache or
a service worker that is broken itself, and requests that the browser says an
extension stopped, or that lost the Authorization header that their neighbours
have.  That a private window works is for a comparison to show.  Source:
detection notes 10 and 12; Chromium net_error_list.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.error_answers import about, service_exchanges
from analysis.detect.scripts import is_script, page_loads
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    ranked,
    records,
)
from analysis.knowledge import hosts, threshold
from analysis.knowledge.error_rules import step
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

SESSION = ("/api/auth/", "/backend-api/")
"""What is asked anew for each session."""


def find_browser_stale_cache(tables: Tables) -> Iterator[Finding]:
    yield from _stale_pages(tables)
    yield from _stale_answers(tables)


def _stale_pages(tables: Tables) -> Iterator[Finding]:
    broken = []
    for page in page_loads(tables):
        stored = page.document if page.document and page.document["from_cache"] else None
        gone = [row for row in page.needed if row["outcome"] in ("gone", "replaced")]
        if stored and gone:
            broken.append((stored, gone))
    if not broken:
        return
    rows = [document for document, _ in broken]
    names = ranked(row["host"] for row in rows)
    lost = sum(len(gone) for _, gone in broken)
    yield finding(
        "browser.stale_cache",
        plural(
            "The page of {hosts} came out of the browser's cache or a service worker and names "
            "{n} script that no longer exists.",
            "The page of {hosts} came out of the browser's cache or a service worker and names "
            "{n} scripts that no longer exist.",
            lost,
            hosts=some(names),
        ),
        confidence=0.8,
        subjects=names,
        count=lost,
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, say("the page, not fetched from the network"))
        + flow_evidence([row for _, gone in broken for row in gone], say("no longer there")),
        in_short=plural("{n} script", "{n} scripts", lost),
    )


def _stale_answers(tables: Tables) -> Iterator[Finding]:
    """Calls of the session that some store of the browser answers, days old, and the 401s after.

    The service marks such answers as not to be stored, so only a service worker keeps them.
    A browser that goes back to a page shows old answers too, and nothing is refused then.
    """
    http = service_exchanges(tables)
    if http.empty or not http["from_cache"].fillna(False).any():
        return
    dated = http[http["date"].notna() & http["started"].notna()]
    stored = dated["from_cache"].fillna(False)
    age = dated["started"] - dated["date"]
    fresh = set(dated[~stored & (age.abs() < threshold("clock_skew_s"))]["host"])
    old = [
        row
        for row in records(dated[stored & (age >= threshold("stale_answer_s"))])
        if (row["path"] or "").startswith(SESSION) and row["host"] in fresh
    ]
    if not old:
        return
    begin = min(row["started"] for row in old)
    names = ranked(row["host"] for row in old)
    refused = [
        item.row
        for item in about(tables, "account.session_expired")
        if not item.healed and item.row["host"] in names and (item.row["started"] or 0.0) > begin
    ]
    if not refused:
        return
    days = min(row["started"] - row["date"] for row in old) / 86400
    paths = tuple(dict.fromkeys((row["path"] or "").partition("?")[0] for row in old))
    yield finding(
        "browser.stale_cache",
        plural(
            "The browser answers {paths} of {hosts} by itself, with what it kept for {days} "
            "days, and the service then refuses {n} call with 401.",
            "The browser answers {paths} of {hosts} by itself, with what it kept for {days} "
            "days, and the service then refuses {n} calls with 401.",
            len(refused),
            paths=some(paths),
            hosts=some(names),
            days=Number(days),
        ),
        confidence=earned(0.75, (len(old) > 2, 0.3), (len(refused) > 2, 0.3)),
        subjects=names,
        count=len(old),
        times=[row["started"] for row in old],
        evidence=flow_evidence(old, say("an old answer, not fetched from the network"))
        + flow_evidence(refused, say("refused with 401")),
        in_short=plural("{n} old answer", "{n} old answers", len(old)),
        measurements={"age_days": round(days, 1)},
    )


def _stopped(tables: Tables) -> list[Record]:
    """Calls that the user needs, which the browser says an extension stopped."""
    http = service_exchanges(tables)
    if http.empty:
        return []
    said = http["error"].fillna("").str.contains("ERR_BLOCKED_BY_CLIENT", regex=False)
    return [
        row
        for row in records(http[said])
        if not is_script(row)
        and not hosts().harmless(row["host"], row["path"])
        and (found := step(row["host"], row["path"] or "/"))
        and found.needed
    ]


def _stripped(tables: Tables) -> list[Record]:
    """Calls refused for a missing Authorization header while others had one and worked."""
    http = service_exchanges(tables)
    if http.empty:
        return []
    fine = http["authorized"].fillna(False) & http["status"].between(200, 299).fillna(False)
    if not fine.any():
        return []
    begin = http[fine]["started"].min()
    bare = [item.row for item in about(tables, "account.session_expired") if not item.healed]
    return [
        row
        for row in bare
        if row["authorized"] is False and row["started"] is not None and row["started"] > begin
    ]


def find_browser_extension_interferes(tables: Tables) -> Iterator[Finding]:
    stopped, stripped = _stopped(tables), _stripped(tables)
    rows = stopped + stripped
    if not rows:
        return
    names = ranked(row["host"] for row in rows)
    steps = [step(row["host"], row["path"] or "/") for row in rows]
    what = some(tuple(dict.fromkeys(found.name for found in steps if found))) or some(names)
    page = any(row["request_dest"] == "document" for row in stopped)
    signs = []
    if stopped:
        signs.append(
            plural(
                "the browser says that it stopped {n} request",
                "the browser says that it stopped {n} requests",
                len(stopped),
            )
        )
    if stripped:
        signs.append(
            plural(
                "{n} request lost the Authorization header",
                "{n} requests lost the Authorization header",
                len(stripped),
            )
        )
    yield finding(
        "browser.extension_interferes",
        say("A browser extension interferes with {what}: {signs}.", what=what, signs=some(signs)),
        confidence=earned(0.95 if stopped else 0.55, (len(rows) > 2, 0.2)),
        subjects=names,
        # without its document there is no page at all
        severity=effect(names[0], Severity.CRITICAL if page else Severity.WARNING),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, say("stopped or changed in the browser")),
        in_short=what,
    )
