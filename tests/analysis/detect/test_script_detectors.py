"""Scripts that did not load: who kept them away, and what only looks like it."""

from __future__ import annotations

import pytest
from handmade import (
    Row,
    answer,
    connection,
    document,
    exchange,
    found,
    script,
    serious,
    tables,
)

from analysis.detect import detect
from analysis.model.diagnosis import Severity
from analysis.model.frames import Tables, concat


def page(*rows: Row, **more: list[Row]) -> Tables:
    flows = [exchange(row["flow"], row["url"]) for row in rows if row["flow"]]
    given = {"http": [document(), *flows], **more}
    return tables(resources=list(rows), **given)


def with_missing(missing: set[int], total: int = 8) -> list[Row]:
    return [script(n, "never_asked" if n in missing else "loaded") for n in range(total)]


def test_blocked_by_extension() -> None:
    finding = found(page(*with_missing({3})))["script.blocked_by_extension"]
    assert finding.severity is Severity.CRITICAL
    assert 0.6 < finding.confidence < 0.9  # absence alone may be a cache
    assert finding.subjects == ("chatgpt.com",)
    assert "3.js" in finding.summary
    assert {piece.flow_id for piece in finding.evidence} >= {"page", "s0"}


def test_the_browser_saying_so_is_nearly_proof() -> None:
    said = script(3, "failed", error="net::ERR_BLOCKED_BY_CLIENT", flow="s3")
    findings = found(page(*with_missing(set()), said))
    assert findings["script.blocked_by_extension"].confidence > 0.95
    assert "script.blocked_by_network" not in findings


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(page(*with_missing({2, 3, 4, 5, 6})), id="mostly cached"),
        pytest.param(page(*with_missing(set(range(8)))), id="all cached"),
        pytest.param(
            page(*with_missing({3}), script(9, "cached", status=304)), id="returning visitor"
        ),
        pytest.param(
            page(*with_missing({3}), script(9, "pending", flow="s9")), id="closed while loading"
        ),
        pytest.param(
            page(*with_missing({6, 7}), script(9, "failed", error="Client disconnected.")),
            id="closed early",
        ),
        pytest.param(
            page(*with_missing(set()), script(9, "never_asked", needed=False)), id="not needed"
        ),
        pytest.param(
            page(*with_missing(set()), script(9, "never_asked", kind="preload")), id="only a hint"
        ),
        pytest.param(
            page(*with_missing(set()), script(9, "failed", error="Client disconnected.")),
            id="cancelled",
        ),
        pytest.param(
            page(*with_missing(set()), script(9, "failed", error="timed out"), script(9)),
            id="a retry loaded it",
        ),
    ],
)
def test_near_misses_stay_silent(given: Tables) -> None:
    assert serious(given) == set()


def test_loaded_on_an_earlier_page_means_cached() -> None:
    earlier = [script(n) for n in range(8)]
    later = [row | {"page": "page2"} for row in with_missing({3})]
    assert serious(page(*earlier, *later)) == set()


def test_blocked_by_network() -> None:
    row = script(9, "failed", error="Connect call failed")
    finding = found(page(*with_missing(set()), row))["script.blocked_by_network"]
    assert "Connect call failed" in finding.summary
    assert {piece.flow_id for piece in finding.evidence} == {"s9", "page"}


def test_never_asked_because_the_name_failed_is_the_network() -> None:
    row = script(9, "never_asked", host="cdn.oaistatic.com")
    findings = found(page(*with_missing(set()), row, dns=[answer("cdn.oaistatic.com", "0.0.0.0")]))
    assert findings["script.blocked_by_network"].subjects == ("cdn.oaistatic.com",)
    assert "script.blocked_by_extension" not in findings


def test_two_causes_are_kept_apart() -> None:
    sunk = script(8, "failed", host="cdn.oaistatic.com", error="Connect call failed")
    reset = script(9, "failed", error="connection reset")
    given = page(*with_missing(set()), sunk, reset, dns=[answer("cdn.oaistatic.com", "0.0.0.0")])
    subjects = {f.subjects for f in detect(given) if f.id == "script.blocked_by_network"}
    assert subjects == {("cdn.oaistatic.com",), ("chatgpt.com",)}


def test_an_extension_beside_a_network_block() -> None:
    given = page(*with_missing({3}), script(9, "failed", error="connection reset"))
    assert serious(given) == {"script.blocked_by_extension", "script.blocked_by_network"}


def replaced(row: Row, **answer_: object) -> Tables:
    rows = [script(1), script(2), row]
    flow = exchange("s9", row["url"], **answer_)
    return tables(resources=rows, http=[document(), exchange("s1"), exchange("s2"), flow])


