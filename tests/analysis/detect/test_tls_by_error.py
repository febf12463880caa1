"""tls.handshake_failure by the words of browser and recorder, and messages that got no answer."""

from __future__ import annotations

import pytest
from handmade import Row, connection, document, exchange, found, handshakes, tables

NO_ANSWER = {"status": None, "cf_ray": None, "server": None}
OPENSSL = "OpenSSL Error([('SSL routines', '', 'sslv3 alert handshake failure')])"


def failed(error: str, **more: object) -> Row:
    return connection(
        **({"tls_ms": None, "verified": None, "error_stage": "tls", "error": error} | more)  # type: ignore[arg-type]
    )


def page(error: str) -> Row:
    return exchange("p", error=error, request_dest="document", **NO_ANSWER)


@pytest.mark.parametrize(
    "rows",
    [
        {"connections": [failed(OPENSSL)]},
        {"connections": [failed("[SSL: WRONG_VERSION_NUMBER] wrong version number")]},
        {"http": [page("net::ERR_SSL_PROTOCOL_ERROR")]},
    ],
    ids=["alert", "no-tls", "browser"],
)
def test_the_words_of_a_failed_handshake(rows: dict[str, list[Row]]) -> None:
    finding = found(tables(**rows))["tls.handshake_failure"]
    assert finding.subjects == ("chatgpt.com",)
    assert finding.evidence


@pytest.mark.parametrize(
    "rows",
    [
        {"connections": [failed("certificate verify failed: self-signed certificate")]},
        {"connections": [failed("Connection reset by peer")]},
        {"connections": [failed(OPENSSL, via="10.1.1.8:3128")]},
        {"connections": [failed(OPENSSL, host="www.example.org")]},
        {"connections": [failed(OPENSSL), connection(2)]},
        {"connections": [failed(OPENSSL)], **handshakes(2)},
        {"http": [page("net::ERR_SSL_PROTOCOL_ERROR"), document()]},
        {"http": [page("Client disconnected.")]},
    ],
    ids=[
        *("certificate", "reset", "through-a-proxy", "other-site", "healed"),
        *("packets-show-it", "page-came-later", "left"),
    ],
)
def test_words_that_are_of_something_else(rows: dict[str, list[Row]]) -> None:
    assert "tls.handshake_failure" not in found(tables(**rows))


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
