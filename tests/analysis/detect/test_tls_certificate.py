"""tls.intercepted, tls.intercept_breaks and tls.cert_invalid."""

from __future__ import annotations

import pytest
from handmade import Row, connection, exchange, found, handshakes, serious, tables

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Severity

PUBLIC = "C=US, O=Google Trust Services, CN=WE1"
ZSCALER = "CN=Zscaler Intermediate Root CA, O=Zscaler Inc."
COMPANY = "CN=Contoso Issuing CA 2, O=Contoso"


def refused(error: str, issuer: str | None = PUBLIC, **more: object) -> Row:
    failed = {"tls_ms": None, "verified": None, "error_stage": "tls"}
    return connection(**(failed | {"error": error, "issuer": issuer} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("issuer", "vendor"), [(ZSCALER, "Zscaler"), (COMPANY, None)], ids=["product", "company"]
)
def test_interception_alone_is_a_note(issuer: str, vendor: str | None) -> None:
    given = tables(connections=[connection(n, issuer=issuer) for n in (1, 2)])
    finding = found(given)["tls.intercepted"]
    assert finding.severity is Severity.INFO
    assert finding.vendor == vendor
    assert serious(given) == set()


@pytest.mark.parametrize(
    "issuer",
    [PUBLIC, "CN=mitmproxy, O=mitmproxy", "CN=chatpath demo CA", "CN=R11, O=Let's Encrypt"],
)
def test_public_and_own_issuers_are_none(issuer: str) -> None:
    assert "tls.intercepted" not in found(tables(connections=[connection(issuer=issuer)]))


@pytest.mark.parametrize(
    ("issuer", "vendor"), [(ZSCALER, "Zscaler"), (COMPANY, None)], ids=["product", "company"]
)
def test_a_refused_inspector_breaks_the_session(issuer: str, vendor: str | None) -> None:
    error = "Certificate verify failed: self-signed certificate in certificate chain"
    diagnosis = diagnose(tables(connections=[refused(error, issuer)]))
    assert diagnosis.verdict.primary == "tls.intercept_breaks"
    assert diagnosis.primary is not None
    assert diagnosis.primary.vendor == vendor
    assert "tls.cert_invalid" not in {item.id for item in diagnosis.findings}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Certificate verify failed: certificate has expired", "date"),
        ("Certificate verify failed: certificate is not yet valid", "date"),
        ("Certificate verify failed: hostname mismatch", "name"),
        ("Certificate verify failed: certificate revoked", "revoked"),
    ],
    ids=["expired", "early", "name", "revoked"],
)
def test_a_certificate_nobody_re_signed(error: str, reason: str) -> None:
    finding = found(tables(connections=[refused(error)]))["tls.cert_invalid"]
    assert finding.measurements["reason"] == reason
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("ERR_CERT_DATE_INVALID", "tls.cert_invalid"),
        ("ERR_CERT_COMMON_NAME_INVALID", "tls.cert_invalid"),
        ("ERR_CERT_AUTHORITY_INVALID", "tls.intercept_breaks"),
    ],
)
def test_the_browsers_own_codes(code: str, told: str) -> None:
    row = exchange("h", status=None, cf_ray=None, server=None, error=f"net::{code}")
    both = {"tls.cert_invalid", "tls.intercept_breaks"}
    assert both & set(found(tables(http=[row]))) == {told}


def test_a_public_authority_that_the_client_does_not_know_is_no_inspection() -> None:
    ids = found(tables(connections=[refused(UNKNOWN, "CN=WE1, O=Google Trust Services")]))
    assert {"tls.cert_invalid", "tls.intercept_breaks"} & set(ids) == {"tls.cert_invalid"}


@pytest.mark.parametrize(
    "rows",
    [
        [refused("Certificate verify failed: certificate has expired", host="example.org")],
        [refused("Certificate verify failed: certificate has expired"), connection(2)],
        [refused("connection reset by peer")],
        [connection(1, client_error="The client does not trust the proxy's certificate")],
    ],
    ids=["other-host", "one-client-only", "reset", "own-ca"],
)
def test_no_fault_of_the_certificate(rows: list[Row]) -> None:
    findings = found(tables(connections=rows))
    assert not {"tls.cert_invalid", "tls.intercept_breaks"} & set(findings)


