"""ClientHellos however they are cut and wrapped, and what comes back."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from packets_build import handshake, pcap, written

from analysis.read.packets import read_packets


def client_hello(name: str = "chatgpt.com", *, maximum: ssl.TLSVersion | None = None) -> bytes:
    """The record that OpenSSL's client sends first."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    if maximum is not None:
        context.maximum_version = maximum
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    return sent.read()


def records_of(message: bytes, size: int) -> bytes:
    """The handshake message of one record spread over records of `size` octets."""
    body = message[5:]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


def rows(
    tmp_path: Path, payloads: list[tuple[bool, bytes]], port: int = 443, **options: Any
) -> list[dict[str, Any]]:
    """The tls table of a connection with these payloads."""
    frames = handshake(payloads=payloads, ports=(50000, port))
    path = written(tmp_path / "some.pcap", pcap(frames, **options))
    return read_packets(path)["tls"].to_dict("records")


def test_one_segment(tmp_path: Path) -> None:
    hello = client_hello()
    (row,) = rows(tmp_path, [(True, hello)])
    assert (row["sni"], list(row["alpn"])) == ("chatgpt.com", ["h2", "http/1.1"])
    assert (row["version"], row["ech"], row["frame"]) == ("TLSv1.3", False, 4)
    assert (row["hello_bytes"], row["hello_segments"]) == (len(hello) - 5, 1)
    assert row["ja4"].startswith("t13d")
    assert 29 in list(row["groups"])


def test_after_starttls(tmp_path: Path) -> None:
    said = [
        (False, b"220 mail.example ESMTP\r\n"),
        (True, b"EHLO me\r\n"),
        (False, b"250-mail.example\r\n250 STARTTLS\r\n"),
        (True, b"START"),
        (True, b"TLS\r\n"),
        (False, b"220 Go on\r\n"),
        (True, client_hello("mail.example")),
    ]
    (row,) = rows(tmp_path, said, port=587)
    assert (row["sni"], row["frame"]) == ("mail.example", 10)


@pytest.mark.parametrize("size", [1, 100, 200])
def test_any_cut_gives_the_same(tmp_path: Path, size: int) -> None:
    hello = client_hello()
    (whole,) = rows(tmp_path, [(True, hello)])
    pieces = [(True, hello[at : at + size]) for at in range(0, len(hello), size)]
    (cut,) = rows(tmp_path, pieces)
    (recorded,) = rows(tmp_path, [(True, records_of(hello, size))])
    assert cut["hello_segments"] == len(pieces)
    assert cut["frame"] == 3 + len(pieces)
    for column in ("sni", "ja4", "version", "hello_bytes"):
        assert cut[column] == recorded[column] == whole[column]


def test_segments_out_of_order(tmp_path: Path) -> None:
    hello = client_hello()
    frames = handshake(
        payloads=[(True, hello[:100]), (True, hello[100:200]), (True, hello[200:])],
        ports=(50000, 443),
    )
    frames[3], frames[4], frames[5] = frames[5], frames[3], frames[4]
    path = written(tmp_path / "some.pcap", pcap(frames))
    (row,) = read_packets(path)["tls"].to_dict("records")
    assert row["sni"] == "chatgpt.com"
    assert row["ja4"].startswith("t13d")


@pytest.mark.parametrize(
    "before",
    [
        [(True, b"CONNECT x:443 HTTP/1.1\r\n\r\n"), (False, b"HTTP/1.1 200 OK\r\n\r\n")],
        [
            (True, b"CONNECT x:443 HTTP/1.1\r\n\r\n"),
            (False, b"HTTP/1.1 407 Login\r\nContent-Length: 4\r\n\r\noops"),
            (True, b"CONNECT x:443 HTTP/1.1\r\nProxy-Authorization: secret\r\n\r\n"),
            (False, b"HTTP/1.1 200 OK\r\n\r\n"),
        ],
        [
            (True, b"\5\1\0"),
            (False, b"\5\0"),
            (True, b"\5\1\0\3\7abc.net\1\xbb"),
            (False, b"\5\0\0\1\0\0\0\0\0\0"),
        ],
        [(True, b"\4\1\1\xbb\1\2\3\4me\0"), (False, b"\0\x5a" + bytes(6))],
    ],
)
def test_inside_a_tunnel(tmp_path: Path, before: list[tuple[bool, bytes]]) -> None:
    alert = b"\x15\x03\x03\x00\x02\x02\x28"
    (row,) = rows(tmp_path, [*before, (True, client_hello()), (False, alert)], port=8080)
    assert (row["sni"], row["alert"], row["alert_by"]) == ("chatgpt.com", 40, "server")


