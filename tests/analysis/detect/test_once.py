"""Shared ground is worked out once, and never for the wrong session."""

from __future__ import annotations

import gc
import weakref

from handmade import GOOD, answer, tables

from analysis.detect.once import once
from analysis.model.frames import CaptureFacts, Tables


def test_once_per_session() -> None:
    seen: list[int] = []

    @once
    def rows(given: Tables) -> int:
        seen.append(len(given["dns"]))
        return len(given["dns"])

    first, second = tables(dns=[answer("chatgpt.com", GOOD)]), tables()
    assert [rows(first), rows(first), rows(second), rows(first)] == [1, 1, 0, 1]
    assert seen == [1, 0, 1]
    with_facts = Tables(first.frames, captures=(CaptureFacts("s", listen="127.0.0.1:1"),))
    assert rows(with_facts) == 1
    assert seen == [1, 0, 1, 1]


def test_a_judged_session_can_be_freed() -> None:
    @once
    def nothing(_: Tables) -> None:
        return None

    given = tables(dns=[answer("chatgpt.com", GOOD)])
    nothing(given)
    frame = weakref.ref(given["dns"])
    del given
    gc.collect()
    assert frame() is None
