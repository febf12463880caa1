"""What is shown of the findings, and in which order."""

from __future__ import annotations

from dataclasses import replace

from report_samples import INTERCEPTED, VPN_SEEN, sinkhole

from analysis.model.diagnosis import Evidence, Locus, Status, Verdict
from analysis.report.page import show


def test_the_cause_comes_first_then_what_it_explains_then_information() -> None:
    shown = show(sinkhole().diagnosis)
    assert [item.finding.id for item in shown.all] == [
        "dns.sinkhole", "ws.upgrade_failed", "vpn.detected", "tls.intercepted",
    ]  # fmt: skip
    assert [item.number for item in shown.all] == [1, 2, 3, 4]
    assert shown.causes[0].explains == ((2, "ws.upgrade_failed"),)
    assert shown.followers[0].explained_by is not None
    assert shown.followers[0].explained_by.number == 1


def test_an_info_finding_that_is_the_verdict_is_shown_as_the_cause() -> None:
    verdict = Verdict(Status.OK, Locus.VPN_PROXY, "vpn.detected", "Nothing worse.", 0.9)
    shown = show(replace(sinkhole().diagnosis, verdict=verdict, findings=(INTERCEPTED, VPN_SEEN)))
    assert shown.primary is not None
    assert shown.primary.finding.id == "vpn.detected"
    assert [item.finding.id for item in shown.information] == ["tls.intercepted"]


def test_a_cause_that_is_not_in_the_diagnosis_is_no_error() -> None:
    lost = replace(VPN_SEEN, explained_by="dns.gone")
    shown = show(replace(sinkhole().diagnosis, findings=(lost,)))
    assert shown.all[0].explained_by is None
    assert shown.primary is None


def test_an_effect_is_shown_at_the_cause_that_is_about_its_host() -> None:
    diagnosis = sinkhole().diagnosis
    cause, effect = (
        next(item for item in diagnosis.findings if item.id == wanted)
        for wanted in ("dns.sinkhole", "ws.upgrade_failed")
    )
    other = replace(cause, subjects=("files.oaiusercontent.com",), confidence=0.99)
    shown = show(replace(diagnosis, findings=(other, cause, effect)))
    assert [item.explains for item in shown.causes if item.finding is other] == [()]
    assert [item.explains for item in shown.causes if item.finding is cause] == [((3, effect.id),)]


def test_too_many_findings_and_too_much_proof_are_counted() -> None:
    proof = tuple(Evidence.packets("packets.pcapng", (n,)) for n in range(1, 41))
    many = tuple(replace(VPN_SEEN, id=f"vpn.x{n}", evidence=proof) for n in range(90))
    shown = show(replace(sinkhole().diagnosis, findings=many))
    assert len(shown.all) + shown.left_out == 90
    assert shown.left_out > 0
    for item in shown.all:
        assert len(item.evidence) + item.evidence_left_out == 40


def test_the_same_proof_is_shown_once_and_the_same_reason_is_counted() -> None:
    reset = Evidence.packets("packets.pcapng", (72, 89), "reset")
    cut = tuple(Evidence.flow("flows.mitm", flow, "cut") for flow in ("a", "b"))
    finding = replace(VPN_SEEN, evidence=(cut[0], reset, cut[1], reset))
    shown = show(replace(sinkhole().diagnosis, findings=(finding,))).all[0]
    assert shown.evidence == (cut[0], reset, cut[1])
    assert shown.evidence_left_out == 0
    assert [(reason.text, reason.times) for reason in shown.reasons] == [("cut", 2), ("reset", 1)]
