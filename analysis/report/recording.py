"""How a session was recorded, in words: state, losses, and what recording itself changes."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.model.diagnosis import Diagnosis
from analysis.model.message import joined, plural, say

type Line = tuple[str, str]

_ENDS = {
    "complete": say("stopped in order"),
    "abrupt": say("ended abruptly: the last moments may be missing"),
}


def recordings_of(diagnosis: Diagnosis) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """For each bundle its name and (label, text) lines, from ``measurements["captures"]``."""
    given = diagnosis.measurements.get("captures")
    entries = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    return tuple((str(entry.get("source", "")), tuple(_lines(entry))) for entry in entries)


def _lines(entry: Mapping[str, object]) -> list[Line]:
    lines: list[Line] = []
    end = entry.get("end_state")
    if end:
        lines.append((say("End"), _ENDS.get(str(end), str(end))))
    if entry.get("mode"):
        lines.append((say("Mode"), str(entry["mode"])))
    lines += [(say("Packets"), _packets(entry))]
    if entry.get("own_proxy"):
        effect = say(
            "The session went through chatpath's own proxy at {address}. The service sees the "
            "proxy's TLS fingerprint instead of the browser's, HTTP/3 is not used, and traffic to "
            "the proxy itself is not judged. Streamed answers are passed on chunk by chunk.",
            address=str(entry["own_proxy"]),
        )
    else:
        effect = say("None on the session: nothing of chatpath stood in its way.")
    lines.append((say("Our own effect"), effect))
    return lines


def _packets(entry: Mapping[str, object]) -> str:
    if entry.get("packets_reason"):
        return say("none sampled: {reason}", reason=str(entry["packets_reason"]))
    sampled, lost = entry.get("packets_sampled"), entry.get("packets_dropped")
    if not isinstance(sampled, int):
        return say("none sampled")
    if not isinstance(lost, int):
        end = say("losses not counted")
    elif lost:
        end = plural("{n} lost by the capture itself", "{n} lost by the capture itself", lost)
    else:
        end = say("none lost")
    return joined([plural("{n} packet sampled", "{n} packets sampled", sampled), end], ", ")
