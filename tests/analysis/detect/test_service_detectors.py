"""Service, edge, limits and account: the fault, what only looks like it, and who acts."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import Row, answer, connection, exchange, found, serious, socket, tables

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Locus, Severity, Status
from analysis.model.frames import CaptureFacts, Tables

SEND = "/backend-api/f/conversation"


def failing(flow: str, path: str = SEND, at: float = 100.0, **more: Any) -> Row:
    given = {"method": "POST" if path == SEND else "GET", "status": 500, "started": at}
    return exchange(flow, path, **(given | more))


def page(at: float = 90.0, **more: Any) -> Row:
    given = {"content_type": "text/html", "request_dest": "document", "started": at}
    return exchange("page", "/", **(given | more))


def root(given: Tables) -> tuple[str | None, Status]:
    verdict = diagnose(given).verdict
    return verdict.primary, verdict.status


def test_5xx_on_several_paths_is_an_outage() -> None:
    rows = [
        failing("a"),
        failing("b", "/backend-api/me", status=502),
        failing("c", "/backend-api/models"),
    ]
    finding = found(tables(http=[page(), *rows]))["service.outage"]
    assert finding.severity is Severity.CRITICAL
    assert finding.remedy is not None
    assert finding.remedy.who == "service"
    assert "cf-ray 8f2d1c3b4a5d6e7f-SIN" in str(finding.measurements["for_support"])
    assert root(tables(http=[page(), *rows])) == ("service.outage", Status.DOWN)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([failing("a")], {"service.api_error"}, id="one path"),
        pytest.param([failing("a", "/backend-api/gizmos/x")], set(), id="one, not missed"),
        pytest.param(
            [failing("a"), failing("b", at=103, status=200)], set(), id="healed by a retry"
        ),
        pytest.param(
            [failing("a", cf_ray=None), failing("b", "/backend-api/me", cf_ray=None)],
            set(),
            id="made before the edge",
        ),
        pytest.param(
            [failing("a", "/backend-api/x"), failing("b", "/backend-api/y")]
            + [exchange(f"w{n}", f"/backend-api/{n}", started=101.0 + n) for n in range(9)],
            set(),
            id="two odd calls in a long session",
        ),
    ],
)
def test_less_than_an_outage(rows: list[Row], expected: set[str]) -> None:
    given = tables(http=[page(), *rows])
    ours = {name for name in serious(given) if name.startswith(("service.", "rate."))}
    assert ours == expected
    assert "service.outage" not in found(given)


def test_one_5xx_that_a_retry_healed_is_information() -> None:
    given = tables(http=[page(), failing("a"), failing("b", at=103, status=200)])
    assert found(given)["service.api_error"].severity is Severity.INFO


def status_page(*lines: str, **more: Any) -> Row:
    return exchange(
        "st", "/api/v2/summary.json", host="status.openai.com", status_page=lines, **more
    )


def test_the_status_page_makes_one_failing_path_an_outage() -> None:
    given = tables(
        http=[failing("a"), status_page("indicator major", "Conversations: major_outage")]
    )
    assert "major" in found(given)["service.outage"].summary
    quiet = tables(http=[failing("a"), status_page("indicator none")])
    assert "service.outage" not in found(quiet)


def test_an_incident_that_nothing_here_failed_of_is_information() -> None:
    given = tables(http=[page(), status_page("indicator critical")])
    assert found(given)["service.outage"].severity is Severity.INFO


def test_a_local_fault_during_a_small_incident_is_the_local_fault() -> None:
    given = tables(
        http=[status_page("indicator minor", "Sora: degraded_performance")],
        dns=[answer("chatgpt.com", "0.0.0.0")],
    )
    assert root(given)[0] == "dns.sinkhole"
    assert "service.outage" not in found(given)


def test_edge_codes_of_the_page_again_and_again_are_an_outage() -> None:
    rows = [page(at=100.0 + n, status=522) | {"flow": f"p{n}"} for n in range(3)]
    assert root(tables(http=rows)) == ("service.outage", Status.DOWN)
    assert root(tables(http=rows[:1]))[0] == "service.api_error"
    busy = [row | {"status": 503} for row in rows]
    assert root(tables(http=busy)) == ("service.outage", Status.DOWN)


def test_unknown_is_not_ok() -> None:
    dead = status_page(status=None, error="net::ERR_CONNECTION_RESET") | {"status_page": None}
    assert found(tables(http=[dead]))["service.status_unknown"].severity is Severity.INFO
    lost = connection(host="status.openai.com", error="refused", error_stage="tcp")
    assert "service.status_unknown" in found(tables(connections=[lost]))
    assert "service.status_unknown" not in found(tables(http=[status_page("indicator none")]))
    assert "service.status_unknown" not in found(tables(http=[page()]))


def test_overload_follows_an_outage_and_stands_alone_without() -> None:
    busy = failing("a", status=503, error_code="server_is_overloaded")
    assert found(tables(http=[busy]))["service.overloaded"].severity is Severity.WARNING
    healed = [busy, failing("b", at=104, status=200)]
    assert found(tables(http=healed))["service.overloaded"].severity is Severity.INFO


@pytest.mark.parametrize(
    ("times", "severity"),
    [
        pytest.param([100.0, 140.0, 190.0], Severity.WARNING, id="again and again"),
        pytest.param([100.0, 101.0, 103.0], Severity.INFO, id="within seconds"),
        pytest.param([100.0, 190.0], Severity.INFO, id="twice"),
    ],
)
def test_overload_that_is_healed_late_was_felt(times: list[float], severity: Severity) -> None:
    rows = [
        failing(f"o{at}", SEND, at=at, status=503, error_code="server_is_overloaded", method="POST")
        for at in times
    ]
    healed = failing("h", SEND, at=200.0, status=200, method="POST")
    assert found(tables(http=[*rows, healed]))["service.overloaded"].severity is severity


def test_the_servers_sentence_about_the_network_is_the_servers() -> None:
    row = failing(
        "a",
        f"{SEND}/resume",
        status=404,
        method="POST",
        error_code="tokenless_resume_unavailable",
        error_message="A network error occurred. Please check your connection and try again.",
    )
    finding = found(tables(http=[page(), row]))["service.api_error"]
    assert finding.locus is Locus.SERVICE
    assert "the server's" in finding.summary
    broken = socket(opened=None, status=None, error="connection reset")
    followed = diagnose(tables(http=[page(), row], ws=[broken]))
    assert followed.verdict.primary == "ws.connect_failed"


def job(**more: Any) -> Row:
    path = "/v1/fine_tuning/jobs/ftjob-1"
    return exchange("j", path, host="api.openai.com", job_state="failed", **more)


def test_a_failed_job_names_who_must_act() -> None:
    ours = found(tables(http=[job(error_code="server_error")]))["service.fine_tuning_failed"]
    theirs = found(tables(http=[job(error_code="invalid_training_file")]))[
        "service.fine_tuning_failed"
    ]
    assert ours.remedy is not None
    assert theirs.remedy is not None
    assert (ours.remedy.who, theirs.remedy.who) == ("service", "user")
    fine = exchange("j", "/v1/fine_tuning/jobs/x", host="api.openai.com", job_state="succeeded")
    assert "service.fine_tuning_failed" not in found(tables(http=[fine]))


def challenged(flow: str = "c", path: str = "/", at: float = 100.0, **more: Any) -> Row:
    given = {"status": 403, "cf_mitigated": "challenge", "content_type": "text/html"}
    return exchange(flow, path, started=at, **(given | more))


def test_a_challenge_that_is_not_passed() -> None:
    given = tables(http=[challenged(), challenged("d", at=110.0)])
    finding = found(given)["bot.challenge"]
    assert finding.locus is Locus.VPN_PROXY
    assert root(given) == ("bot.challenge", Status.BLOCKED)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([challenged(request_dest="document"), page(at=105.0)], id="page passed"),
        pytest.param(
            [challenged(path="/backend-api/me"), exchange("m", "/backend-api/me", started=105.0)],
            id="call passed",
        ),
        pytest.param(
            [page(), exchange("j", "/cdn-cgi/challenge-platform/x.js")], id="only watched"
        ),
    ],
)
def test_a_challenge_that_is_passed_is_no_fault(rows: list[Row]) -> None:
    assert "bot.challenge" not in found(tables(http=rows))


def test_data_that_stays_challenged_after_the_page_passed_is_a_fault() -> None:
    rows = [challenged(), page(at=105.0), challenged("x", SEND, at=110.0, method="POST")]
    finding = found(tables(http=rows))["bot.challenge"]
    assert finding.count == 1
    assert "data" in finding.summary


def test_a_challenge_behind_our_own_proxy_is_laid_to_the_capture() -> None:
    facts = [CaptureFacts("b.chatpath", mode="proxy", listen="127.0.0.1:8080")]
    findings = found(tables(facts, http=[challenged()]))
    assert findings["bot.challenge"].locus is Locus.CAPTURE
    assert "capture.own_effect" in findings
    refused = failing("r", "/", status=403, error_message="Access denied. Error code: 1010")
    findings = found(tables(facts, http=[refused]))
    assert findings["ip.reputation_block"].locus is Locus.CAPTURE
    assert "capture.own_effect" in findings
    passive = [CaptureFacts("b.chatpath", mode="passive")]
    assert found(tables(passive, http=[refused]))["ip.reputation_block"].locus is Locus.VPN_PROXY


def test_a_challenge_of_the_help_pages_is_no_fault_of_the_app() -> None:
    beside = challenged(host="help.openai.com", request_dest="document")
    assert serious(tables(http=[page(), beside])) == set()
    assert serious(tables(http=[page(), beside, challenged(path=SEND)])) == {"bot.challenge"}


def test_a_limit_of_a_regions_api_is_felt() -> None:
    limit = exchange(
        "r", "/v1/responses", host="eu.api.openai.com", method="POST", status=429,
        error_code="rate_limit_exceeded", error_type="rate_limit_error",
    )  # fmt: skip
    again = limit | {"flow": "s", "started": 140.0}
    assert "rate.limited" in serious(tables(http=[limit, again]))


def test_a_blocked_challenge_host_is_the_root_of_the_challenge() -> None:
    given = tables(http=[challenged()], dns=[answer("challenges.cloudflare.com", "0.0.0.0")])
    finding = next(f for f in diagnose(given).findings if f.id == "bot.challenge")
    assert finding.explained_by == "dns.sinkhole"


def test_unusual_activity_is_milder_once_it_lets_through() -> None:
    text = "Unusual activity has been detected from your device. Try again later."
    flagged = failing("u", status=403, error_message=text)
    assert found(tables(http=[flagged]))["bot.unusual_activity"].severity is Severity.CRITICAL
    later = [flagged, failing("v", at=400.0, status=200)]
    assert found(tables(http=later))["bot.unusual_activity"].severity is Severity.WARNING
    assert "bot.unusual_activity" not in found(tables(http=[failing("w", status=403)]))


def test_an_address_refused_and_a_country_refused_are_told_apart() -> None:
    address = failing("a", "/", status=403, body_excerpt="Attention Required! | Cloudflare Sorry")
    country = failing("b", "/", status=403, body_excerpt="Access denied. Error code: 1009")
    trace = exchange("t", "/cdn-cgi/trace", trace=["loc=XX", "colo=SIN"])
    assert set(found(tables(http=[address]))) == {"ip.reputation_block"}
    finding = found(tables(http=[country, trace]))["geo.blocked"]
    assert "XX" in finding.summary
    same = address | {"cf_ray": None}
    assert "ip.reputation_block" not in found(tables(http=[same]))


def limited(flow: str, at: float, **more: Any) -> Row:
    return failing(flow, at=at, status=429, **more)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (limited("a", 100.0, error_code="model_cap_exceeded", retry_after="252"), "account limit"),
        (limited("a", 100.0, body_excerpt="You are being rate limited. Error code: 1015"), "edge"),
        (
            limited(
                "a",
                100.0,
                path="/v1/responses",
                host="api.openai.com",
                error_type="rate_limit_error",
            ),
            "API limit",
        ),
    ],
)
def test_a_limit_names_its_kind(row: Row, kind: str) -> None:
    finding = found(tables(http=[row]))["rate.limited"]
    assert kind in finding.summary
    assert ("252 s" in finding.summary) == (row.get("retry_after") == "252")


def test_a_limit_that_a_later_try_got_past_is_information() -> None:
    given = tables(http=[limited("a", 100.0), failing("b", at=130.0, status=200)])
    assert found(given)["rate.limited"].severity is Severity.INFO


def test_a_storm_that_draws_the_limit_is_the_cause() -> None:
    rows = [failing(f"f{n}", at=100.0 + n) for n in range(6)]
    rows += [limited(f"l{n}", 106.0 + n) for n in range(4)]
    primary, _ = root(tables(http=rows))
    findings = found(tables(http=rows))
    assert findings["rate.limited"].explained_by == "rate.retry_storm"
    assert primary in ("rate.retry_storm", "service.api_error")


@pytest.mark.parametrize(("pause", "cause"), [(0.8, "rate.retry_storm"), (4.0, None)])
def test_requests_at_a_storms_pace_before_the_limit_drew_it(
    pause: float, cause: str | None
) -> None:
    """They succeed until the limit, and go on as before; at a reader's pace they are no storm."""
    good = [failing(f"g{n}", at=100.0 + n * pause, status=200) for n in range(50)]
    since = 100.0 + 50 * pause
    rows = [*good, *(limited(f"l{n}", since + n * 0.8) for n in range(90))]
    assert found(tables(http=rows))["rate.limited"].explained_by == cause


