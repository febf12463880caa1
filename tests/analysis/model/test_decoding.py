"""Content codings in pieces, damaged, and as bombs."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model.decoding import MAX_CHUNK, StreamDecoder, decode_body

CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}
PACKED = ["gzip", "deflate", "br", "zstd"]
BODY = random.Random(7).randbytes(9000) + b"data: {}\n\n" * 3000


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("step", [1, 13, 1000, 10**6])
def test_a_body_comes_out_whole_however_it_was_cut(coding: str, step: int) -> None:
    packed = CODINGS[coding](BODY)
    decoder = StreamDecoder(coding)
    pieces = [decoder.decode(packed[at : at + step]) for at in range(0, len(packed), step)]
    assert b"".join(pieces) == BODY
    assert not decoder.failed


@given(st.sampled_from(PACKED), st.binary(max_size=2000), st.lists(st.integers(0, 2100)))
def test_any_body_in_any_pieces(coding: str, body: bytes, cuts: list[int]) -> None:
    packed = CODINGS[coding](body)
    edges = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    decoder = StreamDecoder(coding)
    out = b"".join(decoder.decode(packed[edges[i] : edges[i + 1]]) for i in range(len(edges) - 1))
    assert out == body


def test_a_stream_that_flushes_is_decoded_as_it_arrives() -> None:
    packer = zlib.compressobj(wbits=31)
    decoder = StreamDecoder("gzip")
    for number in range(5):
        event = f"data: {number}\n\n".encode()
        part = packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert decoder.decode(part) == event


def test_zstandard_frames_one_after_another_are_one_body() -> None:
    packed = zstandard.compress(b"one ") + zstandard.compress(b"two")
    assert decode_body(packed, "zstd") == b"one two"


@pytest.mark.parametrize("coding", PACKED)
def test_a_bomb_is_given_up_within_bounded_memory(coding: str) -> None:
    bomb = CODINGS[coding](bytes(24 * MAX_CHUNK))
    decoder = StreamDecoder(coding)
    tracemalloc.start()
    out = decoder.decode(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(out) <= 4 * MAX_CHUNK
    assert peak <= 12 * MAX_CHUNK
    assert decoder.failed
    assert decoder.decode(bomb) == b""


@pytest.mark.parametrize("coding", PACKED)
def test_a_body_that_is_not_what_its_header_says(coding: str) -> None:
    assert decode_body(b"<html>not packed at all</html>", coding) is None


@pytest.mark.parametrize("coding", PACKED)
def test_a_cut_body_gives_its_start(coding: str) -> None:
    packed = CODINGS[coding](BODY)
    start = decode_body(packed[: len(packed) * 9 // 10], coding)
    assert start is not None
    assert BODY.startswith(start)


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "aes128gcm", "nonsense"])
def test_an_unknown_coding_is_said_so(coding: str) -> None:
    assert StreamDecoder(coding).failed
    assert decode_body(b"abc", coding) is None


@settings(max_examples=60)
@given(st.sampled_from(PACKED), st.binary(max_size=300), st.integers(0, 200), st.integers(1, 255))
def test_damage_never_raises(coding: str, body: bytes, where: int, flip: int) -> None:
    packed = bytearray(CODINGS[coding](body))
    packed[where % len(packed)] ^= flip
    decoder = StreamDecoder(coding)
    out = decoder.decode(bytes(packed)) + decoder.decode(b"more")
    assert isinstance(out, bytes)
