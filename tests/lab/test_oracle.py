"""The oracle and the matrix: right is right, and what got worse is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.matrix import build_matrix, worse
from tests.lab.oracle import Outcome, judge
from tests.lab.results import Result
from tests.lab.scene import Truth, load_scenes

FAULT = Truth(("dns.sinkhole",), ("blocked",), subjects=("ws.chatgpt.com",), vendor="Pi-hole")
HEALTHY = Truth((), ("ok",))


def finding(name: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "id": name,
        "severity": "critical",
        "explained_by": None,
        "subjects": ["ws.chatgpt.com"],
        "vendor": "Pi-hole",
        "summary": "It is blocked.",
        "evidence": [{"source": "packets.pcapng"}],
    }
    return plain | changes


def diagnosis(status: str, primary: str | None, *findings: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": {"status": status, "primary": primary}, "findings": list(findings)}


SINKHOLE = finding("dns.sinkhole")


@pytest.mark.parametrize(
    ("truth", "said", "outcome"),
    [
        (FAULT, diagnosis("blocked", "dns.sinkhole", SINKHOLE), Outcome.EXACT),
        (FAULT, diagnosis("ok", "dns.sinkhole", SINKHOLE), Outcome.PARTIAL),
        (
            FAULT,
            diagnosis("blocked", "dns.sinkhole", finding("dns.sinkhole", vendor=None)),
            Outcome.PARTIAL,
        ),
        (
            FAULT,
            diagnosis("blocked", "dns.sinkhole", finding("dns.sinkhole", evidence=[])),
            Outcome.PARTIAL,
        ),
        (
            FAULT,
            diagnosis("blocked", "dns.sinkhole", finding("dns.sinkhole", subjects=["a.org"])),
            Outcome.PARTIAL,
        ),
        (FAULT, diagnosis("ok", None), Outcome.MISSED),
        (FAULT, diagnosis("blocked", "tcp.refused", finding("tcp.refused")), Outcome.WRONG),
        (HEALTHY, diagnosis("ok", None, finding("vpn.detected", severity="info")), Outcome.QUIET),
        (HEALTHY, diagnosis("ok", None, finding("tcp.loss")), Outcome.FALSE_ALARM),
        (HEALTHY, diagnosis("insufficient", None), Outcome.FALSE_ALARM),
    ],
)
def test_outcomes(truth: Truth, said: dict[str, Any], outcome: Outcome) -> None:
    assert judge(truth, said).outcome is outcome


def test_what_must_not_or_must_also_be_found() -> None:
    said = diagnosis("blocked", "dns.sinkhole", SINKHOLE, finding("ws.connect_failed"))
    never = Truth(("dns.sinkhole",), ("blocked",), never=("ws.connect_failed",))
    assert judge(never, said).reasons == ("ws.connect_failed was found",)
    also = Truth(("dns.sinkhole",), ("blocked",), also=("tcp.loss",))
    assert judge(also, said).reasons == ("tcp.loss was not found",)


def test_notes_of_a_healthy_session() -> None:
    said = diagnosis("ok", None, finding("vpn.detected", severity="info"))
    assert judge(Truth((), ("ok",), also=("vpn.detected",)), said).outcome is Outcome.QUIET
    missing = judge(Truth((), ("ok",), also=("dns.doh_hidden",)), said)
    assert (missing.outcome, missing.reasons) == (
        Outcome.PARTIAL,
        ("dns.doh_hidden was not found",),
    )
    unsaid = judge(Truth((), ("ok",), unsaid=("vpn.detected",)), said)
    assert (unsaid.outcome, unsaid.reasons) == (Outcome.PARTIAL, ("vpn.detected was found",))


def matrix(**outcomes: Outcome) -> dict[str, Any]:
    scenes = load_scenes()
    healthy = next(scene for scene in scenes if scene.truth.healthy)
    fault = next(scene for scene in scenes if not scene.truth.healthy)
    return build_matrix(
        scenes,
        [
            Result(healthy.name, 1, outcomes["healthy"]),
            Result(fault.name, 1, outcomes["fault"], primary=fault.truth.causes[0]),
        ],
    )


def test_rates_and_coverage() -> None:
    made = matrix(healthy=Outcome.FALSE_ALARM, fault=Outcome.EXACT)
    assert made["rates"]["exact_cause"] == {"count": 1, "of": 1, "share": 1.0}
    assert made["rates"]["false_alarm"] == {"count": 1, "of": 1, "share": 1.0}
    assert made["coverage"]["named"] == 1


def test_a_worse_matrix_is_told_scene_by_scene() -> None:
    good = matrix(healthy=Outcome.QUIET, fault=Outcome.EXACT)
    bad = matrix(healthy=Outcome.FALSE_ALARM, fault=Outcome.MISSED)
    assert worse(good, good) == []
    assert worse(bad, good) == []
    assert len(worse(good, bad)) == 2
    failed = matrix(healthy=Outcome.QUIET, fault=Outcome.FAILED)
    assert len(worse(good, failed)) == 1
    skipped = matrix(healthy=Outcome.SKIPPED, fault=Outcome.SKIPPED)
    assert worse(good, skipped) == []
    # a new scene must be right from its first day, or be committed as what it is
    assert len(worse({"scenes": {}}, bad)) == 2
