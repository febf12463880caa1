"""script.replaced and script.stale_build: a script came back as something else.

HTML or a block page in place of a script is a gateway's work, and so is a 200
without content; 404 from the edge for a hashed file is an old page.  Source: detection notes 10;
block_pages.tsv.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.scripts import (
    empty,
    exchanges,
    foreign,
    gone_chunks,
    misfits,
    named,
    page_loads,
)
from analysis.detect.support import Record, earned, effect, finding, flow_evidence, ranked
from analysis.knowledge.products import vendor_of_page
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import say, some

_FORBIDDEN = 403

type Pair = tuple[Record, Record]
"""A resource, its exchange."""


def _answered(tables: Tables) -> tuple[list[Pair], list[Pair]]:
    """Needed scripts that came back as something else, and those that are gone."""
    replaced: list[Pair] = []
    gone: list[Pair] = []
    for page in page_loads(tables):
        flows = exchanges(tables, {row["flow"] for row in page.rows if row["flow"]})
        for row in page.needed:
            flow = flows.get((row["source"] or "", row["flow"] or ""))
            if flow is None or flow["cf_mitigated"]:
                continue
            away = foreign(flow, page.document)
            if row["outcome"] == "loaded" and empty(flow) and _have_bodies(page.arrived, flows):
                replaced.append((row, flow))
                continue
            product = product_of(flow)
            if row["outcome"] == "gone":
                (replaced if product else gone).append((row, flow))
            elif row["outcome"] == "replaced" or (
                row["outcome"] == "refused"
                and (away or product or not flow["cf_ray"] or _page_of_refusal(flow))
            ):
                replaced.append((row, flow))
    replaced += [(row, flow) for row, flow in misfits(tables) if not flow["cf_mitigated"]]
    late = gone_chunks(tables)
    flows = exchanges(tables, {row["flow"] for row in late if row["flow"]})
    for row in late:
        flow = flows[(row["source"] or "", row["flow"])]
        if not flow["cf_mitigated"] and not product_of(flow):
            gone.append((row, flow))
    return replaced, gone


def _page_of_refusal(flow: Record) -> bool:
    """The edge's own 403 page for one file; where it refuses all, that is the finding."""
    return bool(flow["status"] == _FORBIDDEN and flow["content_type"] == "text/html")


def _type(flow: Record) -> str:
    if empty(flow):
        return say("an empty file")
    return flow["content_type"] or say("no type")


def _have_bodies(rows: list[Record], flows: dict[tuple[str, str], Record]) -> bool:
    """Some neighbour has octets: the capture keeps what came."""
    found = (flows.get((row["source"] or "", row["flow"] or "")) for row in rows)
    return any(flow and (flow["response_bytes"] or 0) > 0 for flow in found)


def product_of(flow: Record) -> str | None:
    """The product that made a response, where it shows itself."""
    return vendor_of_page(
        text=flow["body_excerpt"] or "",
        server=flow["server"] or "",
        via=flow["via"] or "",
        location=flow["location"] or "",
        headers=flow["headers"] or (),
    )


def find_script_replaced(tables: Tables) -> Iterator[Finding]:
    replaced, _ = _answered(tables)
    if not replaced:
        return
    rows = [row for row, _ in replaced]
    flows = [flow for _, flow in replaced]
    hosts = ranked(row["host"] for row in rows)
    vendor = next((found for found in map(product_of, flows) if found), None)
    types = some(sorted({_type(flow) for flow in flows}))
    statuses = some(sorted({str(flow["status"]) for flow in flows if flow["status"] is not None}))
    no_edge = all(not flow["cf_ray"] for flow in flows)
    yield finding(
        "script.replaced",
        say(
            "{scripts} from {hosts} came back as {types} with status {statuses}, {page}.",
            scripts=some(named(rows)),
            hosts=some(hosts),
            types=types,
            statuses=statuses,
            page=say("a page of {vendor}", vendor=vendor) if vendor else "",
        ),
        confidence=earned(
            0.75,
            (vendor is not None, 0.6),
            (no_edge, 0.3),
            (any(row["integrity"] for row in rows), 0.3),
            (len(rows) > 1, 0.2),
        ),
        subjects=hosts,
        severity=effect(hosts[0]),
        vendor=vendor,
        count=len(rows),
        times=[flow["started"] for flow in flows],
        evidence=flow_evidence(flows, say("the answer in place of the script")),
        in_short=some(named(rows)),
        measurements={"scripts": [row["url"] for row in rows[:20]]},
    )


def find_script_stale_build(tables: Tables) -> Iterator[Finding]:
    _, gone = _answered(tables)
    if not gone:
        return
    rows = [row for row, _ in gone]
    flows = [flow for _, flow in gone]
    hosts = ranked(row["host"] for row in rows)
    edge = all(flow["cf_ray"] for flow in flows)
    yield finding(
        "script.stale_build",
        say(
            "{scripts} is gone from {hosts} (status {statuses}): the page is older than the "
            "service's current release.",
            scripts=some(named(rows)),
            hosts=some(hosts),
            statuses=some(sorted({str(flow["status"]) for flow in flows})),
        ),
        confidence=earned(0.75, (edge, 0.5), (len(rows) > 1, 0.2)),
        subjects=hosts,
        count=len(rows),
        times=[flow["started"] for flow in flows],
        evidence=flow_evidence(flows, say("the script that is gone"))
        + flow_evidence(
            [row for row in rows if row["page"]], say("the page that names it"), "page"
        ),
        in_short=some(named(rows)),
    )
