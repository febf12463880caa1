"""script.blocked_by_extension, _by_network and _by_policy: a needed script did not load.

Never asked for while its neighbours were: an extension (absence alone may be a
cache, so confidence stays below certainty).  Asked for without an answer: the
network.  Refused with a policy's code: the page or the managed browser.  A page
that was closed early and a page mostly served from cache are none of it.
Source: Chromium net_error_list, detection notes 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.detect.browser_state import SESSION
from analysis.detect.dns_answers import answers
from analysis.detect.reach import Reach, reach_of
from analysis.detect.script_replaced import product_of
from analysis.detect.scripts import (
    PageLoad,
    exchanges,
    gave_up,
    named,
    page_loads,
    unlisted,
)
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    ranked,
    records,
    where,
)
from analysis.knowledge import hosts as known_hosts
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

# Chromium's code, and WebKit's sentence (WebKitErrorFrameLoadBlockedByContentBlocker)
_EXTENSION = ("err_blocked_by_client", "blocked by a content blocker")
_NAMED = re.compile(r"\(extension ([^()]{1,80})\)$")
_POLICY = (
    "err_blocked_by_administrator",
    "err_blocked_by_csp",
    "err_blocked_by_response",
    "err_blocked_by_orb",
    "csp",
    "content security policy",
)


def _says(row: Record, words: tuple[str, ...]) -> bool:
    text = (row["error"] or "").lower()
    return any(word in text for word in words)


def _asked_for(tables: Tables) -> list[Record]:
    """Needed scripts: those that pages name, and those that only a request shows."""
    return [row for page in page_loads(tables) for row in page.needed] + unlisted(tables)


def _refused(tables: Tables, words: tuple[str, ...]) -> list[Record]:
    """Needed scripts that did not load, with the browser's own word for it."""
    return [
        row
        for row in _asked_for(tables)
        if row["outcome"] not in ("loaded", "cached") and _says(row, words)
    ]


def _failed(tables: Tables) -> list[Record]:
    """Needed scripts whose request failed for a reason outside of the browser."""
    return [
        row
        for row in _asked_for(tables)
        if row["outcome"] == "failed"
        and not gave_up(row)
        and not _says(row, _EXTENSION)
        and not _says(row, _POLICY)
    ]


def _unreachable(tables: Tables, rows: list[Record]) -> dict[str, Reach]:
    """Hosts of `rows` that failed below HTTP: by name lookup, TCP or TLS."""
    hosts = frozenset(row["host"] for row in rows if row["host"])
    if not hosts:
        return {}
    reach = reach_of(tables, hosts)
    bad = {answer.host for answer in answers(tables) if answer.failed}
    return {
        host: found
        for host, found in reach.items()
        if not found.worked and (found.failed or host in bad)
    }


def find_script_blocked_by_network(tables: Tables) -> Iterator[Finding]:
    pages = page_loads(tables)
    asked = _failed(tables)
    absent = [row for page in pages for row in page.awaited if row["outcome"] == "never_asked"]
    # the browser never got as far as a request where the name or the connection failed
    cut_off = _unreachable(tables, absent)
    missing = asked + [row for row in absent if row["host"] in cut_off]
    arrived = _arrived(pages)
    missing = [row for row in missing if row["url"] not in arrived]
    if not missing:
        return
    # apart by cause, so that each part can point at its own
    unnamed = {answer.host for answer in answers(tables) if answer.failed}
    for part in (
        [row for row in missing if row["host"] in unnamed],
        [row for row in missing if row["host"] not in unnamed],
    ):
        if part:
            yield _not_arrived(tables, part)


def _not_arrived(tables: Tables, missing: list[Record]) -> Finding:
    hosts = ranked(row["host"] for row in missing)
    flows = exchanges(tables, {row["flow"] for row in missing if row["flow"]})
    errors = tuple(dict.fromkeys(row["error"] for row in missing if row["error"]))
    below = _unreachable(tables, missing)
    return finding(
        "script.blocked_by_network",
        plural(
            "{n} needed script from {hosts} did not arrive ({scripts}): {errors}.",
            "{n} needed scripts from {hosts} did not arrive ({scripts}): {errors}.",
            len(missing),
            hosts=some(hosts),
            scripts=some(named(missing)),
            errors=some(errors, 2),
        ),
        confidence=earned(0.8, (bool(errors), 0.3), (bool(below), 0.5), (len(missing) > 1, 0.2)),
        subjects=hosts,
        severity=effect(hosts[0]) if hosts else None,
        count=len(missing),
        times=[flow["started"] for flow in flows.values()],
        evidence=flow_evidence(missing, say("the request that got no script"))
        + flow_evidence(missing, say("the page that names it"), "page"),
        in_short=some(named(missing)),
        measurements={"scripts": [row["url"] for row in missing[:20]]},
    )


