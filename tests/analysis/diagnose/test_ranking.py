"""Which of several findings is the root, and whose words the verdict speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.diagnose.ranking import headline, in_order, roots, verdict
from analysis.model.diagnosis import Diagnosis, Finding, Locus, Severity, Status, causes_of

STORAGE = Finding(
    "dns.sinkhole",
    Locus.DNS,
    Severity.CRITICAL,
    0.9,
    "The storage host is answered with 0.0.0.0.",
    ("files.oaiusercontent.com",),
    "Pi-hole",
)
SOCKET = replace(STORAGE, summary="The socket is sunk.", subjects=("ws.chatgpt.com",), vendor="X")
UNOPENED = Finding(
    "ws.connect_failed",
    Locus.NETWORK,
    Severity.CRITICAL,
    0.9,
    "The websocket did not open.",
    ("ws.chatgpt.com",),
    explained_by="dns.sinkhole",
)


def test_the_cause_is_the_one_that_is_about_the_same_host() -> None:
    assert causes_of(UNOPENED, [STORAGE, SOCKET, UNOPENED]) == [SOCKET]
    assert causes_of(SOCKET, [STORAGE, SOCKET, UNOPENED]) == []


def test_without_a_shared_host_every_one_of_that_id_is_the_cause() -> None:
    page = replace(UNOPENED, subjects=("chatgpt.com",))
    assert causes_of(page, [STORAGE, SOCKET, page]) == [STORAGE, SOCKET]


def test_of_two_of_one_id_the_one_with_the_larger_effect_leads() -> None:
    found = [STORAGE, SOCKET, UNOPENED]
    assert roots(found)[0] is SOCKET
    said = verdict(found, None, "")
    assert said.headline == headline(SOCKET)
    whole = Diagnosis("0", "0", (), said, in_order(found), ())
    assert whole.primary is SOCKET, "the ticket names another vendor than the headline"


def test_the_order_of_the_findings_does_not_matter() -> None:
    found = [STORAGE, SOCKET, UNOPENED]
    assert in_order(found) == in_order(found[::-1]) == (SOCKET, STORAGE, UNOPENED)


OUTAGE = replace(
    STORAGE, id="service.outage", locus=Locus.SERVICE, subjects=("chatgpt.com",), confidence=0.8
)


def test_what_more_of_chatgpt_goes_with_leads() -> None:
    surer = replace(STORAGE, confidence=0.97)
    assert roots([surer, OUTAGE, SOCKET]) == [OUTAGE, SOCKET, surer]


def test_a_milder_finding_does_not_lead_for_its_host() -> None:
    milder = replace(OUTAGE, severity=Severity.WARNING, confidence=0.97)
    assert roots([STORAGE, milder])[0] is STORAGE


def test_what_takes_a_part_or_is_doubtful_is_not_put_first() -> None:
    cut = replace(OUTAGE, id="sse.cut", confidence=0.8)
    doubtful = replace(OUTAGE, confidence=0.6)
    assert roots([cut, doubtful, SOCKET])[0] is SOCKET


def test_without_files_alone_chatgpt_is_impaired_and_not_blocked() -> None:
    assert verdict([STORAGE], None, "").status is Status.IMPAIRED
    both = replace(STORAGE, subjects=("chatgpt.com", *STORAGE.subjects))
    assert verdict([both], None, "").status is Status.BLOCKED
    assert verdict([replace(STORAGE, subjects=())], None, "").status is Status.BLOCKED


@pytest.mark.parametrize(
    ("worked", "waiting", "status"),
    [
        pytest.param((0.85, "the page loaded"), False, Status.IMPAIRED, id="the-page-works"),
        pytest.param((0.85, "the page loaded"), True, Status.BLOCKED, id="an-answer-never-came"),
        pytest.param((0.95, "an answer came"), True, Status.IMPAIRED, id="another-did"),
        pytest.param(None, False, Status.BLOCKED, id="nothing-works"),
    ],
)
def test_the_socket_alone_is_lost(
    worked: tuple[float, str] | None, waiting: bool, status: Status
) -> None:
    assert verdict([SOCKET], worked, "", waiting=waiting).status is status


@pytest.mark.parametrize(
    ("worked", "status"), [((0.95, "an answer came"), Status.IMPAIRED), (None, Status.BLOCKED)]
)
def test_a_warning_that_leaves_nothing(worked: tuple[float, str] | None, status: Status) -> None:
    expired = replace(
        SOCKET, id="account.session_expired", severity=Severity.WARNING, subjects=("chatgpt.com",)
    )
    assert verdict([expired], worked, "").status is status