def test_a_limit_that_was_there_first_explains_the_storm() -> None:
    rows = [limited(f"l{n}", 100.0 + n) for n in range(8)]
    assert found(tables(http=rows))["rate.retry_storm"].explained_by == "rate.limited"


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([100, 101, 103, 107, 115, 131], id="pauses grow"),
        pytest.param([100, 160, 220, 280, 340], id="slow polling"),
        pytest.param([100, 101, 102], id="three tries"),
    ],
)
def test_no_storm(times: list[float]) -> None:
    rows = [limited(f"l{moment}", float(moment)) for moment in times]
    assert "rate.retry_storm" not in found(tables(http=rows))


def test_tries_that_mostly_work_or_reach_nobody_are_no_storm() -> None:
    good = [failing(f"g{n}", at=100.5 + n, status=200) for n in range(9)]
    bad = [limited(f"l{n}", 100.0 + n) for n in range(5)]
    assert "rate.retry_storm" not in found(tables(http=[*good, *bad]))
    lost = [failing(f"x{n}", at=100.0 + n, status=502, cf_ray=None) for n in range(20)]
    assert "rate.retry_storm" not in found(tables(http=lost))


def refused(flow: str, at: float, **more: Any) -> Row:
    return exchange(flow, "/backend-api/me", status=401, started=at, **more)


