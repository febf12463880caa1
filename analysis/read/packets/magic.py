"""What the first octets of a file tell, without what reading the rest needs."""

from __future__ import annotations

import zlib

GZIP = b"\x1f\x8b"
SECTION_HEADER = b"\x0a\x0d\x0d\x0a"
"""How a pcapng file begins."""

MICRO_LITTLE, MICRO_BIG = b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4"
NANO_LITTLE, NANO_BIG = b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"
MODIFIED_LITTLE, MODIFIED_BIG = b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34"
_PLAIN = (
    *(MICRO_LITTLE, MICRO_BIG, NANO_LITTLE, NANO_BIG, MODIFIED_LITTLE, MODIFIED_BIG),
    SECTION_HEADER,
)


def looks_like_packets(first_bytes: bytes) -> bool:
    """Whether a file that begins so is pcap, pcapng or a gzip file that may hold one.

    Four octets are enough; a gzip file is unpacked as far as `first_bytes` go.
    """
    if first_bytes[:2] == GZIP:
        try:
            first_bytes = zlib.decompressobj(wbits=31).decompress(first_bytes, 4)
        except zlib.error:
            return False
        if not first_bytes:
            return True  # only the gzip header was given
    return plain_container(first_bytes)


def plain_container(first_bytes: bytes) -> bool:
    """Whether a file that begins so is pcap or pcapng, not gzipped."""
    return first_bytes[:4] in _PLAIN
