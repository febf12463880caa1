"""From tables to the diagnosis: coverage, masking, cause ranking, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from analysis.detect import Detector, detect
from analysis.detect.support import snap_length
from analysis.diagnose.coverage import coverage, proof_of_work, waits_for_socket
from analysis.diagnose.masking import explain
from analysis.diagnose.measurements import measurements
from analysis.diagnose.ranking import in_order, verdict
from analysis.knowledge import RULES_VERSION
from analysis.model.diagnosis import Coverage, Diagnosis, SourceKind
from analysis.model.frames import Tables
from analysis.model.message import joined, say

__all__ = ["diagnose"]


def diagnose(tables: Tables, added: Sequence[Detector] = ()) -> Diagnosis:
    """Everything chatpath says of a session. Pure: the same tables give the same diagnosis.

    `added` are detectors of the caller's own, judged beside chatpath's.
    """
    findings = in_order(explain(detect(tables, added)))
    areas = coverage(tables)
    return Diagnosis(
        tool_version=_tool_version(),
        rules_version=RULES_VERSION,
        sources=tables.sources,
        verdict=verdict(
            findings,
            proof_of_work(tables),
            _what_would_settle(tables, areas),
            waiting=waits_for_socket(tables),
        ),
        findings=findings,
        coverage=areas,
        measurements=measurements(tables),
    )


def _tool_version() -> str:
    try:
        return version("chatpath")
    except PackageNotFoundError:
        return "unknown"  # run from a source tree that was never installed


def _what_would_settle(tables: Tables, areas: tuple[Coverage, ...]) -> str:
    """Why there is no verdict, and the one capture that would give one."""
    if (short := snap_length(tables)) is not None:
        return say(
            "of each packet only {n} octets were captured, too few to read names and handshakes. "
            "Capture full packets (tcpdump -s 0), from before ChatGPT is opened until the failure "
            "shows.",
            n=short,
        )
    assessed = [area.area for area in areas if area.assessed and area.area != "capture"]
    if not assessed:
        return say(
            "nothing in it is about ChatGPT's hosts. Capture again from before ChatGPT is opened "
            "until the failure shows."
        )
    seen = say(
        "only {areas} could be judged, ChatGPT was not seen to work, and no fault that has a name "
        "here was seen.",
        areas=joined(assessed, ", "),
    )
    return joined([seen, _one_capture(tables)])


def _one_capture(tables: Tables) -> str:
    kinds = {source.kind for source in tables.sources}
    if kinds == {SourceKind.PCAP}:
        return say(
            "Capture again with chatpath capture on the machine itself, from before ChatGPT is "
            "opened until the failure shows: packets alone do not show what TLS carries."
        )
    if kinds and not kinds & {SourceKind.PCAP, SourceKind.BUNDLE}:
        return say(
            "Capture again with chatpath capture and the right to sniff packets, from before "
            "ChatGPT is opened until the failure shows: requests alone do not show the network."
        )
    return say("Capture again from before ChatGPT is opened until the failure shows.")
