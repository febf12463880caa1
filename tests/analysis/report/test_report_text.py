"""The terminal page: complete, as wide as the terminal, harmless."""

from __future__ import annotations

import re

import pytest
from report_samples import SAMPLES, hostile, sinkhole

from analysis.report.text import render_text

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", SAMPLES)
def test_plain_output_has_no_escapes_and_no_box_drawing(name: str) -> None:
    text = render_text(SAMPLES[name]().diagnosis, width=None, color=False)
    assert "\x1b" not in text
    assert not re.search("[\u2500-\u259f]", text)
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def test_the_page_tells_verdict_remedy_proof_and_coverage() -> None:
    text = render_text(sinkhole().diagnosis, width=100, color=False)
    verdict, rest = text.split("\n", 1)
    assert verdict.startswith("BLOCKED  The company's DNS filter (Cisco Umbrella) blocks")
    for part in (
        "Who must act: IT or network team.",
        "How sure: 97%.",
        "1. Open the DNS filter's console",
        "Please allow *.chatgpt.com in the DNS filter",
        "#1 critical  dns.sinkhole",
        "frame.number in {301, 321}",
        "flow ws-refused",
        "What this does not prove: The block need not",
        "Explained by: #1 dns.sinkhole",
        "quic    not judged  the intercepting proxy hides HTTP/3",
    ):
        assert part in rest
    assert rest.index("dns.sinkhole") < rest.index("ws.upgrade_failed") < rest.index("vpn.detected")


@pytest.mark.parametrize("width", [40, 60, 110])
def test_lines_keep_the_width(width: int) -> None:
    lines = render_text(sinkhole().diagnosis, width=width, color=False).splitlines()
    copied = ("frame.number", "flow ")
    wrapped = [line for line in lines if not line.strip().startswith(copied)]
    assert max(len(line) for line in wrapped) <= width


def test_colour_changes_nothing_but_the_look() -> None:
    diagnosis = sinkhole().diagnosis
    coloured = render_text(diagnosis, width=80, color=True)
    assert ESCAPE.search(coloured)
    assert ESCAPE.sub("", coloured) == render_text(diagnosis, width=80, color=False)


def test_a_filter_to_copy_is_one_line() -> None:
    text = render_text(sinkhole().diagnosis, width=40, color=False)
    assert "       frame.number in {301, 321}\n" in text


@pytest.mark.parametrize("color", [True, False])
def test_hostile_text_is_bounded_and_cannot_steer_the_terminal(color: bool) -> None:
    text = render_text(hostile().diagnosis, width=80, color=color)
    assert len(text) < 1_500_000
    bare = ESCAPE.sub("", text) if color else text
    assert all(
        char == "\n" or (ord(char) >= 0x20 and not 0x7F <= ord(char) < 0xA0) for char in bare
    )
    assert "\u202e" not in bare
    assert "<U+001B>]0;owned<U+0007 U+001B>[31mred" in bare