def _arrived(pages: list[PageLoad]) -> set[str]:
    """Scripts that arrived for some page: a retry healed them, or they are cached."""
    return {row["url"] for page in pages for row in page.arrived}


def find_script_blocked_by_extension(tables: Tables) -> Iterator[Finding]:
    pages = page_loads(tables)
    said = _refused(tables, _EXTENSION)
    silent = _never_asked(tables, pages)
    if _policy_reports(tables):
        silent = []  # the page reports its own policy: script.blocked_by_policy
    used = _went_on(tables)
    if used and _known(pages):
        silent = []  # the browser may well have had it already, and nobody missed it
    refused = {id(row) for row in said}
    missing = said + [row for row in silent if id(row) not in refused]
    if not missing:
        return
    hosts = ranked(row["host"] for row in missing)
    open_way = _known_to_open(tables, hosts)
    lost = {id(row) for row in missing}
    around = [page for page in pages if any(id(row) in lost for row in page.rows)]
    loaded = sum(len(page.arrived) for page in around)
    if said:
        why = say("the browser says that one of its extensions blocked it")
    else:
        why = plural(
            "the page names it, {n} neighbour loaded, it was never asked for",
            "the page names it, {n} neighbours loaded, it was never asked for",
            loaded,
        )
    yield finding(
        "script.blocked_by_extension",
        say(
            "{scripts} from {hosts} never left the browser: {why}.",
            scripts=some(named(missing)),
            hosts=some(hosts),
            why=why,
        ),
        confidence=0.97
        if said
        else earned(
            # a flow file has no trace of a name or a tunnel that failed before any request
            0.62 if open_way else 0.4,
            (loaded >= 3, 0.25),
            (loaded >= 6, 0.2),
            (len(around) > 1, 0.2),
            (not used, 0.2),
        ),
        subjects=hosts,
        vendor=_extension_of(said),
        # where the chat worked, only some part of the page is missing
        severity=Severity.WARNING if used and not said else effect(hosts[0]) if hosts else None,
        count=len(missing),
        times=[page.document["started"] for page in around if page.document],
        evidence=flow_evidence(missing, say("the page that names the script"), "page")
        + flow_evidence(said, say("the request that the browser stopped"))
        + flow_evidence(
            [row for page in around for row in page.arrived][:5], say("a neighbour, loaded")
        ),
        in_short=some(named(missing)),
        measurements={
            "scripts": [row["url"] for row in missing[:20]],
            "neighbours_loaded": loaded,
            "page_went_on": used,
        },
    )


def _extension_of(rows: list[Record]) -> str | None:
    """The extension's own name, which Chromium's log gives beside the error."""
    names = (_NAMED.search(row["error"] or "") for row in rows)
    return next((name[1] for name in names if name), None)


def _known_to_open(tables: Tables, hosts: tuple[str, ...]) -> bool:
    """Each of the hosts was reached in the capture: by a lookup, a connection or an exchange."""
    http, connections = tables["http"], tables["connections"]
    reached = set(http["host"][http["status"].notna()]) if len(http) else set()
    if len(connections):
        reached |= set(connections["host"][connections["tcp_ms"].notna()])
    reached |= {answer.host for answer in answers(tables) if not answer.failed}
    return reached.issuperset(hosts)


def _never_asked(tables: Tables, pages: list[PageLoad]) -> list[Record]:
    """Needed scripts that were never asked for although the page went on loading."""
    missing: list[Record] = []
    arrived, cached = _arrived(pages), _cached(tables)
    stored = _served_by_worker(tables)
    for page in pages:
        absent = [row for row in page.awaited if row["outcome"] == "never_asked"]
        absent = [row for row in absent if row["url"] not in arrived and row["host"] not in stored]
        if absent and _kept_loading(page, absent) and not _returning(page, cached):
            missing += absent
    cut_off = _unreachable(tables, missing)
    return [row for row in missing if row["host"] not in cut_off]


def _kept_loading(page: PageLoad, absent: list[Record]) -> bool:
    """False for a page closed early and for one that comes from a cache."""
    loaded = [row for row in page.awaited if row["outcome"] == "loaded"]
    if not loaded or len(absent) > max(1, threshold("neighbours_share") * len(page.awaited)):
        return False
    # a page that is closed leaves requests behind that never end
    return not any(row["outcome"] == "pending" or gave_up(row) for row in page.needed)


def _cached(tables: Tables) -> set[tuple[str, str]]:
    """Source and flow of the exchanges that were revalidated or came from the browser's cache."""
    http = tables["http"]
    if http.empty:
        return set()
    chosen = http[(http["status"] == 304).fillna(False) | http["from_cache"].fillna(False)]
    return set(zip(chosen["source"], chosen["flow"], strict=True))


def _returning(page: PageLoad, cached: set[tuple[str, str]]) -> bool:
    """The browser had been here before: neighbours were revalidated or came from its cache."""
    return any(
        row["outcome"] == "cached" or (row["source"], row["flow"]) in cached for row in page.rows
    )