def test_an_alert_beside_an_inspectors_certificate_in_clear() -> None:
    alert = {"alert": 48, "alert_by": "client", "alert_frame": 6, "issuer": ZSCALER}
    findings = found(tables(**handshakes(2, tls=alert)))
    assert findings["tls.intercept_breaks"].vendor == "Zscaler"
    quiet = found(tables(**handshakes(2, tls={"issuer": ZSCALER})))
    assert "tls.intercept_breaks" not in quiet


def hidden(count: int, sent: int, *, left: int = 1) -> dict[str, list[Row]]:
    tcp = {
        "client_last_record": 19,
        "client_records": 1,
        "client_fin": left,
        "client_sent": sent,
        "server_sent": 4000,
        "last_frame": 9,
    }
    return handshakes(count, tcp=tcp, tls={"hello_bytes": 512})


def test_an_encrypted_alert_in_place_of_finished() -> None:
    finding = found(tables(**hidden(3, sent=512 + 35)))["tls.intercept_breaks"]
    assert "encrypted alert" in finding.summary
    assert finding.confidence < 0.8


@pytest.mark.parametrize(
    ("count", "sent", "left"),
    [(1, 547, 1), (3, 512 + 93, 1), (3, 547, 0), (3, 512 + 11, 1)],
    ids=["once", "close-notify-after-finished", "still-open", "left-without-a-word"],
)
def test_close_notify_is_no_refusal(count: int, sent: int, left: int) -> None:
    assert "tls.intercept_breaks" not in found(tables(**hidden(count, sent, left=left)))


@pytest.mark.parametrize(("port", "told"), [(46052, True), (50000, False)])
def test_a_greeting_before_the_refusal_is_no_proof_that_the_host_works(
    port: int, told: bool
) -> None:
    error = "Certificate verify failed: self-signed certificate in certificate chain"
    row = refused(error, None, local_port=46052)
    seen = handshakes(1, tls={"client_port": port, "sni": row["host"], "server_hello_ms": 1.2})
    claims = found(tables(connections=[row], **seen))
    assert ("tls.intercept_breaks" in claims) is told


UNKNOWN = "Certificate verify failed: self-signed certificate in certificate chain"
PORTAL = {"subject": "CN=wifi.hotel.example", "issuer": "CN=Wi-Fi Gateway, O=Hotel"}


def shown(
    subject: str, *addresses: str, error: str = UNKNOWN, issuer: str = PORTAL["issuer"]
) -> list[Row]:
    return [
        refused(error, issuer, number=n, subject=subject, address=place)
        for n, place in enumerate(addresses)
    ]


def test_the_edge_itself_shows_no_certificate_of_another_name() -> None:
    rows = shown(PORTAL["subject"], "104.18.32.47")
    assert diagnose(tables(connections=rows)).verdict.primary == "net.captive_portal"


@pytest.mark.parametrize(
    ("error", "issuer"),
    [
        pytest.param(UNKNOWN, PORTAL["issuer"], id="of the portal's own making"),
        pytest.param("Certificate verify failed: hostname mismatch", PUBLIC, id="a public one"),
    ],
)
def test_one_certificate_of_another_name_everywhere_is_a_portals(error: str, issuer: str) -> None:
    rows = shown(PORTAL["subject"], "104.18.32.47", "172.64.155.209", error=error, issuer=issuer)
    diagnosis = diagnose(tables(connections=rows))
    assert diagnosis.verdict.primary == "net.captive_portal"
    assert "wifi.hotel.example" in diagnosis.findings[0].summary
    assert "tls.intercept_breaks" not in {item.id for item in diagnosis.findings}


@pytest.mark.parametrize(
    ("rows", "primary"),
    [
        pytest.param(
            shown("CN=chatgpt.com", "104.18.32.47", "172.64.155.209"),
            "tls.intercept_breaks",
            id="a copy of the service's name is inspection",
        ),
        pytest.param(
            shown("CN=*.com", "104.18.32.47", "172.64.155.209"),
            "tls.intercept_breaks",
            id="a wildcard that covers it",
        ),
        pytest.param(
            shown("CN=wifi.hotel.example", "203.0.113.9", "203.0.113.9"),
            "tls.cert_invalid",
            id="one address may be a wrong server",
        ),
        pytest.param(
            shown("CN=FGT60F", "104.18.32.47", "172.64.155.209", issuer="O=Fortinet, CN=FGT60F"),
            "tls.intercept_breaks",
            id="the own certificate of a product",
        ),
    ],
)
def test_what_is_no_portals_certificate(rows: list[Row], primary: str) -> None:
    assert diagnose(tables(connections=rows)).verdict.primary == primary