def test_an_expired_session_stays_refused() -> None:
    rows = [refused("a", 100.0, error_code="token_expired"), refused("b", 105.0)]
    assert root(tables(http=[page(), *rows]))[0] == "account.session_expired"


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(exchange("ok", "/backend-api/me", started=106.0), id="same call"),
        pytest.param(exchange("ok", "/backend-api/models", started=106.0), id="another call"),
    ],
)
def test_a_401_and_then_a_good_answer_is_a_refresh(later: Row) -> None:
    rows = [refused("a", 100.0, error_code="token_expired"), later]
    assert serious(tables(http=[page(), *rows])) == set()


def guest(flow: str, at: float, **more: Any) -> Row:
    return exchange(flow, "/backend-anon/conversations", started=at, authorized=False, **more)


def test_a_guest_is_refused_what_guests_do_not_have() -> None:
    told = {"status": 401, "error_message": "Authentication required"}
    worked = guest("ok", 106.0)
    assert serious(tables(http=[page(), guest("a", 100.0, **told), worked])) == set()
    assert "account.session_expired" in found(tables(http=[page(), guest("a", 100.0, **told)]))
    member = refused("a", 100.0, error_message="Authentication required", authorized=False)
    assert "account.session_expired" in found(tables(http=[page(), member, worked]))


