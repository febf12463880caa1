"""Answers that something before the service's edge made: block pages, refusals, portals.

Cloudflare fronts the service's own names and marks every answer with cf-ray, so
an answer without it was made on the way.  A capture that keeps no headers at all
says nothing about it.  Source: detection notes 10, 11 and 16.
"""

from __future__ import annotations

import re

from analysis.detect.script_replaced import product_of
from analysis.detect.scripts import misfits
from analysis.detect.support import Record, records
from analysis.knowledge.hosts import normal
from analysis.knowledge.products import vendor_of_page
from analysis.model.frames import Tables

_FRONTED = ("chatgpt.com", "openai.com", "oaistatic.com")
_NAMED = ["source", "flow"]
_OWN = ("mitmproxy", "chatpath")
_NET_ERROR = re.compile(r"(?:net::)?(ERR_[A-Z0-9_]{3,60})")


def fronted(host: str | None) -> bool:
    """True for a name that Cloudflare answers for."""
    name = normal(host or "")
    return any(name == known or name.endswith("." + known) for known in _FRONTED)


def marked(row: Record) -> bool:
    """The answer carries a mark of the edge or the service.

    Proxies on the way write request ids of their own (Envoy's is x-request-id), and then
    name themselves.
    """
    if row["cf_ray"]:
        return True
    names = [name.lower() for name in (row["server"], row["via"]) if name]
    return bool(row["request_id"]) and all("cloudflare" in name for name in names)


def before_the_edge(row: Record) -> bool:
    """True when headers were kept and none of them is the edge's or the service's."""
    if marked(row) or row["from_cache"] or not fronted(row["host"]):
        return False
    if any(own in (row["server"] or "").lower() for own in _OWN):
        return False
    return any(row[name] for name in ("server", "via", "headers", "content_type", "location"))


def block_page(row: Record) -> str | None:
    """The product whose page or redirection stands in place of an answer of any status."""
    if row["cf_ray"]:
        return None
    return vendor_of_page(text=row["body_excerpt"] or "", location=row["location"] or "")


def named_product(row: Record) -> str | None:
    """The product that made an answer which the edge did not mark."""
    return None if row["cf_ray"] else product_of(row)


def net_error(row: Record) -> str | None:
    """The browser's own code for a failure (``ERR_PROXY_CONNECTION_FAILED``), where it gave one."""
    found = _NET_ERROR.search(row["error"] or "")
    return found[1] if found else None


def judged_elsewhere(tables: Tables) -> set[tuple[str, str]]:
    """Exchanges with detectors of their own: scripts and styles, websocket upgrades."""
    rows = [row for name in ("resources", "ws") for row in records(tables[name][_NAMED])]
    rows += [flow for _, flow in misfits(tables)]
    return {(row["source"] or "", row["flow"]) for row in rows if row["flow"]}
