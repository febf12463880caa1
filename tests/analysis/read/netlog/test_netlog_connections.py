"""Connections, lookups, QUIC sessions and surroundings of NetLogs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from netlog_made import ERRORS, START, NetLog, socket

from analysis.model.frames import Tables

JOB = "SSL_CONNECT_JOB"


def only(tables: Tables, name: str) -> dict[str, Any]:
    rows = tables[name].astype(object).where(tables[name].notna(), None).to_dict("records")
    assert len(rows) == 1
    return {str(key): value for key, value in rows[0].items()}


def test_a_connection_has_its_times_and_ends(tmp_path: Path) -> None:
    log = socket(NetLog(), 2, "ws.chatgpt.com")
    row = only(log.add("SOCKET_ALIVE", 3, "SOCKET", 9.0, "END").read(tmp_path), "connections")
    assert (row["connection"], row["host"], row["port"]) == ("netlog-2", "ws.chatgpt.com", 443)
    assert (row["address"], row["local_port"]) == ("104.18.32.47", 50000)
    assert (row["tcp_ms"], row["tls_ms"]) == (20.0, 30.0)
    assert (row["tls_version"], row["alpn"]) == ("TLSv1.3", "h2")
    assert row["ended"] == pytest.approx(START + 9)
    assert (row["error"], row["error_stage"], row["via"]) == (None, None, None)


@pytest.mark.parametrize(
    ("group", "host", "port"),
    [
        ("https://chatgpt.com:8443 <https://chatgpt.com>", "chatgpt.com", 8443),
        ("ssl/chatgpt.com:443 <null>", "chatgpt.com", 443),
        ("pm/ssl/chatgpt.com:444", "chatgpt.com", 444),
        ("http://neverssl.com", "neverssl.com", 80),
        ("https://[2001:db8::1]:8443", "2001:db8::1", 8443),
    ],
)
def test_what_it_was_for_is_in_the_name_of_its_group(
    tmp_path: Path, group: str, host: str, port: int
) -> None:
    log = NetLog().add("SOCKET_POOL_CONNECT_JOB_CREATED", 2, JOB, 0.0, group_id=group)
    row = only(log.read(tmp_path), "connections")
    assert (row["host"], row["port"]) == (host, port)


@pytest.mark.parametrize(
    ("step", "error", "stage"),
    [
        ("TCP_CONNECT_JOB_CONNECT", "ERR_NAME_NOT_RESOLVED", "dns"),
        ("TRANSPORT_CONNECT_JOB_CONNECT", "ERR_CONNECTION_REFUSED", "tcp"),
        ("TCP_CONNECT_JOB_CONNECT", "ERR_CONNECTION_RESET", "tcp"),
    ],
)
def test_a_failure_has_its_stage(tmp_path: Path, step: str, error: str, stage: str) -> None:
    log = NetLog().add("SOCKET_POOL_CONNECT_JOB_CREATED", 2, JOB, 0.0, group_id="https://a.test")
    log.span(step, 2, JOB, 0.0, 0.1, net_error=ERRORS[error])
    log.span("SSL_CONNECT_JOB_CONNECT", 2, JOB, 0.0, 0.1, net_error=ERRORS[error])
    row = only(log.read(tmp_path), "connections")
    assert (row["error"], row["error_stage"]) == (f"net::{error}", stage)


@pytest.mark.parametrize(
    ("error", "verified"), [("ERR_CERT_AUTHORITY_INVALID", False), ("ERR_CONNECTION_RESET", None)]
)
def test_a_failed_handshake_is_of_tls(tmp_path: Path, error: str, verified: bool | None) -> None:
    log = socket(NetLog(), 2, "chatgpt.com", net_error=ERRORS[error])
    row = only(log.read(tmp_path), "connections")
    assert (row["error"], row["error_stage"]) == (f"net::{error}", "tls")
    assert (row["verified"], row["tls_ms"], row["tcp_ms"]) == (verified, None, 20.0)


def test_what_the_browser_gave_up_itself_is_no_failure(tmp_path: Path) -> None:
    log = socket(NetLog(), 2, "chatgpt.com")
    log.span("SSL_CONNECT_JOB_CONNECT", 2, JOB, 0.0, 0.1, net_error=ERRORS["ERR_ABORTED"])
    assert only(log.read(tmp_path), "connections")["error"] is None


def test_a_read_error_after_the_handshake_is_no_failure_to_connect(tmp_path: Path) -> None:
    log = socket(NetLog(), 2, "chatgpt.com")
    log.add("SOCKET_READ_ERROR", 3, "SOCKET", 5.0, net_error=ERRORS["ERR_CONNECTION_RESET"])
    row = only(log.read(tmp_path), "connections")
    assert (row["error"], row["error_stage"]) == ("net::ERR_CONNECTION_RESET", None)
    assert row["closed_by"] == "server"


def through_proxy() -> NetLog:
    log = NetLog()
    log.add(
        "PROXY_RESOLUTION_SERVICE_RESOLVED_PROXY_LIST",
        1,
        "X",
        0.0,
        proxy_info="PROXY proxy.corp:3128;DIRECT",
    )
    log.add("SOCKET_POOL_CONNECT_JOB_CREATED", 2, JOB, 0.0, group_id="https://chatgpt.com")
    log.add("HTTP_PROXY_CONNECT_JOB_CONNECT", 2, JOB, 0.0, "BEGIN")
    log.add("SOCKET_ALIVE", 3, "SOCKET", 0.0, "BEGIN", source_dependency={"id": 2})
    return log.add("TCP_CONNECT", 3, "SOCKET", 0.0, "BEGIN", address_list=["10.0.0.1:3128"])


def test_a_proxy_that_asks_for_a_login_is_the_proxys_refusal(tmp_path: Path) -> None:
    log = through_proxy().add(
        "TCP_CONNECT", 3, "SOCKET", 0.01, "END", remote_address="10.0.0.1:3128"
    )
    answer = ["HTTP/1.1 407 Proxy Authentication Required", "Proxy-Authenticate: Basic"]
    log.add("HTTP_TRANSACTION_READ_TUNNEL_RESPONSE_HEADERS", 3, "SOCKET", 0.1, headers=answer)
    failed = ERRORS["ERR_TUNNEL_CONNECTION_FAILED"]
    log.add("HTTP_PROXY_CONNECT_JOB_CONNECT", 2, JOB, 0.1, "END", net_error=failed)
    row = only(log.read(tmp_path), "connections")
    assert (row["via"], row["host"]) == ("proxy.corp:3128", "chatgpt.com")
    assert row["error"] == "refused HTTP CONNECT request: 407"
    assert row["error_stage"] == "proxy"


def test_a_proxy_that_is_not_there_fails_below_it(tmp_path: Path) -> None:
    log = through_proxy()
    log.add("TCP_CONNECT", 3, "SOCKET", 0.1, "END", net_error=ERRORS["ERR_CONNECTION_REFUSED"])
    failed = ERRORS["ERR_PROXY_CONNECTION_FAILED"]
    log.add("HTTP_PROXY_CONNECT_JOB_CONNECT", 2, JOB, 0.1, "END", net_error=failed)
    row = only(log.read(tmp_path), "connections")
    assert (row["error"], row["error_stage"]) == ("net::ERR_PROXY_CONNECTION_FAILED", "tcp")


def test_the_newer_pool_names_its_attempts_by_host_and_port(tmp_path: Path) -> None:
    log, of = NetLog(), "TLS_STREAM_ATTEMPT"
    log.add("TLS_STREAM_ATTEMPT_ALIVE", 2, of, 0.0, "BEGIN", host_port="chatgpt.com:443")
    log.add("SOCKET_ALIVE", 3, "SOCKET", 0.0, "BEGIN", source_dependency={"id": 2})
    log.span("TCP_CONNECT", 3, "SOCKET", 0.0, 0.03, address_list=["[2606:4700::1]:443"])
    log.add("TLS_STREAM_ATTEMPT_ALIVE", 2, of, 0.1, "END", net_error=0)
    row = only(log.read(tmp_path), "connections")
    assert (row["host"], row["address"], row["tcp_ms"]) == ("chatgpt.com", "2606:4700::1", 30.0)
    assert row["error"] is None


def test_a_websockets_connection_is_named_by_its_request(tmp_path: Path) -> None:
    log = NetLog().add("CONNECT_JOB", 2, JOB, 0.0, "BEGIN")
    log.span("TCP_CONNECT_JOB_CONNECT", 2, JOB, 0.0, 0.1, net_error=ERRORS["ERR_NAME_NOT_RESOLVED"])
    log.add("REQUEST_ALIVE", 9, "URL_REQUEST", 0.0, "BEGIN", url="wss://ws.chatgpt.com/x")
    log.add("HTTP_STREAM_REQUEST_BOUND_TO_JOB", 9, "URL_REQUEST", 0.0, source_dependency={"id": 7})
    log.add(
        "SOCKET_POOL_BOUND_TO_CONNECT_JOB", 7, "HTTP_STREAM_JOB", 0.0, source_dependency={"id": 2}
    )
    row = only(log.read(tmp_path), "connections")
    assert (row["host"], row["port"], row["error_stage"]) == ("ws.chatgpt.com", 443, "dns")


def certificate(issuer: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chatgpt.com")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_certificates_tell_who_signed(tmp_path: Path) -> None:
    log = socket(NetLog(), 2, "chatgpt.com")
    chain = [certificate("Zscaler Inc."), certificate("Zscaler Root")]
    log.add("SSL_CERTIFICATES_RECEIVED", 3, "SOCKET", 0.04, certificates=chain)
    row = only(log.read(tmp_path), "connections")
    assert (row["subject"], row["issuer"]) == ("CN=chatgpt.com", "O=Zscaler Inc.")
    assert row["root"] == "O=Zscaler Root"
    assert row["not_after"] - row["not_before"] == 86400


@pytest.mark.parametrize("chain", [["no certificate"], [7, 8], "text", [{}]])
def test_a_damaged_certificate_is_passed_over(tmp_path: Path, chain: object) -> None:
    log = socket(NetLog(), 2, "chatgpt.com")
    log.add("SSL_CERTIFICATES_RECEIVED", 3, "SOCKET", 0.04, certificates=chain)
    assert only(log.read(tmp_path), "connections")["issuer"] is None


def lookup(rcode: int, count: int, results: list[dict[str, Any]] | None) -> NetLog:
    log, of, job = NetLog(), "DNS_TRANSACTION", "HOST_RESOLVER_IMPL_JOB"
    log.add("DNS_TRANSACTION", 4, job, 0.0, source_dependency={"id": 5})
    log.add("DNS_TRANSACTION", 5, of, 0.0, "BEGIN", hostname="WS.chatgpt.com", query_type=1)
    log.add("UDP_CONNECT", 6, "UDP_SOCKET", 0.0, "BEGIN", address="10.0.0.53:53")
    log.add("DNS_TRANSACTION_ATTEMPT", 5, of, 0.0, source_dependency={"id": 6})
    log.add(
        "DNS_TRANSACTION_RESPONSE",
        *(5, of, 0.03),
        **{"answer_count": count, "rcode": rcode, "source_dependency": {"id": 6}},
    )
    if results is not None:
        log.add("HOST_RESOLVER_DNS_TASK_EXTRACTION_RESULTS", 4, job, 0.03, results=results)
    return log


def test_a_lookup_is_a_query_and_its_answer(tmp_path: Path) -> None:
    endpoints = [{"address": "0.0.0.0", "port": 0}]
    alias = {"alias_target": "Edge.example.", "query_type": "A", "type": "alias"}
    told = [alias, {"endpoints": endpoints, "query_type": "A", "type": "data"}]
    dns = lookup(0, 2, told).read(tmp_path)["dns"]
    assert list(dns["response"]) == [False, True]
    assert list(dns["qname"]) == ["ws.chatgpt.com"] * 2
    assert list(dns["qtype"]) == ["A", "A"]
    assert (dns["dst"][0], dns["dst_port"][0], dns["src"][1]) == ("10.0.0.53", 53, "10.0.0.53")
    assert dns["rcode"][1] == 0
    assert list(dns["answers"][1]) == ["edge.example", "0.0.0.0"]
    assert list(dns["cnames"][1]) == ["edge.example"]
    assert dns["latency_ms"][1] == 30.0
    assert dns["frame"].isna().all()


def test_a_name_that_is_denied_has_its_code(tmp_path: Path) -> None:
    dns = lookup(3, 0, []).read(tmp_path)["dns"]
    assert dns["rcode"][1] == 3
    assert list(dns["answers"][1]) == []


def test_an_answer_whose_records_are_not_told_is_left_out(tmp_path: Path) -> None:
    assert list(lookup(0, 1, None).read(tmp_path)["dns"]["response"]) == [False]


@pytest.mark.parametrize("answered", [True, False])
def test_a_quic_session_was_answered_or_not(tmp_path: Path, answered: bool) -> None:
    log, of = NetLog(), "QUIC_SESSION"
    log.add("QUIC_SESSION", 7, of, 0.0, "BEGIN", host="chatgpt.com", port=443)
    log.add("QUIC_SESSION_PACKET_SENT", 7, of, 0.0, size=1250)
    log.add("QUIC_SESSION_PACKET_SENT", 7, of, 0.3, size=1250)
    if answered:
        peer = {"peer_address": "104.18.32.47:443", "self_address": "192.0.2.7:50001"}
        log.add("QUIC_SESSION_PACKET_RECEIVED", 7, of, 0.4, **peer)
        log.add("QUIC_SESSION_VERSION_NEGOTIATED", 7, of, 0.4, version="RFCv1")
    row = only(log.read(tmp_path), "quic")
    assert (row["sni"], row["answered"], row["client_packets"]) == ("chatgpt.com", answered, 2)
    assert row["server"] == ("104.18.32.47" if answered else None)
    assert row["version"] == ("0x00000001" if answered else None)


def host(tables: Tables, section: str) -> list[tuple[str, str]]:
    frame: pd.DataFrame = tables["host"]
    chosen = frame[frame["section"] == section]
    return list(zip(chosen["name"], chosen["value"], strict=True))


def test_the_surroundings_are_told_once(tmp_path: Path) -> None:
    log = NetLog()
    config = {"proxy_per_scheme": {"https": ["[10.0.0.1:3128]"]}, "auto_detect": True}
    resolver = {
        "nameservers": ["10.0.0.53:53", "[2001:db8::1]:53"],
        "secure_dns_mode": 2,
        "can_use_secure_dns_transactions": True,
        "doh_config": {"servers": [{"server_template": "https://dns.example/dns-query"}]},
    }
    for at in (0.0, 1.0):
        log.add("PROXY_CONFIG_CHANGED", 1, "NONE", at, new_config=config)
        log.add("DNS_CONFIG_CHANGED", 1, "NONE", at, **resolver)
    log.add("NETWORK_CHANGED", 1, "NONE", 2.0, new_connection_type="CONNECTION_WIFI")
    on = {"enabled": True, "id": "a" * 32, "name": "Blocker", "version": "1.2"}
    log.polled = {"extensionInfo": [on, {**on, "name": "Off", "enabled": False}, "odd"]}
    tables = log.read(tmp_path)
    assert host(tables, "proxy") == [("https", "10.0.0.1:3128"), ("auto_detect", "on")]
    assert host(tables, "resolver") == [
        ("1", "10.0.0.53"),
        ("2", "2001:db8::1"),
        ("secure_dns_mode", "Secure"),
        ("doh_server", "https://dns.example/dns-query"),
    ]
    (change,) = host(tables, "network")
    assert change == ("change", "network_changed CONNECTION_WIFI 2023-11-14T22:13:22.000Z")
    ((name, extension),) = host(tables, "agent")
    assert name == "extension"
    assert extension.startswith("Blocker 1.2 (")
    assert ("browser", "Chromium 156.0.1.2") in host(tables, "os")


def test_a_transaction_without_a_beginning_has_its_name_from_its_query(tmp_path: Path) -> None:
    log, of, job = NetLog(), "DNS_TRANSACTION", "HOST_RESOLVER_IMPL_JOB"
    log.add("DNS_TRANSACTION", 4, job, 0.0, source_dependency={"id": 5})
    log.add("DNS_TRANSACTION_QUERY", 5, of, 0.0, "BEGIN", qname="chatgpt.com")
    log.add("DNS_TRANSACTION_ATTEMPT", 5, of, 0.0, source_dependency={"id": 6})
    log.add("DNS_TRANSACTION_RESPONSE", 5, of, 0.03, answer_count=1, rcode=0)
    told = [{"endpoints": [{"address": "0.0.0.0"}], "query_type": "A", "type": "data"}]
    log.add("HOST_RESOLVER_DNS_TASK_EXTRACTION_RESULTS", 4, job, 0.03, results=told)
    dns = log.read(tmp_path)["dns"]
    assert list(dns["qname"]) == ["chatgpt.com"] * 2
    assert (dns["qtype"][1], list(dns["answers"][1])) == ("A", ["0.0.0.0"])


def test_a_tunnel_without_a_job_is_for_the_host_it_asked_for(tmp_path: Path) -> None:
    log, of = NetLog(), "SOCKET"
    log.add("TCP_CONNECT", 3, of, 0.0, "BEGIN", address_list=["10.0.0.1:3128"])
    log.add("TCP_CONNECT", 3, of, 0.01, "END", remote_address="10.0.0.1:3128")
    line = "CONNECT auth.openai.com:443 HTTP/1.1\r\n"
    log.add("HTTP_TRANSACTION_SEND_TUNNEL_HEADERS", 3, of, 0.02, line=line)
    answer = ["HTTP/1.1 407 Proxy Authentication Required"]
    log.add("HTTP_TRANSACTION_READ_TUNNEL_RESPONSE_HEADERS", 3, of, 0.1, headers=answer)
    row = only(log.read(tmp_path), "connections")
    assert (row["host"], row["port"], row["error_stage"]) == ("auth.openai.com", 443, "proxy")
