"""What is taken out of a packet before it is written, and what stays."""

from __future__ import annotations

import pytest

from agent.capture.masking import without_credentials

HEAD = b"CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: chatgpt.com:443\r\n"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"Proxy-Authorization: Basic YnVkaTpyYWhhc2lh", b"Proxy-Authorization: Basic "),
        (b"proxy-authorization:NTLM TlRMTVNTUAAB", b"proxy-authorization:NTLM "),
        (b"Authorization: sk-secret", b"Authorization: "),
        (b"Set-Cookie: session=secret; Path=/", b"Set-Cookie:"),
        (b"Cookie: a=1; b=2", b"Cookie:"),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""], ids=["whole", "cut"])
def test_a_secret_is_masked_and_its_length_stays(line: bytes, kept: bytes, end: bytes) -> None:
    packet = b"\x45\x00" + HEAD + line + end
    masked = without_credentials(packet)
    assert len(masked) == len(packet)
    assert masked.startswith(b"\x45\x00" + HEAD + kept)
    rest = masked[len(HEAD) + 2 + len(kept) : len(masked) - len(end)]
    assert set(rest) == {ord("*")}


@pytest.mark.parametrize(
    "packet",
    [
        HEAD + b"Proxy-Connection: keep-alive\r\nUser-Agent: cookie: monster\r\n\r\n",
        b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
        b"\x16\x03\x01\x00\x05 cookie: not http",
    ],
    ids=["other-lines", "challenge", "no-http"],
)
def test_all_else_stays_as_it_is(packet: bytes) -> None:
    assert without_credentials(packet) == packet