def test_a_conversation_of_another_workspace() -> None:
    lost = exchange("a", "/backend-api/conversation/{id}", status=404)
    assert found(tables(http=[lost]))["account.state"].severity is Severity.WARNING
    sent = exchange("b", "/backend-api/f/conversation", method="POST", started=130.0)
    again = lost | {"flow": "c", "started": 110.0}
    assert "account.state" in found(tables(http=[lost, again, sent]))
    for rows in (
        [lost, sent],
        [lost | {"cf_ray": None}],
        [lost | {"method": "DELETE"}],
        [lost | {"path": "/backend-api/conversation/{id}/stream_status"}],
    ):
        assert "account.state" not in found(tables(http=rows))


def gone(path: str, **more: object) -> Row:
    return exchange(
        "gone", path, status=404, error_message="Conversation not found", started=100.0, **more
    )


def test_one_conversation_that_is_gone_beside_others_that_work() -> None:
    lost = gone("/backend-api/conversation/{id}")
    assert serious(tables(http=[page(), lost])) == {"account.state"}
    sent = exchange("s", SEND, method="POST", started=120.0)
    assert serious(tables(http=[page(), lost, sent])) == set()
    earlier = exchange("s", SEND, method="POST", started=90.0)
    assert serious(tables(http=[page(), lost, earlier])) == set()
    again = lost | {"flow": "again", "started": 110.0}
    assert serious(tables(http=[page(), lost, again, earlier])) == {"account.state"}
    closed = refused("a", 100.0, error_code="deactivated_workspace")
    assert serious(tables(http=[page(), closed, sent])) == {"account.state"}
    for path in ("/backend-api/conversations", "/backend-api/conversation/init"):
        other = exchange("o", path, started=90.0)
        assert serious(tables(http=[page(), lost, other])) == {"account.state"}


