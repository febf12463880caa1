"""TLS bytes for drawn packets: a recorded Chromium ClientHello and OpenSSL's real answers to it."""

from __future__ import annotations

import os
import ssl
import tempfile
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from scene_certificates import leaf

# Chromium 156's first flight to chatgpt.com, recorded on loopback: with X25519MLKEM768 (0x11ec)
RECORDED = (Path(__file__).parent / "chromium-hello.bin").read_bytes()
RECORDED_NAME = b"chatgpt.com"
EXTENSIONS_AT = 0x70  # where the recorded extensions' length stands
CHANGE = bytes.fromhex("140303000101")


def chromium_hello(name: str) -> bytes:
    """The recorded ClientHello, with a random and a host name of its own."""
    host = name.encode()
    grown = len(host) - len(RECORDED_NAME)
    hello = bytearray(RECORDED)
    at = hello.index(RECORDED_NAME)
    for where, size in ((3, 2), (6, 3), (EXTENSIONS_AT, 2), (at - 7, 2), (at - 5, 2), (at - 2, 2)):
        value = int.from_bytes(hello[where : where + size], "big") + grown
        hello[where : where + size] = value.to_bytes(size, "big")
    hello[at : at + len(RECORDED_NAME)] = host
    hello[11:43] = os.urandom(32)
    return bytes(hello)


def openssl_hello(name: str, *, version12: bool = False) -> bytes:
    """What curl or a script sends: OpenSSL's ClientHello, which fits one segment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    out = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake cannot end here")


@cache
def _context(
    issuer: tuple[str, str], version12: bool, protocols: tuple[str, ...]
) -> ssl.SSLContext:
    certificate, key = leaf(*issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain, secret = Path(folder) / "chain.pem", Path(folder) / "key.pem"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context.load_cert_chain(chain, secret)
    if version12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    return context


def server_flight(
    hello: bytes,
    issuer: tuple[str, str] = ("Google Trust Services", "WE1"),
    *,
    version12: bool = False,
    protocols: tuple[str, ...] = ("h2", "http/1.1"),
) -> bytes:
    """What an OpenSSL server with a leaf of `issuer` answers to the ClientHello."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = _context(issuer, version12, protocols).wrap_bio(into, out, server_side=True)
    into.write(hello)
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake cannot end here")


def records(size: int, most: int = 4096) -> bytes:
    """`size` bytes of plain text as encrypted records."""
    out = b""
    while size > 0:
        part = min(size, most)
        out += b"\x17\x03\x03" + (part + 17).to_bytes(2, "big") + os.urandom(part + 17)
        size -= part
    return out


def finish(*, version12: bool = False) -> bytes:
    """The client's second flight."""
    if version12:
        exchange = b"\x16\x03\x03\x00\x25\x10\x00\x00\x21\x20" + os.urandom(32)
        return exchange + CHANGE + b"\x16\x03\x03\x00\x28" + os.urandom(40)
    return CHANGE + b"\x17\x03\x03\x00\x35" + os.urandom(53)


def alert(code: int, *, sealed: bool = False) -> bytes:
    """A fatal alert, readable or encrypted under TLS 1.3."""
    if sealed:
        return b"\x17\x03\x03\x00\x13" + os.urandom(19)
    return b"\x15\x03\x03\x00\x02\x02" + bytes([code])