def test_replaced_by_a_block_page() -> None:
    given = replaced(
        script(9, "replaced"),
        content_type="text/html",
        cf_ray=None,
        server=None,
        body_excerpt="Internet Security by Zscaler: this page is not allowed",
    )
    finding = found(given)["script.replaced"]
    assert finding.vendor == "Zscaler"
    assert finding.severity is Severity.CRITICAL


def test_refused_by_a_gateway_is_replaced_but_refused_by_the_edge_is_not() -> None:
    refused = script(9, "refused")
    gateway = replaced(refused, status=403, cf_ray=None, server="squid/6.6")
    assert found(gateway)["script.replaced"].vendor == "Squid"
    assert serious(replaced(refused, status=403)) == set()
    challenge = replaced(script(9, "replaced"), status=403, cf_mitigated="challenge")
    assert "script.replaced" not in found(challenge)


def test_stale_build() -> None:
    finding = found(replaced(script(9, "gone"), status=404))["script.stale_build"]
    assert finding.severity is Severity.WARNING
    gateway = replaced(script(9, "gone"), status=404, cf_ray=None, server="squid/6.6")
    assert "script.stale_build" not in found(gateway)


CHUNK = "/cdn/assets/7c1d20aa-q0zx81mbv2k9w4ft.js"


def with_late(*late: Row) -> Tables:
    rows = with_missing(set())
    flows = [exchange(row["flow"], row["url"]) for row in rows if row["flow"]]
    return tables(resources=rows, http=[document(), *flows, *late])


def test_a_chunk_that_only_a_script_names_is_gone() -> None:
    # "Failed to fetch dynamically imported module": the document says nothing of it
    finding = found(with_late(exchange("late", CHUNK, status=404)))["script.stale_build"]
    assert finding.subjects == ("chatgpt.com",)
    assert {piece.flow_id for piece in finding.evidence} == {"late"}


@pytest.mark.parametrize(
    "late",
    [
        pytest.param([exchange("late", "/robots.js", status=404)], id="no build made the name"),
        pytest.param([exchange("late", CHUNK, status=404, cf_ray=None)], id="not the edge's word"),
        pytest.param(
            [exchange("late", CHUNK, status=404), exchange("again", CHUNK)], id="there later"
        ),
        pytest.param([exchange("late", CHUNK + ".map", status=404)], id="a map for developers"),
        pytest.param([exchange("late", CHUNK, host="a.example.org", status=404)], id="other host"),
    ],
)
def test_a_missing_file_that_is_no_old_page(late: list[Row]) -> None:
    assert "script.stale_build" not in found(with_late(*late))


@pytest.mark.parametrize(
    "error", ["net::ERR_BLOCKED_BY_ADMINISTRATOR", "net::ERR_BLOCKED_BY_CSP", "blocked: csp"]
)
def test_blocked_by_policy(error: str) -> None:
    findings = found(page(*with_missing(set()), script(9, "failed", error=error)))
    assert findings["script.blocked_by_policy"].confidence >= 0.9
    assert "script.blocked_by_network" not in findings


def test_a_policy_report_beside_a_missing_script() -> None:
    report = exchange("r1", "/ces/v1/telemetry/intake?ddsource=csp-report", method="POST")
    rows = with_missing({3})
    flows = [exchange(row["flow"]) for row in rows if row["flow"]]
    findings = found(tables(resources=rows, http=[document(), *flows, report]))
    assert "script.blocked_by_policy" in findings
    assert "script.blocked_by_extension" not in findings


def refused_by_policy(style: str, reports: int) -> set[str]:
    """Findings of a page with five scripts, none of them asked for, and as many reports."""
    rows = [script(number, "never_asked") for number in range(5)]
    rows.append(script(9, style, kind="style", url="https://chatgpt.com/cdn/assets/root.css"))
    report = {"method": "POST", "status": 404, "request_dest": "report"}
    flows = [
        exchange(f"r{number}", "/csp-report", started=101.0 + 0.01 * number, **report)
        for number in range(reports)
    ]
    return set(found(tables(resources=rows, http=[document(), exchange("s9"), *flows])))


def test_a_policy_that_refuses_every_script() -> None:
    findings = refused_by_policy("loaded", 6)
    assert "script.blocked_by_policy" in findings
    assert not {"script.blocked_by_extension", "rate.retry_storm"} & findings


@pytest.mark.parametrize(("style", "reports"), [("loaded", 2), ("cached", 6), ("never_asked", 6)])
def test_reports_of_something_else(style: str, reports: int) -> None:
    assert "script.blocked_by_policy" not in refused_by_policy(style, reports)


