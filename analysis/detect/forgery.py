"""Marks by which a client can tell that a reset was not the server's own.

One strong mark proves it; of the weak ones it takes two, since a genuine stack
may show any of them by itself.  Source: SIGCOMM 2023 section on validation
(TTL jumps above 1 in under 1 % of untampered flows, IP-ID jumps in under 5 %),
Weaver et al. NDSS 2009, RFC 9293 3.5.2, RFC 7323 section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.detect.attempts import Attempt, Wire
from analysis.detect.signatures import sent_before, signature_of
from analysis.knowledge import threshold
from analysis.model.figures import Number
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class Mark:
    """One sign of forgery, in words; a strong one is proof by itself."""

    text: str
    strong: bool


def forged(marks: Sequence[Mark]) -> bool:
    """True when the marks prove that something on the path made the reset."""
    return any(mark.strong for mark in marks) or len(marks) >= 2


def marks_of(attempt: Attempt, seen: Wire) -> list[Mark]:
    """Signs of forgery on a connection's first resets; `seen` gives the comparison."""
    if not attempt.reset:
        return []
    found = (
        _after(attempt),
        _ttl(attempt, seen),
        _too_soon(attempt, seen),
        _odd_signature(attempt),
        _ip_id(attempt),
        _timestamp(attempt),
    )
    return [mark for mark in found if mark is not None]


def ttl_proof(attempt: Attempt, seen: Wire) -> bool:
    """The reset's TTL is not that of the server's other packets."""
    return _ttl(attempt, seen) is not None


def _after(attempt: Attempt) -> Mark | None:
    row = attempt.tcp
    kind = row["after_reset_kind"]
    if row["after_reset_frame"] is None or kind not in ("synack", "data") or row["port_reused"]:
        return None
    text = (
        say("the server's own SYN-ACK arrived after the reset")
        if kind == "synack"
        else say("the server's own data arrived after the reset")
    )
    ttl, reset = row["after_reset_ip_ttl"], row["reset_ip_ttl"]
    # data that a reset overtook on the way comes with the same TTL
    other = ttl is not None and reset is not None and abs(ttl - reset) > 1
    return Mark(text, other or kind == "synack")


def _ttl(attempt: Attempt, seen: Wire) -> Mark | None:
    row = attempt.tcp
    ttl = row["reset_ip_ttl"]
    if ttl is None:
        return None
    own = {row["synack_ip_ttl"], row["server_ip_ttl"]} - {None}
    known = own or set(seen.ttls.get(attempt.server, ()))
    if not known or min(abs(ttl - value) for value in known) <= 1:
        return None
    usual = min(known, key=lambda value: abs(ttl - value))
    text = say("its TTL is {ttl}, that of the server's packets {usual}", ttl=ttl, usual=usual)
    return Mark(text, True)


def _too_soon(attempt: Attempt, seen: Wire) -> Mark | None:
    """A reply to the first packet cannot outrun the path; one to a later packet hardly."""
    row = attempt.tcp
    lowest = seen.lowest_rtt_ms.get(attempt.server)
    if lowest is None or row["reset_time"] is None:
        return None
    first = not attempt.answered
    asked = row["first_time"] if first else attempt.hello and attempt.hello["time"]
    if asked is None or (not first and sent_before(attempt, "server")):
        return None
    took = 1000 * (row["reset_time"] - asked)
    if not 0 <= took < threshold("forged_rtt_share") * lowest:
        return None
    text = say(
        "it came after {took} ms, while the path takes at least {least} ms",
        took=Number(took, 1),
        least=Number(lowest, 1),
    )
    return Mark(text, first)


def _odd_signature(attempt: Attempt) -> Mark | None:
    shown = signature_of(attempt)
    if shown is None or not shown.odd:
        return None
    return Mark(say("{what} ({signature})", what=shown.client_sees, signature=shown.name), True)


def _ip_id(attempt: Attempt) -> Mark | None:
    row = attempt.tcp
    before, now = row["before_reset_ip_id"], row["reset_ip_id"]
    # stacks send 0 where nothing can be fragmented, so 0 says nothing
    if not before or not now or (now - before) % 65536 <= 1:
        return None
    return Mark(say("its IP identification breaks the server's series"), False)


def _timestamp(attempt: Attempt) -> Mark | None:
    row = attempt.tcp
    if not row["timestamps"] or row["reset_timestamp"] is not False:
        return None
    return Mark(say("it lacks the timestamp option that the connection had agreed on"), False)
