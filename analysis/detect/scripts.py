"""The scripts and styles that a page of ChatGPT needs, page by page.

Shared by the script detectors: what the page names, what came of each, and
the exchange behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.detect.once import once
from analysis.detect.reach import cancelled
from analysis.detect.support import Record, records, rule_of, where
from analysis.knowledge import hosts
from analysis.model.frames import Tables

ARRIVED = ("loaded", "cached")
_KINDS = {"script": "script", "style": "style", "worker": "script", "modulepreload": "preload"}


@dataclass(frozen=True, slots=True)
class PageLoad:
    """One document: the rows it names in document order, and the document's own exchange."""

    rows: tuple[Record, ...]
    document: Record | None

    @property
    def needed(self) -> list[Record]:
        """Scripts and styles without which the page does not work.

        Preloads are among them: ChatGPT's page names the modules that its entry
        imports as ``modulepreload``, and a module that fails stops the entry.
        """
        return [row for row in self.rows if row["needed"]]

    @property
    def awaited(self) -> list[Record]:
        """Needed scripts that a browser asks for by itself.

        Preloads only where it asked for one of this page: a browser may not know
        them, and an import map names modules that may never be used.
        """
        preloads = any(
            row["kind"] == "preload" and row["outcome"] != "never_asked" for row in self.rows
        )
        return [
            row
            for row in self.needed
            if row["kind"] == "script" or (row["kind"] == "preload" and preloads)
        ]

    @property
    def arrived(self) -> list[Record]:
        return [row for row in self.rows if row["outcome"] in ARRIVED]


@once
def page_loads(tables: Tables) -> list[PageLoad]:
    """Documents with the scripts and styles they name, in order of appearance."""
    frame = tables["resources"]
    if frame.empty:
        return []
    pages: dict[tuple[str, str], list[Record]] = {}
    for row in records(frame):
        pages.setdefault((row["source"] or "", row["page"] or row["page_url"] or ""), []).append(
            row
        )
    flows = exchanges(tables, {page for _, page in pages})
    return [
        PageLoad(tuple(rows), flows.get(page))
        for page, rows in pages.items()
        if any(rule_of(row["host"]) for row in rows)
    ]


def is_script(row: Record) -> bool:
    """The exchange is for a script or style, by what the browser says or by its name."""
    path = (row["path"] or "").partition("?")[0]
    return row["request_dest"] in _KINDS or path.endswith((".js", ".mjs", ".css"))


@once
def unlisted(tables: Tables) -> list[Record]:
    """Needed scripts that were asked for in vain and that no page in the capture names.

    A HAR without bodies and a NetLog hold no page to read, so their requests
    stand for themselves, as rows like those of the resources table.  One that
    came later is left out.
    """
    http = where(tables["http"], "host", hosts().essential)
    if http.empty:
        return []
    listed = set(tables["resources"]["flow"].dropna())
    failed = http[http["error"].notna() & ~http["flow"].isin(listed).fillna(False)]
    lost = [
        row
        for row in records(failed)
        if is_script(row) and (row["status"] is None or row["status"] < 100)
        if not hosts().harmless(row["host"], row["path"])
    ]
    if not lost:
        return []
    came = http[http["status"].between(200, 399).fillna(False)]
    arrived = set(zip(came["host"], came["path"], strict=True))
    return [_as_resource(row) for row in lost if (row["host"], row["path"]) not in arrived]


_HASHED = re.compile(r"(?=[\w-]*\d)[\w-]{8,}\.(?:m?js|css)$|\.[0-9a-f]{8,}\.(?:m?js|css)$")
"""A file name that a build made: no other release has the same."""


