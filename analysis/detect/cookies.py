"""browser.cookies_too_big and browser.cookie_conflict: the browser's cookies break the session.

Too big: 400 or 431 with the text of it, or an HTML refusal of a request whose
headers are near the edge's limit.  Conflict: one name with different values, or
cookies that never come back, and with it a sign-in that fails or goes round in
circles; without that it is only information.  Values are never stored.  Source:
detection notes 12; traffic notes 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.error_answers import about, answer_of, key_of, service_exchanges
from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    ranked,
    records,
)
from analysis.knowledge import threshold
from analysis.knowledge.error_rules import meaning
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some, times_over

_REDIRECTS = (301, 302, 303, 307, 308)
_LOOP_WORDS = ("too_many_redirects", "too many redirects")


def _size(row: Record) -> int:
    return max(row["cookie_bytes"] or 0, row["request_header_bytes"] or 0)


def _too_big(tables: Tables) -> list[Record]:
    """400 answers without a word, in HTML, to requests with headers near the limit."""
    http = service_exchanges(tables)
    bare = http[(http["status"] == 400).fillna(False)] if len(http) else http
    return [
        row
        for row in records(bare)
        if _size(row) >= threshold("header_bytes")
        and not (row["content_type"] or "").endswith("json")
        and meaning(answer_of(row)) is None
    ]


def find_browser_cookies_too_big(tables: Tables) -> Iterator[Finding]:
    said = [item for item in about(tables, "browser.cookies_too_big") if not item.healed]
    rows = [item.row for item in said] + _too_big(tables)
    if not rows:
        return
    size = max(_size(row) for row in rows)
    cookies = max(row["cookie_bytes"] or 0 for row in rows)
    names = ranked(row["host"] for row in rows)
    yield finding(
        "browser.cookies_too_big",
        _too_large(some(names), len(rows), size, cookies),
        confidence=earned(0.7, (bool(said), 0.5), (size >= threshold("header_bytes"), 0.6)),
        subjects=names,
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, say("refused for the size of its headers")),
        in_short=say("{size} octets", size=size) if size else "",
        measurements={"header_bytes": size, "cookie_bytes": cookies},
    )


def redirect_loop(tables: Tables) -> list[Record]:
    """Redirects that lead round in circles: one address is left again and again."""
    http = service_exchanges(tables)
    if http.empty:
        return []
    turned = http["status"].isin(_REDIRECTS).fillna(False) & (http["method"] == "GET").fillna(False)
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for row in records(http[turned]):
        if row["started"] is not None:
            groups.setdefault(key_of(row), []).append(row)
    loops = []
    for rows in groups.values():
        rows.sort(key=lambda row: row["started"])
        most = int(threshold("redirect_loop"))
        spans = zip(rows, rows[most - 1 :], strict=False)
        if any(b["started"] - a["started"] <= threshold("redirect_loop_s") for a, b in spans):
            loops += rows
    given_up = http["error"].fillna("").str.lower()
    said = given_up.str.contains("|".join(_LOOP_WORDS), regex=True)
    return loops + records(http[said])


def _too_large(hosts: str, count: int, size: int, cookies: int) -> str:
    refused = plural(
        "{hosts} refused {n} request because the headers are too large",
        "{hosts} refused {n} requests because the headers are too large",
        count,
        hosts=hosts,
    )
    if size and cookies:
        return say(
            "{refused}: up to {size} octets, {cookies} of them cookies.",
            refused=refused,
            size=size,
            cookies=cookies,
        )
    return (
        say("{refused}: up to {size} octets.", refused=refused, size=size)
        if size
        else say("{refused}.", refused=refused)
    )


def find_browser_cookie_conflict(tables: Tables) -> Iterator[Finding]:
    http = service_exchanges(tables)
    twice = records(http[(http["cookie_conflicts"] > 0).fillna(False)]) if len(http) else []
    loop = redirect_loop(tables)
    given = [row for row in loop if (row["set_cookies"] or 0) > 0]
    # the next request of a circle must carry what the last answer set
    lost = len(given) > 1 and not any((row["cookie_bytes"] or 0) > 0 for row in loop)
    refused = [item for item in about(tables, "account.session_expired") if not item.healed]
    broken = bool(loop or (twice and refused))
    if not loop and not twice:
        return
    rows = loop or twice
    names = ranked(row["host"] for row in rows)
    signs = []
    if loop:
        signs.append(say("redirects lead round in circles ({n})", n=len(loop)))
    if lost:
        signs.append(say("cookies that the service sets never come back"))
    if twice:
        times = times_over(len(twice))
        signs.append(say("one cookie name has different values ({times})", times=times))
    contradict = say(
        "Cookies for {hosts} contradict each other or get lost: {signs}.",
        hosts=some(names),
        signs=joined(signs, "; "),
    )
    yield finding(
        "browser.cookie_conflict",
        joined([contradict, "" if broken else say("Nothing failed because of it.")]),
        confidence=earned(0.6, (bool(loop), 0.4), (lost, 0.5), (bool(twice), 0.3)),
        subjects=names,
        severity=None if broken else Severity.INFO,
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(
            rows, say("redirected again") if loop else say("one name, two values")
        ),
        in_short=signs[0],
    )
