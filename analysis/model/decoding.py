"""Content decoding in pieces and within bounds.

A streamed body arrives chunk by chunk, often compressed (ChatGPT's answers
come with ``br``); a hostile body may unpack to gigabytes.
"""

from __future__ import annotations

import zlib

import brotli
import zstandard

MAX_CHUNK = 1024 * 1024
"""Decoded octets taken from one chunk; a body that unpacks to more is not followed."""


class StreamDecoder:
    """Decodes a body in the order it arrives.

    `failed` is set when the body is not what its Content-Encoding says, uses
    an unknown coding or unpacks beyond the bound; what follows gives b"".
    """

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding.strip().lower().removeprefix("x-")
        self.failed = False
        self._zlib = zlib.decompressobj(wbits=47) if self.encoding in {"gzip", "deflate"} else None
        self._brotli = brotli.Decompressor() if self.encoding == "br" else None
        self._zstd = (
            zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj(
                read_across_frames=True
            )
            if self.encoding == "zstd"
            else None
        )
        known = {"", "identity", "gzip", "deflate", "br", "zstd"}
        self.failed = self.encoding not in known

    def decode(self, data: bytes) -> bytes:
        """The decoded octets that `data` completes."""
        if self.failed or not data:
            return b""
        try:
            return self._decode(data)
        except (zlib.error, brotli.error, zstandard.ZstdError):
            self.failed = True
            return b""

    def _decode(self, data: bytes) -> bytes:
        if self._zlib is not None:
            out = self._zlib.decompress(data, MAX_CHUNK)
            self.failed = bool(self._zlib.unconsumed_tail)
            return out
        if self._brotli is not None:
            out = bytes(self._brotli.process(data, output_buffer_limit=MAX_CHUNK))
            # output that is still held back means that the bound was reached
            self.failed = not self._brotli.can_accept_more_data()
            return out
        if self._zstd is not None:
            # 4 octets may stand for a block of 128 KiB, so it is fed little at a time
            pieces: list[bytes] = []
            size = 0
            for start in range(0, len(data), 64):
                piece = self._zstd.decompress(data[start : start + 64])
                size += len(piece)
                pieces.append(piece)
                if size > MAX_CHUNK:
                    self.failed = True
                    break
            return b"".join(pieces)
        return data


def decode_body(data: bytes, encoding: str) -> bytes | None:
    """A whole (perhaps cut) body, decoded up to the bound; None when it cannot be."""
    decoder = StreamDecoder(encoding)
    out = decoder.decode(data)
    return out if out or not decoder.failed else None
