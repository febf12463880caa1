"""When a difference of delay is more than noise."""

from __future__ import annotations

import pytest

from analysis.compare.delays import LEGS, compare_delays
from analysis.model.comparison import DelayPair

NOTHING: dict[str, list[float]] = {name: [] for name in LEGS}


def judged(one: list[float], other: list[float], leg: str = "delay.near") -> DelayPair:
    """The pair of one leg."""
    return compare_delays([NOTHING | {leg: one}], [NOTHING | {leg: other}])[0]


@pytest.mark.parametrize(
    ("one", "other", "claimed"),
    [
        ([18, 19, 20], [218, 220, 231], True),
        ([218, 220, 231], [18, 19, 20], True),
        ([18, 19, 20], [18, 19, 20], False),
        ([18, 19, 20], [70, 71, 74], False),
        ([200, 205, 210], [270, 275, 280], False),
        ([18, 19], [218, 220], False),
        ([18, 19, 500, 18, 510], [218, 220, 17, 231, 16], False),
        ([18, 19, 20], [], False),
    ],
    ids=["slower", "faster", "equal", "small", "ratio", "few", "overlap", "one-side"],
)
def test_round_trips(one: list[float], other: list[float], claimed: bool) -> None:
    assert judged(one, other).claimed is claimed


@pytest.mark.parametrize(
    ("leg", "claimed"),
    [
        ("delay.lookup", False),
        ("delay.near", True),
        ("delay.far", True),
        ("delay.answer", False),
        ("delay.first", False),
    ],
)
def test_each_leg_has_its_own_noise(leg: str, claimed: bool) -> None:
    assert judged([20, 21, 22, 23], [150, 151, 152, 153], leg).claimed is claimed


def test_an_answer_that_takes_longer_is_the_models_own_time() -> None:
    first = judged([400.0] * 5, [40_000.0] * 5, "delay.first")
    assert not first.claimed
    assert "never claimed" in first.note


def test_runs_that_do_not_agree_claim_nothing() -> None:
    slow, fast = NOTHING | {"delay.near": [200.0] * 9}, NOTHING | {"delay.near": [20.0] * 1}
    base = NOTHING | {"delay.near": [20.0] * 9}
    assert compare_delays([base, base], [slow, slow])[0].claimed
    mixed = compare_delays([base, base], [slow, fast])[0]
    assert not mixed.claimed
    assert mixed.note == "the runs of one side do not agree"


def test_medians_come_with_their_spread() -> None:
    found = judged([10, 20, 30, 40, 50], [10, 20, 30]).baseline
    assert found is not None
    assert (found.median_ms, found.low_ms, found.high_ms, found.n) == (30, 20, 40, 5)


def test_legs_that_nobody_measured_are_left_out() -> None:
    assert compare_delays([NOTHING], [NOTHING]) == []