def test_a_snap_length_that_cuts_the_hello(tmp_path: Path) -> None:
    hello = client_hello("a.example")
    at = hello.index(b"a.example")
    (row,) = rows(tmp_path, [(True, hello)], snap=54 + at + 40)
    assert row["sni"] == "a.example"
    assert row["ja4"] is None or row["ja4"] != row["ja4"]
    assert row["hello_bytes"] == len(hello) - 5


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of a server whose issuer is a filter."""
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=chatgpt.com"))
        .issuer_name(x509.Name.from_rfc4514_string("CN=Filter CA,O=Example"))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    return written(path, private + certificate.public_bytes(pem))


def flights(chain: Path, maximum: ssl.TLSVersion) -> list[tuple[bool, bytes]]:
    """All octets of a handshake between OpenSSL and itself, flight by flight."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(chain)
    server_context.set_alpn_protocols(["h2"])
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    client_context.maximum_version = maximum
    client_context.set_alpn_protocols(["h2"])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up, server_hostname="chatgpt.com")
    server = server_context.wrap_bio(up, down, server_side=True)
    out: list[tuple[bool, bytes]] = []
    for _ in range(3):
        for side, own, to_server in ((client, up, True), (server, down, False)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            octets = own.read()
            own.write(octets)
            if octets:
                out.append((to_server, octets))
    return out


def test_tls12_shows_the_certificate(tmp_path: Path, chain: Path) -> None:
    (row,) = rows(tmp_path, flights(chain, ssl.TLSVersion.TLSv1_2))
    assert (row["version"], row["server_alpn"]) == ("TLSv1.2", "h2")
    assert (row["subject"], row["issuer"]) == ("CN=chatgpt.com", "CN=Filter CA,O=Example")
    assert row["not_before"] == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp()
    assert row["not_after"] - row["not_before"] == 30 * 86400
    assert (row["server_hello_frame"], row["server_hello_ms"]) == (5, pytest.approx(10))


def test_tls13_hides_the_certificate(tmp_path: Path, chain: Path) -> None:
    (row,) = rows(tmp_path, flights(chain, ssl.TLSVersion.TLSv1_3))
    assert row["version"] == "TLSv1.3"
    assert row["server_hello_frame"] == 5
    assert row["issuer"] is None or row["issuer"] != row["issuer"]


def test_a_stream_joined_midway(tmp_path: Path) -> None:
    frames = handshake(payloads=[(True, b"\0" * 50), (True, client_hello())], ports=(50000, 443))
    path = written(tmp_path / "some.pcap", pcap(frames[3:]))
    (row,) = read_packets(path)["tls"].to_dict("records")
    assert row["sni"] == "chatgpt.com"


def test_an_answer_to_a_hello_whose_end_was_not_captured(tmp_path: Path, chain: Path) -> None:
    first, answer, *_ = flights(chain, ssl.TLSVersion.TLSv1_3)
    hello = first[1]
    after = (True, b"\x14\x03\x03\0\1\1")
    payloads = [(True, hello[:200]), (True, hello[200:]), answer, after]
    frames = handshake(payloads=payloads, ports=(50000, 1080))
    del frames[4]
    path = written(tmp_path / "some.pcap", pcap(frames))
    (row,) = read_packets(path)["tls"].to_dict("records")
    assert (row["frame"], row["server_hello_frame"]) == (4, 5)
    assert row["server_hello_ms"] == pytest.approx(10)
