"""Facts of the requests: each step of the use of ChatGPT and what came of it.

A step is who was asked for what: method, host and shape of the path.  Ids, queries and
hashes are left out of it, so that two runs have the same steps whatever their order.  One
failure among answers is none; a step fails when all its tries do, or the last two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analysis.compare.facts import Fact, evidence_of, fact, place_of
from analysis.detect.path_answers import block_page, named_product, net_error
from analysis.detect.reach import cancelled
from analysis.detect.scripts import is_script
from analysis.detect.support import Record, matters, records, where
from analysis.knowledge import hosts, threshold
from analysis.knowledge.error_rules import step
from analysis.knowledge.secrets import ID, looks_secret
from analysis.model.frames import Tables
from analysis.model.message import joined, say

MAX_STEPS = 300
_DEPTH = 5
_COLUMNS = [
    *("source", "flow", "started", "method", "host", "path", "status", "error", "upgrade"),
    *("cf_mitigated", "cf_ray", "content_type", "server", "via", "location", "headers"),
    *("body_excerpt", "request_dest", "from_cache", "error_code"),
]
_REFUSALS = (401, 403, 407, 451, 511)
_FILE = re.compile(r"\.[a-z0-9]{1,6}$")
_CHANGING = re.compile(r"\d{4,}|[0-9a-f]{8,}")


def step_facts(tables: Tables) -> Iterator[Fact]:
    """One fact per step, the first `MAX_STEPS` of them, and those of the browser's own state."""
    yield from _answers(tables)
    yield from _cookies(tables)
    yield from _cache(tables)


def path_shape(path: str) -> str:
    """A path without what is of one run: query, ids, build names, the name of an asset."""
    parts = path.partition("?")[0].strip("/").split("/")[: _DEPTH + 1]
    shaped = [_segment(part) for part in parts[:_DEPTH]]
    return "/" + "/".join(shaped) + ("/…" if len(parts) > _DEPTH else "")


def _segment(part: str) -> str:
    ending = _FILE.search(part)
    if ending:
        return "*" + ending.group()
    if part == ID or looks_secret(part) or _CHANGING.search(part) or len(part) > 60:
        return ID
    return part


_ANSWERED = say("answered")


def _answers(tables: Tables) -> Iterator[Fact]:
    http = where(tables["http"], "host", matters)
    if http.empty:
        return
    steps: dict[str, list[Record]] = {}
    for row in sorted(records(http[_COLUMNS]), key=lambda row: row["started"] or 0.0):
        if row["upgrade"] or is_script(row) or _given_up(row):
            continue
        if hosts().harmless(row["host"], row["path"]):
            continue
        method = (row["method"] or "GET").upper()
        if method == "OPTIONS":
            continue  # the browser asks leave by itself, or remembers it
        name = f"{method} {place_of(row['host'])}{path_shape(row['path'] or '/')}"
        if name in steps or len(steps) < MAX_STEPS:
            steps.setdefault(name, []).append(row)
    for name, rows in steps.items():
        yield _step(name, rows)


def _given_up(row: Record) -> bool:
    return not row["status"] and cancelled(row["error"])


def _step(name: str, rows: list[Record]) -> Fact:
    kinds = [_came_of(row) for row in rows]
    bad = [index for index, (kind, _) in enumerate(kinds) if kind != "answered"]
    last = len(rows) - 1
    fails = len(bad) == len(rows) or (len(rows) > 1 and {last, last - 1} <= set(bad))
    row = rows[last] if fails else rows[next(i for i in range(len(rows)) if i not in bad)]
    kind, words = kinds[last] if fails else ("answered", _ANSWERED)
    listed = step(row["host"], row["path"] or "/")
    shown = words
    if fails and len(rows) > 1:
        shown = say("{what}, {bad} of {all} tries", what=words, bad=len(bad), all=len(rows))
    return fact(
        "http.answer",
        words,
        kind=kind,
        subject=name,
        shown=shown,
        fault=fails,
        needed=bool(listed and listed.needed),
        hosts=(row["host"],),
        evidence=evidence_of(row, joined([name, words], ": ")),
    )


def _came_of(row: Record) -> tuple[str, str]:
    """Sort of the answer and the answer in words, without what changes by itself."""
    status = row["status"]
    if not status:
        error = net_error(row)
        if error == "ERR_BLOCKED_BY_CLIENT":
            return "withheld", say("withheld by the browser")
        return "unanswered", (say("no answer: {error}", error=error) if error else say("no answer"))
    code = str(status)
    if row["cf_mitigated"] == "challenge":
        return "refused", say("challenge ({status})", status=code)
    product = block_page(row) or (named_product(row) if status >= 400 else None)
    if product:
        return "replaced", say("answer of {product} ({status})", product=product, status=code)
    if status in _REFUSALS:
        return "refused", say("refused ({status})", status=code)
    if status >= 500:
        return "failed", say("server error ({status})", status=code)
    if status >= 400:
        return "wrong", say("refused as wrong ({status})", status=code)
    return "answered", _ANSWERED


def _cookies(tables: Tables) -> Iterator[Fact]:
    """Whether cookies were sent, by the size of the header alone."""
    http = tables["http"]
    sized = http[http["cookie_bytes"].notna()] if len(http) else http
    sized = where(sized, "host", lambda host: hosts().essential(host))
    if sized.empty:
        return
    most = int(sized["cookie_bytes"].max())
    size = say("up to {n} octets", n=most)
    if most >= threshold("header_bytes"):
        yield fact("browser.cookies", say("near the edge's limit"), shown=size, fault=True)
    elif most:
        yield fact("browser.cookies", say("sent"), shown=say("sent, {size}", size=size))
    else:
        yield fact("browser.cookies", say("none"))


def _cache(tables: Tables) -> Iterator[Fact]:
    http = tables["http"]
    pages = http[(http["request_dest"] == "document").fillna(False)] if len(http) else http
    pages = where(pages[pages["status"].notna()], "host", lambda host: hosts().essential(host))
    if pages.empty:
        return
    stored = pages[pages["from_cache"].fillna(False)]
    chosen = records((stored if len(stored) else pages).head(1))[0]
    value = say("the browser's cache or a service worker") if len(stored) else say("the network")
    yield fact(
        "browser.cache",
        value,
        evidence=evidence_of(chosen, say("the page, from {place}", place=value)),
    )
