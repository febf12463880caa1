"""sse.cut by a message whose connection broke before any answer."""

from __future__ import annotations

import pytest
from handmade import Row, document, exchange, found, tables

from analysis.diagnose import diagnose

NO_ANSWER = {"status": None, "cf_ray": None, "server": None}


def send(error: str, **more: object) -> Row:
    given = exchange("m", "/backend-api/f/conversation", method="POST", error=error, **NO_ANSWER)
    return given | {"started": 110.0, "ended": 112.0} | more


LATER = exchange("later", "/backend-api/me", started=140.0)


def test_a_message_without_an_answer() -> None:
    rows = [document(), send("server closed connection"), LATER]
    finding = found(tables(http=rows))["sse.cut"]
    assert "before any answer" in finding.summary


@pytest.mark.parametrize(
    "rows",
    [
        [send("net::ERR_ABORTED")],
        [send("net::ERR_BLOCKED_BY_CLIENT")],
        [send("net::ERR_CERT_DATE_INVALID")],
        [send("net::ERR_CONNECTION_RESET", path="/backend-api/settings/user")],
        [send("net::ERR_CONNECTION_RESET", host="www.example.org")],
        [send("net::ERR_CONNECTION_RESET"),
         exchange("n", "/backend-api/f/conversation", method="POST", started=115.0)],
        [send("net::ERR_CONNECTION_RESET", status=502)],
    ],
    ids=["stopped", "extension", "certificate", "settings", "other-site", "sent-again", "answered"],
)  # fmt: skip
def test_messages_that_were_not_lost(rows: list[Row]) -> None:
    assert "sse.cut" not in found(tables(http=[document(), *rows, LATER]))


def polls(began: float, count: int = 40) -> list[Row]:
    """The client asks for the lost answer again and again, which is too often."""
    return [
        exchange(
            f"poll{n}",
            "/backend-api/conversations/c-1?num_turns=10",
            status=429,
            started=began + n / 3,
            error_message="Too many requests",
        )
        for n in range(count)
    ]


def test_what_keeps_an_answer_away_is_the_limit_that_its_recovery_drew() -> None:
    given = tables(http=[document(), send("peer closed connection"), *polls(112.1)])
    assert found(given)["sse.cut"].severity == "warning"
    assert diagnose(given).verdict.primary == "rate.retry_storm"


@pytest.mark.parametrize(
    "rows",
    [
        [send("peer closed connection"), *polls(90.0)],
        [send("peer closed connection"), send("reset", flow="m2", ended=111.0), *polls(112.1)],
        [send("peer closed connection"), *polls(112.1, 3)],
    ],
    ids=["storm-before", "two-messages", "no-storm"],
)
def test_a_path_that_cuts_answers_stays_the_cause(rows: list[Row]) -> None:
    given = tables(http=[document(), *rows])
    assert found(given)["sse.cut"].severity == "critical"
    assert diagnose(given).verdict.primary == "sse.cut"
