"""Text of a capture made safe to look at.

A host name, an error or a page title is whatever the other side chose to send:
markup, terminal escapes, bidirectional overrides that swap what is read, a
hundred kilobytes where thirty octets were expected. Everything shown goes
through here: characters that cannot be seen are written out as ``U+202E``, and
the length is bounded. Escaping of markup is left to MarkupSafe.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from markupsafe import Markup, escape

PROSE = 600
CELL = 96

_VISIBLE_COST = 7  # a character written out takes the room of "U+202E "
_MARKS_IN_A_ROW = 2  # more combining marks than this pile up over the neighbouring lines
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that Unicode's Default_Ignorable_Code_Point property makes invisible.
_HIDDEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_SUSPECT = re.compile(r"[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff]")


def _hidden(char: str) -> bool:
    return (
        unicodedata.category(char) in _HIDDEN_CATEGORIES
        or char in _HIDDEN_LETTERS
        or "\ufe00" <= char <= "\ufe0f"  # variation selectors
        or "\U000e0100" <= char <= "\U000e01ef"
    )


def pieces(text: str, limit: int, *, keep: str = "") -> Iterator[tuple[str, bool]]:
    """`text` as (piece, written_out) pairs, cut after `limit` columns.

    `written_out` is true for a piece that stands for characters that cannot be
    seen (``U+202E U+200B``). Characters in `keep` (a line feed, say) pass as they are. What was cut
    is named at the end: ``… (+99,880 characters)``.
    """
    room = limit
    marks = 0
    run: list[str] = []
    run_hidden = False
    for index, char in enumerate(text):
        suspect = char not in keep and _SUSPECT.match(char) is not None
        marks = marks + 1 if suspect and unicodedata.combining(char) else 0
        hidden = suspect and (marks > _MARKS_IN_A_ROW or _hidden(char))
        room -= _VISIBLE_COST if hidden else 1
        if room < 0:
            yield _piece(run, written_out=run_hidden)
            yield f"… (+{len(text) - index:,} characters)", False
            return
        if hidden != run_hidden and run:
            yield _piece(run, written_out=run_hidden)
            run = []
        run_hidden = hidden
        run.append(char)
    if run:
        yield _piece(run, written_out=run_hidden)


def _piece(run: list[str], *, written_out: bool) -> tuple[str, bool]:
    if written_out:
        return " ".join(f"U+{ord(char):04X}" for char in run), True
    return "".join(run), False


def plain(text: str, limit: int = PROSE, *, keep: str = "") -> str:
    """`text` for a terminal, an attribute or a drawing, hidden characters as ``<U+202E>``."""
    return "".join(
        f"<{piece}>" if written_out else piece
        for piece, written_out in pieces(text, limit, keep=keep)
    )


def visible(text: str, limit: int = PROSE, *, keep: str = "") -> Markup:
    """`text` as HTML, hidden characters in a marked span."""
    return Markup("").join(
        Markup('<span class="hidden-char">{}</span>').format(piece)
        if written_out
        else escape(piece)
        for piece, written_out in pieces(text, limit, keep=keep)
    )
