"""QUIC long headers and client Initial packets (RFC 9000, RFC 9001, RFC 9369)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SALT_V1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_V2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALT_DRAFT29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
_SALT_DRAFT23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_VERSION_2 = 0x6B3343CF

VERSIONS: dict[int, bytes] = {
    1: _SALT_V1,
    _VERSION_2: _SALT_V2,
    **{0xFF000000 + draft: _SALT_V1 for draft in (33, 34)},
    **{0xFF000000 + draft: _SALT_DRAFT29 for draft in range(29, 33)},
    **{0xFF000000 + draft: _SALT_DRAFT23 for draft in range(23, 29)},
}
"""Versions whose Initial packets can be read, with their salts."""

_ACK, _ACK_ECN, _CRYPTO = 2, 3, 6
_FILLING = re.compile(rb"[\x00\x01]+")
"""PADDING and PING frames, which fill most of an Initial."""

_MAX_ACK_RANGES = 1024
_MAX_VERSIONS = 64


@dataclass(frozen=True, slots=True)
class LongHeader:
    """The part of a long header that is not protected."""

    version: int
    initial: bool
    retry: bool
    destination: bytes
    source: bytes


def long_header(payload: bytes) -> LongHeader | None:
    """The first long header of a datagram; None for anything else."""
    if len(payload) < 7 or not payload[0] & 0x80:
        return None
    version = int.from_bytes(payload[1:5])
    end = 6 + payload[5]
    destination = payload[6:end]
    source_end = end + 1 + payload[end] if end < len(payload) else 0
    if payload[5] > 20 or source_end > len(payload) or not source_end:
        return None
    kind = payload[0] >> 4 & 3
    # version 2 moves the types on by one
    initial_type, retry_type = (1, 0) if version == _VERSION_2 else (0, 3)
    initial = version != 0 and kind == initial_type
    retry = version != 0 and kind == retry_type
    return LongHeader(version, initial, retry, destination, payload[end + 1 : source_end])


def offered_versions(payload: bytes, header: LongHeader) -> list[int]:
    """The versions in a Version Negotiation packet (RFC 9000 section 17.2.1)."""
    start = 7 + len(header.destination) + len(header.source)
    end = min(len(payload), start + 4 * _MAX_VERSIONS)
    return [int.from_bytes(payload[at : at + 4]) for at in range(start, end - 3, 4)]


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Keys of the client's Initial packets; anybody can derive them."""

    key: bytes
    iv: bytes
    header: bytes


def client_keys(version: int, destination: bytes) -> ClientKeys:
    """Keys from the Destination Connection ID of the first Initial (RFC 9001 section 5.2)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    secret = HKDF.extract(SHA256(), VERSIONS[version], destination)
    client = _expand(secret, b"client in", 32)
    label = b"quicv2" if version == _VERSION_2 else b"quic"
    return ClientKeys(
        _expand(client, label + b" key", 16),
        _expand(client, label + b" iv", 12),
        _expand(client, label + b" hp", 16),
    )


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    full = b"tls13 " + label
    info = length.to_bytes(2) + bytes((len(full),)) + full + b"\0"
    return HKDFExpand(SHA256(), length, info).derive(secret)


def initial_payloads(payload: bytes, keys: ClientKeys) -> list[bytes]:
    """Decrypted payloads of the Initial packets coalesced in a datagram.

    Packets that do not decrypt with `keys` are left out.
    """
    out: list[bytes] = []
    while payload:
        header = long_header(payload)
        if header is None or not header.initial or header.version not in VERSIONS:
            return out
        at = 7 + len(header.destination) + len(header.source)
        token, at = _integer(payload, at)
        length, number_at = _integer(payload, at + token)
        end = number_at + length
        if length < 20 or end > len(payload):
            return out
        plain = _open(payload[:end], number_at, keys)
        if plain is not None:
            out.append(plain)
        payload = payload[end:]
    return out


def _open(packet: bytes, number_at: int, keys: ClientKeys) -> bytes | None:
    """Remove header protection and decrypt (RFC 9001 sections 5.3, 5.4)."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sample = packet[number_at + 4 : number_at + 20]
    # one block of ECB is what the RFC prescribes for the mask
    encryptor = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor()  # noqa: S305
    mask = encryptor.update(sample)
    first = packet[0] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    protected = packet[number_at : number_at + size]
    number = bytes(a ^ b for a, b in zip(protected, mask[1:], strict=False))
    header = bytes((first,)) + packet[1:number_at] + number
    nonce = (int.from_bytes(keys.iv) ^ int.from_bytes(number)).to_bytes(12)
    try:
        return AESGCM(keys.key).decrypt(nonce, packet[number_at + size :], header)
    except InvalidTag:
        return None


def crypto_frames(plain: bytes) -> list[tuple[int, bytes]]:
    """(offset, octets) of the CRYPTO frames; ends at the first frame that does not belong."""
    frames: list[tuple[int, bytes]] = []
    at = 0
    while at < len(plain):
        filling = _FILLING.match(plain, at)
        if filling is not None:
            at = filling.end()
            continue
        kind = plain[at]
        at += 1
        if kind == _CRYPTO:
            offset, at = _integer(plain, at)
            length, at = _integer(plain, at)
            if at + length > len(plain):
                break
            frames.append((offset, plain[at : at + length]))
            at += length
        elif kind in (_ACK, _ACK_ECN):
            _, at = _integer(plain, at)
            _, at = _integer(plain, at)
            ranges, at = _integer(plain, at)
            for _ in range(1 + 2 * min(ranges, _MAX_ACK_RANGES) + (3 if kind == _ACK_ECN else 0)):
                _, at = _integer(plain, at)
        else:
            break
    return frames


def _integer(octets: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer (RFC 9000 section 16) and the offset behind it; 0 past the end."""
    if at >= len(octets):
        return 0, at + 1
    size = 1 << (octets[at] >> 6)
    value = int.from_bytes(octets[at : at + size]) & (1 << (8 * size - 2)) - 1
    return value, at + size