def test_telemetry_blocked() -> None:
    given = tables(
        http=[
            document(),
            exchange("t1", "/ces/v1/t", status=None, error="connection reset"),
            exchange("t2", host="o33249.ingest.sentry.io", status=403),
            exchange("t3", "/ces/v1/i", status=None, error="Client disconnected."),
        ],
        connections=[
            connection(host="www.googletagmanager.com", error="refused", error_stage="tcp")
        ],
    )
    finding = found(given)["script.telemetry_blocked"]
    assert finding.severity is Severity.INFO
    assert finding.count == 3
    assert serious(given) == set()


def asked_for(**more: object) -> Row:
    """A script that no page in the capture names, as in a HAR without bodies."""
    given = {"request_dest": "script", "content_type": "text/javascript", "response_bytes": 900}
    return exchange("s", "/cdn/assets/app-1a2b3c4d.js") | given | more


@pytest.mark.parametrize(
    "row",
    [
        asked_for(content_type="text/html"),
        asked_for(content_type="text/html", cf_ray=None, server="gateway"),
        asked_for(response_bytes=0, content_length=0),
        asked_for(response_bytes=0, status=204),
    ],
    ids=["page", "page-of-the-path", "empty", "no-content"],
)
def test_a_script_that_no_page_names_came_as_something_else(row: Row) -> None:
    finding = found(tables(http=[document(), row]))["script.replaced"]
    assert finding.evidence[0].flow_id == "s"


@pytest.mark.parametrize(
    "rows",
    [
        [asked_for()],
        [asked_for(response_bytes=0)],
        [asked_for(response_bytes=0, content_length=0, from_cache=True)],
        [asked_for(content_type="text/html"), asked_for(flow="again", started=109.0)],
        [asked_for(content_type="text/html", host="www.example.org")],
        [asked_for(content_type="text/html", cf_mitigated="challenge")],
        [asked_for(path="/c/abc", request_dest="document", content_type="text/html")],
    ],
    ids=["script", "no-bodies", "cache", "healed", "other-site", "challenge", "page"],
)
def test_scripts_without_a_page_that_came_well(rows: list[Row]) -> None:
    assert "script.replaced" not in found(tables(http=[document(), *rows]))


def test_a_script_that_the_edge_refuses() -> None:
    refused = asked_for(status=403, content_type="text/html")
    assert "ip.reputation_block" in found(tables(http=[document(), refused]))


def test_the_extension_is_named_where_the_browser_does() -> None:
    said = script(3, "failed", error="net::ERR_BLOCKED_BY_CLIENT (extension uBlock Origin)")
    finding = found(page(*with_missing(set(), 3), said))["script.blocked_by_extension"]
    assert finding.vendor == "uBlock Origin"


def test_a_page_for_a_script_that_is_asked_again_is_not_the_proxys_refusal() -> None:
    """The second try is of no page that the capture holds, and still of a script."""
    page: Row = {
        "content_type": "text/html", "cf_ray": None, "server": None, "request_dest": "script",
        "body_excerpt": "Access Restricted. This page is blocked by your organization.",
    }  # fmt: skip
    again = exchange("again", "/cdn/assets/9.js", started=140.0, **page)
    first = replaced(script(9, "replaced"), **page)
    both = concat([first, tables(http=[again])])
    assert serious(both) == {"script.replaced"}


def test_the_proxy_that_names_itself_on_a_page_with_a_policy_is_the_vendor() -> None:
    row = script(9, "failed", error="net::ERR_BLOCKED_BY_CSP")
    way = document() | {"via": "1.1 fw-2 (Smoothwall Filter)"}
    given = tables(resources=[script(1), row], http=[way, exchange("s1", "/cdn/assets/1.js")])
    assert found(given)["script.blocked_by_policy"].vendor == "Smoothwall"


@pytest.mark.parametrize(
    ("path", "more", "blamed"),
    [
        pytest.param("/backend-api/models", {}, True, id="network"),
        pytest.param("/backend-api/models", {"from_cache": True}, False, id="worker"),
        pytest.param("/favicon.ico", {"from_cache": True}, True, id="an-icon"),
    ],
)
def test_a_browser_that_answers_by_itself_may_have_the_script(
    path: str, more: Row, blamed: bool
) -> None:
    rows = [script(n) for n in range(6)] + [script(9, "never_asked")]
    flows = [exchange(f"s{n}", f"/cdn/assets/{n}.js") for n in range(6)]
    data = exchange("d", path, **more)
    given = tables(resources=rows, http=[document(), *flows, data])
    assert ("script.blocked_by_extension" in found(given)) is blamed
