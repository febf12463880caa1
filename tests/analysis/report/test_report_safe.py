"""Hostile text is bounded, escaped, and hides nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.safe import pieces, plain, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ws.chatgpt.com", "ws.chatgpt.com"),
        ("exe\u202egpj", "exe<U+202E>gpj"),
        ("\x1b[31mred", "<U+001B>[31mred"),
        ("a\u200b\u2066b", "a<U+200B U+2066>b"),
        ("soft\u00adhyphen", "soft<U+00AD>hyphen"),
        ("two\nlines", "two<U+000A>lines"),
        ("münchen 東京", "münchen 東京"),
        ("\udcff", "<U+DCFF>"),
        ("\u3164", "<U+3164>"),
    ],
)
def test_hidden_characters_are_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_kept_characters_pass() -> None:
    assert plain("two\nlines\t", keep="\n") == "two\nlines<U+0009>"


def test_markup_is_escaped_and_hidden_characters_marked() -> None:
    assert visible("<b>\u202e&\"'") == (
        '&lt;b&gt;<span class="hidden-char">U+202E</span>&amp;&#34;&#39;'
    )


def test_what_was_cut_is_named() -> None:
    assert plain("a" * 100_000, 5) == "aaaaa… (+99,995 characters)"


def test_piled_up_marks_are_written_out() -> None:
    assert plain("e" + "\u0301" * 4) == "e\u0301\u0301<U+0301 U+0301>"


@given(st.text(st.characters(), max_size=400), st.integers(1, 200))
def test_any_text_is_bounded_and_harmless(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= 3 * limit + 40
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in shown)
    assert not set(shown) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    )


@given(st.text(st.characters(), max_size=100))
def test_nothing_is_lost_below_the_limit(text: str) -> None:
    back = "".join(
        "".join(chr(int(code[2:], 16)) for code in piece.split()) if written_out else piece
        for piece, written_out in pieces(text, 1000)
    )
    assert back == text
