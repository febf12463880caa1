"""tls.sni_blocked: the connection is cut because of the name in the ClientHello.

Every connection for a host is reset, closed or met with silence right after its
ClientHello.  That the name is the trigger is proven by a control (another name
at the same address works) or by a TTL that shows the reset to be forged; without
either, confidence stays below 0.8.  Failures that fit a size limit belong to
tls.pq_hello_dropped and tcp.mtu_blackhole.  Source: detection notes 5.2, OONI ts-024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.attempts import Attempt, Wire, by_host, usable, wire
from analysis.detect.forgery import forged, marks_of, ttl_proof
from analysis.detect.script_host_reset import SCRIPT_HOSTS
from analysis.detect.signatures import sent_before, signature_of, silent_after_hello
from analysis.detect.support import (
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
)
from analysis.detect.tcp_mtu import size_limited
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some


@dataclass(frozen=True, slots=True)
class Cut:
    """A host none of whose ClientHellos was answered, and what bears on the trigger."""

    host: str
    cut: tuple[Attempt, ...]
    control: tuple[str, ...]
    by_ttl: bool
    forged: bool

    @property
    def proven(self) -> bool:
        return bool(self.control) or self.by_ttl


def cut_after_hello(attempt: Attempt) -> str | None:
    """reset, closed or silence: how a connection ended right after its ClientHello."""
    hello, row = attempt.hello, attempt.tcp
    if hello is None or hello["alert"] is not None:
        return None
    if attempt.reset and attempt.answered and not sent_before(attempt, "server"):
        # the genuine answer may follow a forged reset, too late for the client
        return None if attempt.shook_hands and _went_on(attempt) else "reset"
    if attempt.shook_hands:
        return None
    if silent_after_hello(attempt):
        return "silence"
    if row["fin_by"] == "server" and row["reset_by"] != "client" and not row["server_payload"]:
        return "closed"
    return None


def _went_on(attempt: Attempt) -> bool:
    """The client sent more than its hello, so a reset beside it did no harm."""
    assert attempt.hello is not None
    sent, hello = attempt.tcp["client_sent"], attempt.hello["hello_bytes"]
    # a hello over TCP has a record header of five octets
    return sent is None or hello is None or sent > hello + 5


def find_tls_sni_blocked(tables: Tables) -> Iterator[Finding]:
    seen = wire(tables)
    elsewhere = _names_that_work(tables)
    limited = {id(item) for item in size_limited(tables)}
    blocked = []
    for host, found in by_host(item for item in seen.attempts if item.hello is not None).items():
        cut = tuple(item for item in found if cut_after_hello(item) and id(item) not in limited)
        if not cut or len(cut) < len([item for item in found if item.hello]) or not usable(host):
            continue
        judged = _judge(host, cut, seen, elsewhere)
        if judged is not None:
            blocked.append(judged)
    for proven in (True, False):
        group = [item for item in blocked if item.proven is proven]
        # script.blocked_by_network says it of the page's own script hosts, and no more is known
        if not proven and elsewhere and {item.host for item in group} & SCRIPT_HOSTS:
            continue
        if group:
            yield _finding(group, bool(elsewhere))


def _judge(
    host: str,
    cut: tuple[Attempt, ...],
    seen: Wire,
    elsewhere: dict[str, set[str]],
) -> Cut | None:
    places = {item.server for item in cut}
    control = {name for place in places for name in elsewhere.get(place, ())} - {host}
    by_ttl = any(ttl_proof(item, seen) for item in cut)
    fake = any(forged(marks_of(item, seen)) for item in cut)
    if len(cut) < threshold("reset_tries") and not (control and fake):
        return None
    if not control and any(item.shook_hands for item in cut):
        return None  # the server took the name: tcp.reset_injected says all that is known
    silent = all(cut_after_hello(item) == "silence" for item in cut)
    if silent and not elsewhere:
        return None  # nothing at all gets past its ClientHello: not a matter of names
    return Cut(host, cut, tuple(sorted(control)), by_ttl, fake)


def _names_that_work(tables: Tables) -> dict[str, set[str]]:
    """Per server address the names whose ClientHello was answered there."""
    hellos = tables["tls"]
    if hellos.empty:
        return {}
    done = hellos[hellos["server_hello_ms"].notna() & hellos["sni"].notna()]
    found: dict[str, set[str]] = {}
    for place, name in zip(done["server"], done["sni"], strict=True):
        found.setdefault(str(place), set()).add(str(name))
    return found


def _finding(group: list[Cut], others: bool) -> Finding:
    hosts = ranked(item.host for item in group)
    cut = [attempt for item in group for attempt in item.cut]
    how = list(dict.fromkeys(_HOW[cut_after_hello(item) or "reset"] for item in cut))
    names = list(dict.fromkeys(shown.name for item in cut if (shown := signature_of(item))))
    control = sorted({name for item in group for name in item.control})
    proven = all(item.proven for item in group)
    signs = [
        plural(
            "{n} connection {how} right after the ClientHello",
            "{n} connections {how} right after the ClientHello",
            len(cut),
            how=some(how),
        )
    ]
    if control:
        signs.append(say("another name at the same address works ({names})", names=some(control)))
    elif others:
        signs.append(say("other names at other addresses work"))
    if any(item.by_ttl for item in group):
        signs.append(say("the reset's TTL shows that the server did not send it"))
    elif any(item.forged for item in group):
        signs.append(say("the reset is forged"))
    if not proven:
        signs.append(say("that the name is the trigger is not proven"))
    confidence = earned(
        0.55,
        (bool(control), 0.7),
        (any(item.by_ttl for item in group), 0.6),
        (others and not control, 0.25),
        (len(cut) > 2, 0.2),
    )
    rows = [{**item.tcp, **(item.hello or {})} for item in cut]
    return finding(
        "tls.sni_blocked",
        joined(
            [
                say("{hosts}: {signs}.", hosts=some(hosts), signs=joined(signs, "; ")),
                say("Signature: {names}.", names=some(names)) if names else "",
            ]
        ),
        confidence=confidence if proven else min(confidence, 0.75),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(cut),
        times=[row["time"] for row in rows],
        evidence=packet_evidence(rows, "ClientHello")
        + packet_evidence(rows, say("the reset that followed"), ("reset_frame",)),
        in_short=some(how),
        measurements={"signatures": names, "control": control[:10], "signals": signs},
    )


_HOW = {
    "reset": say("reset"),
    "silence": say("met with silence"),
    "closed": say("closed without a word"),
}
