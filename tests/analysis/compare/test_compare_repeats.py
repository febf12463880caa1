"""Repeats of each side: what varies within a side is no factor, and chance gets a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from pairs import chosen, drawn, run
from scene_visit import visit
from scene_wire import Wire

from analysis.compare import compare
from analysis.compare.repeats import certainty
from analysis.model.comparison import Outcome


def filtered(wire: Wire) -> None:
    visit(wire, socket=False)
    for at in (3.0, 5.0):
        wire.lookup(at, "ws.chatgpt.com", "0.0.0.0", ttl=2, ede=((15, ""),))


@pytest.mark.parametrize(
    ("ours", "theirs", "p"),
    [
        ([False] * 2, [True] * 2, 1 / 3),
        ([False] * 3, [True] * 3, 0.1),
        ([False] * 4, [True] * 4, 2 / 70),
        ([False, True], [True, True], 1.0),
        ([True] * 3, [True] * 3, 1.0),
        ([False] * 5, [True], 1 / 6),
    ],
    ids=["2-2", "3-3", "4-4", "mixed", "no-difference", "5-1"],
)
def test_share_of_chance(ours: list[bool], theirs: list[bool], p: float) -> None:
    assert certainty(ours, theirs).p == pytest.approx(p)
    assert certainty(theirs, ours).p == pytest.approx(p)


def test_one_pair_has_no_figure() -> None:
    assert certainty([False], [True]).p is None


def test_too_few_repeats_do_not_exclude_chance() -> None:
    assert "too often" in certainty([False] * 2, [True] * 2).sentence
    assert "too often" not in certainty([False] * 4, [True] * 4).sentence


def test_repeats_with_one_cause_are_surer_than_a_pair(tmp_path: Path) -> None:
    good = drawn(Wire, visit, tmp_path, "good")
    bad = drawn(Wire, filtered, tmp_path, "bad")
    one = compare([run(good, "desk"), run(bad, "office")]).pairs[0]
    runs = [run(good, "desk") for _ in range(4)] + [run(bad, "office") for _ in range(4)]
    many = compare(runs)
    assert len(many.pairs) == 1
    assert many.pairs[0].certainty.baseline_runs == 4
    assert chosen(many.pairs[0]).difference.key == chosen(one).difference.key
    assert chosen(many.pairs[0]).confidence > chosen(one).confidence


def test_what_changes_within_a_side_is_no_factor(tmp_path: Path) -> None:
    """The resolver alternates on both sides, so it cannot be what makes the difference."""

    def by(resolver: str, draw: object) -> Path:
        def made(wire: Wire) -> None:
            wire.resolver = resolver
            draw(wire)  # type: ignore[operator]

        return drawn(Wire, made, tmp_path, f"{draw.__name__}-{resolver}")  # type: ignore[attr-defined]

    runs = [run(by(name, visit), "desk") for name in ("10.0.0.1", "10.0.0.2")]
    runs += [run(by(name, filtered), "office") for name in ("10.0.0.1", "10.0.0.2")]
    pair = compare(runs).pairs[0]
    assert chosen(pair).difference.key == "dns.answer ws.chatgpt.com"
    assert {item.factor: item.value for item in pair.equal}["dns.resolver"] == (
        "changes from run to run"
    )


def test_a_fault_of_some_runs_only_is_no_difference(tmp_path: Path) -> None:
    good = drawn(Wire, visit, tmp_path, "good")
    bad = drawn(Wire, filtered, tmp_path, "bad")
    runs = [run(good, "desk"), run(bad, "desk"), run(good, "office"), run(bad, "office")]
    pair = compare(runs).pairs[0]
    assert pair.outcome is Outcome.SAME
    assert pair.candidate is None


def test_more_than_two_sides_are_each_compared_with_the_first(tmp_path: Path) -> None:
    good = drawn(Wire, visit, tmp_path, "good")
    bad = drawn(Wire, filtered, tmp_path, "bad")
    found = compare([run(good, "a"), run(bad, "b"), run(good, "c")])
    assert [(pair.baseline, pair.suspect, pair.outcome) for pair in found.pairs] == [
        ("a", "b", Outcome.DIFFERENT),
        ("a", "c", Outcome.SAME),
    ]
    assert [item.label for item in found.runs] == ["a", "b", "c"]


def test_one_side_alone_cannot_be_compared(tmp_path: Path) -> None:
    good = drawn(Wire, visit, tmp_path, "good")
    with pytest.raises(ValueError, match="two sides"):
        compare([run(good, "a"), run(good, "a")])