@once
def gone_chunks(tables: Tables) -> list[Record]:
    """Hashed scripts that no page names and that the edge does not have any more, as resources.

    A script imports them when they are first needed: "Failed to fetch dynamically
    imported module".  One that came later is left out.
    """
    http = where(tables["http"], "host", hosts().essential)
    if http.empty:
        return []
    listed = set(tables["resources"]["flow"].dropna())
    missing = http[
        (http["status"].isin([404, 410]) & http["cf_ray"].notna()).fillna(False)
        & ~http["flow"].isin(listed).fillna(False)
    ]
    lost = [
        row
        for row in records(missing)
        if row["method"] == "GET" and _HASHED.search((row["path"] or "").partition("?")[0])
        if not hosts().harmless(row["host"], row["path"])
    ]
    came = http[http["status"].between(200, 399).fillna(False)]
    arrived = set(zip(came["host"], came["path"], strict=True))
    return [
        _as_resource(row) | {"outcome": "gone"}
        for row in lost
        if (row["host"], row["path"]) not in arrived
    ]


@once
def misfits(tables: Tables) -> list[tuple[Record, Record]]:
    """Needed scripts that no page names and that came as a page or empty: resource, exchange.

    One that came well later is left out, and so is one that is empty only because no body
    was kept or a cache had it: the answer itself must say that it has none.
    """
    http = where(tables["http"], "host", hosts().essential)
    if http.empty:
        return []
    listed = set(tables["resources"]["flow"].dropna())
    fine = http[http["status"].between(200, 299).fillna(False)]
    fine = fine[~fine["flow"].isin(listed).fillna(False)]
    html = (fine["content_type"] == "text/html").fillna(False)
    bare = (fine["response_bytes"] == 0).fillna(False)
    odd = [
        row
        for row in records(fine[html | bare])
        if is_script(row) and not hosts().harmless(row["host"], row["path"])
    ]
    if not odd:
        return []
    good = [row for row in records(fine[~html & ~bare]) if is_script(row)]
    arrived = {(row["host"], row["path"]) for row in good}
    return [
        (_as_resource(row) | {"outcome": "replaced"}, row)
        for row in odd
        if (row["host"], row["path"]) not in arrived
        and (row["content_type"] == "text/html" or (empty(row) and _says_empty(row)))
    ]


def _says_empty(row: Record) -> bool:
    return bool(row["status"] == 204 or row["content_length"] == 0)


def empty(flow: Record) -> bool:
    """An answer of success without an octet of script in it."""
    return bool(
        flow["status"] in (200, 204)
        and flow["method"] == "GET"
        and flow["response_bytes"] == 0
        and not flow["content_length"]
        and not flow["from_cache"]
    )


def _as_resource(row: Record) -> Record:
    return {
        "source": row["source"],
        "page": None,
        "page_url": row["referer"],
        "url": f"{row['scheme'] or 'https'}://{row['host']}{row['path'] or '/'}",
        "host": row["host"],
        "kind": _KINDS.get(row["request_dest"] or "", "script"),
        "needed": True,
        "integrity": None,
        "outcome": "failed",
        "flow": row["flow"],
        "status": row["status"],
        "error": row["error"],
    }


def exchanges(tables: Tables, flows: set[str]) -> dict[tuple[str, str], Record]:
    """Exchanges by (source, flow)."""
    http = tables["http"]
    if http.empty or not flows:
        return {}
    chosen = http[http["flow"].isin([flow for flow in flows if flow]).fillna(False)]
    return {(row["source"] or "", row["flow"]): row for row in records(chosen)}


def gave_up(row: Record) -> bool:
    """The browser itself ended the request: the page was closed or left."""
    return cancelled(row["error"])


def named(rows: list[Record]) -> tuple[str, ...]:
    """File names of scripts for a sentence."""
    urls = dict.fromkeys(row["url"] or "" for row in rows)
    return tuple(url.partition("?")[0].rpartition("/")[2] or url for url in urls)


def foreign(row: Record, document: Record | None) -> bool:
    """True when a response lacks the edge's mark that the document carries."""
    return bool(document and document["cf_ray"]) and not row["cf_ray"]
