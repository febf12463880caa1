"""Text of a capture on one line, without characters that hide or reorder it."""

from __future__ import annotations

import re

# C0 and C1 controls except for tab and newline; bidi marks, embeddings, overrides and isolates;
# zero-width characters and line separators, which can hide or reorder text
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def printable(text: str) -> str:
    """The text without control, zero-width and bidi characters, on one line.

    Text that has none comes back as the very same object, so that a message
    stays a message.
    """
    clean = " ".join(UNSAFE.sub("", text).split())
    return text if clean == text else clean
