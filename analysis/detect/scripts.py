"""The scripts and styles that a page of ChatGPT needs, page by page.

Shared by the script detectors: what the page names, what came of each, and
the exchange behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.detect.once import once
from analysis.detect.reach import cancelled
from analysis.detect.support import Record, records, rule_of
from analysis.model.frames import Tables

ARRIVED = ("loaded", "cached")


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