def _served_by_worker(tables: Tables) -> set[str]:
    """Hosts whose calls a service worker answers, and so maybe asks for scripts as well."""
    http = tables["http"]
    if http.empty:
        return set()
    stored = http[http["from_cache"].fillna(False)]
    return set(stored[stored["path"].fillna("").str.startswith(SESSION)]["host"])


def _known(pages: list[PageLoad]) -> bool:
    """The browser sent cookies with a document: it had been here and may hold scripts of it."""
    return any((page.document["cookie_bytes"] or 0) > 0 for page in pages if page.document)


def _went_on(tables: Tables) -> bool:
    """The app worked afterwards: a streamed answer came to its end."""
    sse = tables["sse"]
    return bool(len(sse)) and bool(sse["complete"].fillna(False).any())


def _policy_reports(tables: Tables) -> list[Record]:
    """Reports of the page's own Content-Security-Policy."""
    http = tables["http"]
    if http.empty:
        return []
    paths = http["path"].fillna("")
    return records(http[paths.str.contains("csp-report", regex=False)])


def _reported(tables: Tables, pages: list[PageLoad], reports: list[Record]) -> list[Record]:
    """Scripts of a page that asked for none of them, and reported at least as many refusals.

    Its styles came, so that it was neither closed nor taken from a cache.
    """
    missing: list[Record] = []
    cached = _cached(tables)
    for page in pages:
        scripts = [row for row in page.needed if row["kind"] in ("script", "preload")]
        other = [row for row in page.rows if row not in scripts]
        if any(row["outcome"] != "never_asked" for row in scripts) or _returning(page, cached):
            continue
        loaded = any(row["outcome"] == "loaded" for row in other)
        if scripts and loaded and len(reports) >= len(scripts):
            missing += scripts
    return missing


def find_script_blocked_by_policy(tables: Tables) -> Iterator[Finding]:
    pages = page_loads(tables)
    said = _refused(tables, _POLICY)
    reports = _policy_reports(tables)
    silent = _never_asked(tables, pages) or _reported(tables, pages, reports) if reports else []
    refused = {id(row) for row in said}
    missing = said + [row for row in silent if id(row) not in refused]
    if forbidden := _forbidden_pages(tables):
        yield _forbidden(forbidden)
    if not missing:
        return
    hosts = ranked(row["host"] for row in missing)
    managed = any(_says(row, ("administrator",)) for row in missing)
    source = say("a managed browser policy") if managed else say("a policy of the page")
    vendor = next(filter(None, map(product_of, _documents(tables, hosts))), None)
    refusal = say(
        "{scripts} from {hosts} was refused by {policy}",
        scripts=some(named(missing)),
        hosts=some(hosts),
        policy=source,
    )
    yield finding(
        "script.blocked_by_policy",
        plural(
            "{refusal}; the browser sent {n} policy report.",
            "{refusal}; the browser sent {n} policy reports.",
            len(reports),
            refusal=refusal,
        )
        if reports
        else say("{refusal}.", refusal=refusal),
        confidence=earned(0.9 if said else 0.6, (bool(said and reports), 0.4)),
        subjects=hosts,
        severity=Severity.WARNING,
        # who stands on the way of the page can add a policy to it
        vendor=vendor,
        count=len(missing),
        times=[row["started"] for row in reports],
        evidence=flow_evidence(missing, say("the page that names the script"), "page")
        + flow_evidence(said, say("the request that was refused"))
        + flow_evidence(reports, say("the browser's policy report")),
        in_short=some(named(missing)),
    )


def _documents(tables: Tables, names: tuple[str, ...]) -> list[Record]:
    http = where(tables["http"], "host", names.__contains__)
    return records(http[(http["request_dest"] == "document").fillna(False)]) if len(http) else []


def _forbidden_pages(tables: Tables) -> list[Record]:
    """Documents of ChatGPT that a managed browser may not open, and never did."""
    http = where(tables["http"], "host", known_hosts().essential)
    if http.empty:
        return []
    pages = http[(http["request_dest"] == "document").fillna(False)]
    opened = set(pages[pages["status"].between(200, 399).fillna(False)]["host"])
    return [
        row
        for row in records(pages[pages["error"].notna()])
        if row["host"] not in opened and "ERR_BLOCKED_BY_ADMINISTRATOR" in row["error"]
    ]


def _forbidden(rows: list[Record]) -> Finding:
    names = ranked(row["host"] for row in rows)
    return finding(
        "script.blocked_by_policy",
        say(
            "{hosts} is not opened: a policy of the managed browser forbids it.", hosts=some(names)
        ),
        confidence=0.95,
        subjects=names,
        severity=effect(names[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, say("the page that the policy forbids")),
        in_short=some(names),
    )
