"""Every rule of errors.tsv: an exchange made of its own marks is found, healthy ones are not."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import Row, exchange, serious, tables

from analysis.detect import detect
from analysis.knowledge import findings
from analysis.knowledge.error_rules import ErrorRule, error_rules, step

RULES = {rule.rule: rule for rule in error_rules()}
HTTP = [rule.rule for rule in error_rules() if rule.layer == "http"]
STREAM = [rule.rule for rule in error_rules() if rule.layer == "stream"]
ELSEWHERE = [rule.rule for rule in error_rules() if rule.layer.startswith("by ")]
_COLUMNS = {
    "cf-mitigated": "cf_mitigated",
    "content-type": "content_type",
    "job-state": "job_state",
    "method": "method",
}


def marked(rule: ErrorRule) -> Row:
    """An exchange with the marks of a rule and nothing more, but for the edge's."""
    place = next(iter(rule.places), "chatgpt.com/backend-api/some/call")
    host, _, path = place.partition("/")
    status = next(iter(sorted(rule.statuses)), "403").replace("xx", "00")
    more: dict[str, Any] = {"cf_ray": None, "server": None}
    for mark in rule.headers:
        name, _, value = mark.removeprefix("!").partition(": ")
        if mark.startswith("!"):
            continue
        if name in _COLUMNS:
            more[_COLUMNS[name]] = value.upper() if name == "method" else value
        elif name in ("cf-ray", "edge"):
            more["cf_ray"] = "8f2d1c3b4a5d6e7f-SIN"
    if rule.codes:
        more["error_code"] = min(rule.codes)
    elif rule.texts:
        more["error_message"] = "Sorry: " + " and ".join(rule.texts[0]).title()
    host = host.replace("*.oaiusercontent", "files.oaiusercontent").replace("*.", "api.")
    given = {"status": int(status), "host": host, **more}
    return exchange("e1", "/" + path.replace("*", "x"), **given)


@pytest.mark.parametrize("name", HTTP)
def test_the_marks_of_a_rule_give_its_finding(name: str) -> None:
    rule = RULES[name]
    row = marked(rule)
    again = [row | {"flow": f"e{n}", "started": 100.0 + 30 * n} for n in range(2)]
    made = {finding.id: finding for finding in detect(tables(http=again))}
    # an outage takes more than one broken part to be called one
    expected = {"service.outage": {"service.outage", "service.api_error"}}
    wanted = expected.get(rule.finding, {rule.finding})
    assert wanted & set(made)
    found = next(made[item] for item in wanted if item in made)
    assert found.remedy is not None
    assert found.evidence[0].flow_id in ("e0", "e1")


@pytest.mark.parametrize("name", HTTP)
def test_the_first_rule_that_fits_is_this_one(name: str) -> None:
    """No rule hides another: its own marks lead to it, or to one of the same finding."""
    from analysis.detect.error_answers import answer_of
    from analysis.knowledge.error_rules import meaning

    empty = dict.fromkeys(
        ("headers", "via", "request_id", "error_type", "error_param", "body_excerpt")
    )
    missing = dict.fromkeys((*_COLUMNS.values(), "error_code", "error_message"))
    found = meaning(answer_of(empty | missing | marked(RULES[name])))
    assert found is not None
    assert found.finding == RULES[name].finding


@pytest.mark.parametrize("name", STREAM)
def test_codes_inside_a_stream(name: str) -> None:
    rule = RULES[name]
    code = min(rule.codes).replace("*", "some_error")
    row = {
        "source": "flows.mitm",
        "flow": "a1",
        "host": "chatgpt.com",
        "path": "/backend-api/f/conversation",
        "started": 100.0,
        "end": "error",
        "error": code,
    }
    assert rule.finding in {finding.id for finding in detect(tables(sse=[row]))}


def test_rules_of_other_areas_name_findings_of_the_catalogue() -> None:
    assert ELSEWHERE
    for rule in error_rules():
        assert rule.finding in findings()
        assert rule.who in ("user", "it", "service")
        assert rule.layer in ("http", "stream") or rule.layer.startswith("by ")


CALL = "/backend-api/me"
HEALTHY = {
    "page": exchange("h1", content_type="text/html", request_dest="document"),
    "json": exchange("h1", CALL, content_type="application/json"),
    "not modified": exchange("h1", "/cdn/assets/a.js", status=304),
    "redirect to sign-in": exchange("h1", "/auth/login", status=302, location="/"),
    "no content": exchange("h1", "/backend-api/sentinel/ping", method="POST", status=204),
    "accepted": exchange("h1", "/backend-api/stop_conversation", method="POST", status=202),
    "partial content": exchange("h1", host="files.oaiusercontent.com", path="/f", status=206),
    "missing icon": exchange("h1", "/favicon.ico", status=404),
    "missing avatar": exchange("h1", "/backend-api/files/x/avatar", status=404, cf_ray="x"),
    "stream status gone": exchange("h1", "/backend-api/conversation/x/stream_status", status=404),
    "telemetry refused": exchange("h1", "/ces/v1/t", status=403),
    "telemetry down": exchange("h1", "/ces/v1/t", status=503),
    "telemetry limited": exchange("h1", "/ces/v1/t", status=429),
    "sentry limited": exchange("h1", "/x", host="o33249.ingest.sentry.io", status=429),
    "foreign outage": exchange("h1", "/", host="example.com", status=522),
    "foreign challenge": exchange("h1", "/", host="example.com", cf_mitigated="challenge"),
    "foreign limit": exchange("h1", "/", host="example.com", status=429),
    "script of a healthy page": exchange("h1", "/cdn-cgi/challenge-platform/scripts/jsd/main.js"),
    "one 401 without a word": exchange("h1", CALL, status=401),
    "a 5xx of something on the way": exchange("h1", CALL, status=502, cf_ray=None),
    "a 503 of something on the way": exchange("h1", CALL, status=503, cf_ray=None, server="gw"),
    "a 429 of something on the way": exchange("h1", CALL, status=429, cf_ray=None),
    "limits, none reached": exchange("h1", "/backend-api/conversation/init", method="POST"),
    "the word error in a page": exchange("h1", body_excerpt="How to mend a network error"),
    "a job that runs": exchange(
        "h1", "/v1/fine_tuning/jobs/x", host="api.openai.com", job_state="running"
    ),
    "a small upload": exchange("h1", "/backend-api/files", method="POST", file_bytes=2_000_000),
    "many cookies, accepted": exchange("h1", cookie_bytes=14_000, request_header_bytes=20_000),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_exchanges_accuse_nobody(name: str) -> None:
    ours = ("service", "bot", "ip", "geo", "rate", "account", "browser", "file", "sse", "script")
    page = exchange("h0", content_type="text/html", request_dest="document", started=90.0)
    loud = serious(tables(http=[page, HEALTHY[name]]))
    assert not {found for found in loud if found.partition(".")[0] in ours}


def test_there_are_healthy_exchanges_enough() -> None:
    assert len(HEALTHY) >= 20


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/backend-api/f/conversation", "send and answer"),
        ("/backend-api/sentinel/ping", "heartbeat"),
        ("/backend-api/conversation/x", "chats"),
        ("/", "page"),
    ],
)
def test_steps(place: str, name: str) -> None:
    found = step("chatgpt.com", place)
    assert found is not None
    assert found.name == name


def test_a_place_that_is_not_listed_has_no_step() -> None:
    assert step("chatgpt.com", "/backend-api/gizmos/x") is None
    assert step("chatgpt.com.example", "/") is None