def test_account_state() -> None:
    row = refused("a", 100.0, error_code="deactivated_workspace")
    assert "deactivated" in found(tables(http=[row]))["account.state"].summary
    healed = [row, exchange("b", "/backend-api/me", started=120.0)]
    assert "account.state" not in found(tables(http=healed))


@pytest.mark.parametrize(("gap", "warned"), [(2.0, False), (8.0, True)], ids=["tabs", "insisted"])
def test_chats_that_are_gone_beside_others_that_work(gap: float, warned: bool) -> None:
    gone = [
        exchange(
            f"g{n}", "/backend-api/conversation/{id}", status=404, started=100.0 + n * gap,
            error_code="conversation_not_found",
        )
        for n in range(2)
    ]  # fmt: skip
    fine = exchange("f", "/backend-api/f/conversation", method="POST", started=110.0)
    assert ("account.state" in serious(tables(http=[*gone, fine]))) is warned


@pytest.mark.parametrize(
    ("at", "back", "warned"),
    [
        pytest.param(100.0, None, False, id="after"),
        pytest.param(120.0, None, True, id="before"),
        pytest.param(100.0, 103.0, True, id="and-in-again"),
    ],
)
def test_what_is_refused_to_who_has_signed_out(at: float, back: float | None, warned: bool) -> None:
    again = [exchange("c", "/api/auth/callback/openai", status=302, started=back)] if back else []
    left = exchange("s", "/api/auth/signout", method="POST", started=at)
    refused = [
        exchange(f"r{n}", "/backend-api/me", status=401, started=105.0 + n) for n in range(3)
    ]
    assert ("account.session_expired" in found(tables(http=[left, *again, *refused]))) is warned


def test_files_that_are_refused_together_are_no_storm() -> None:
    rows = [
        exchange(f"i{n}", "/files/{id}/raw?se=x", host="files.oaiusercontent.com", status=403,
                 cf_ray=None, headers=["x-ms-request-id: 1"], started=100.0 + n / 10)
        for n in range(12)
    ]  # fmt: skip
    assert "rate.retry_storm" not in found(tables(http=rows))


@pytest.mark.parametrize(
    ("path", "method", "warned"),
    [
        ("/v1/models/gpt-6", "GET", False),
        ("/v1/files/file-abc", "DELETE", False),
        ("/v1/responses", "POST", True),
    ],
)
def test_a_program_that_asks_whether_something_is_there(
    path: str, method: str, warned: bool
) -> None:
    rows = [
        exchange(
            f"m{n}", path, host="api.openai.com", method=method, status=404, started=100.0 + n,
            error_code="model_not_found",
        )
        for n in range(2)
    ]  # fmt: skip
    assert ("service.api_error" in serious(tables(http=rows))) is warned
