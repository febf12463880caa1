"""sse.cut by a message whose connection broke before any answer."""

from __future__ import annotations

import pytest
from handmade import Row, document, exchange, found, tables

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
