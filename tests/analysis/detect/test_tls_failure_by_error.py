"""TLS handshakes that failed by the word of a browser or a proxy."""

from __future__ import annotations

import pytest
from handmade import Row, connection, exchange, found, handshakes, tables

from analysis.diagnose import diagnose
from analysis.model.frames import Tables

CHROME = "net::ERR_SSL_PROTOCOL_ERROR"
OPENSSL = "OpenSSL Error([('SSL routines', '', 'sslv3 alert handshake failure')])"


def failed(number: int, error: str = CHROME, **more: object) -> Row:
    return exchange(
        f"f{number}", status=None, cf_ray=None, server=None, error=error,
        started=100.0 + number, **more,
    )  # fmt: skip


def test_a_browser_says_so() -> None:
    given = tables(http=[failed(1), failed(2)])
    finding = found(given)["tls.handshake_failure"]
    assert finding.severity == "critical"
    assert finding.confidence < 0.8
    assert "ERR_SSL_PROTOCOL_ERROR" in finding.summary
    assert {piece.flow_id for piece in finding.evidence} == {"f1", "f2"}
    assert diagnose(given).verdict.primary == "tls.handshake_failure"


def test_a_proxy_quotes_openssl() -> None:
    rows = [connection(n, tls_ms=None, error=OPENSSL, error_stage="tls") for n in (1, 2)]
    finding = found(tables(connections=rows))["tls.handshake_failure"]
    assert finding.count == 2
    assert "alert handshake failure" in finding.summary


@pytest.mark.parametrize(
    "given",
    [
        tables(http=[failed(1)]),
        tables(http=[failed(1), failed(2), exchange("ok", started=130.0)]),
        tables(http=[failed(n, host="www.example.org") for n in (1, 2)]),
        tables(http=[failed(n, host="o33249.ingest.sentry.io") for n in (1, 2)]),
        tables(http=[failed(n, "net::ERR_CERT_DATE_INVALID") for n in (1, 2)]),
        tables(http=[failed(n, "net::ERR_ABORTED") for n in (1, 2)]),
        tables(http=[failed(1), failed(2)], **handshakes(2)),
    ],
    ids=["once", "healed", "another-site", "telemetry", "certificate", "aborted", "packets-worked"],
)
def test_what_is_no_failed_handshake(given: Tables) -> None:
    assert "tls.handshake_failure" not in found(given)
