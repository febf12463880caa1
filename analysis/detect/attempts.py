"""TCP connections tied to the names they were made for, and how each began.

Shared by the detectors of the path.  A connection belongs to a listed host by
its ClientHello, by CONNECT, or by an address that only listed names gave in
this capture; all others serve as control.  An address that no public name
should have is the matter of the name lookup and is not judged here, unless the
service was seen to work there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

import pandas as pd

from analysis.detect.dns_answers import is_bogus, working_addresses
from analysis.detect.once import once
from analysis.detect.support import (
    Record,
    matters,
    ranked,
    records,
    rule_of,
    syns_sent,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import Address, Network, address, in_group, vendor_of_address
from analysis.model.frames import CaptureFacts, Tables

_UNUSED = frozenset(
    {
        "bytes",
        "initial_rtt_ms",
        "fast_retransmissions",
        "out_of_order",
        "lost_segments",
        "keep_alives",
        "server_unacked",
        "server_ack_ms_min",
        "server_ack_ms_p50",
        "server_ack_ms_p95",
        "client_ack_ms_p50",
        "reset_window",
        "reset_frames",
        "reset_ip_ttls",
        "client_records",
        "server_records",
        "server_record_gap_p50_ms",
        "server_record_gap_p95_ms",
        "server_record_gap_max_ms",
        "server_quiet_gap_ms",
        "server_records_before_gap",
        "quiet_gap_marks",
        "quiet_gap_frames",
        "client_last_record",
        "server_last_record",
        "interface",
        "app",
        "leg",
    }
)
"""Columns that no detector of the path reads: a long capture has many connections."""

UNKNOWN = "ChatGPT"
"""Stands for the name of a host that is known by its address range alone."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One TCP connection for listed hosts: its `tcp` row, its `tls` row, and whose it is.

    `end` is when the last packet of its file was seen; `sampled` says that the
    file holds no bulk data of it on purpose.
    """

    tcp: Record
    hello: Record | None
    hosts: tuple[str, ...]
    end: float
    sampled: bool

    @property
    def server(self) -> str:
        return str(self.tcp["server"] or "")

    @property
    def six(self) -> bool:
        return ":" in self.server

    @property
    def host(self) -> str:
        return self.hosts[0]

    @property
    def began(self) -> float:
        return float(self.tcp["first_time"] or 0.0)

    @property
    def answered(self) -> bool:
        """TCP was opened."""
        return self.tcp["synack_frame"] is not None or bool(self.tcp["server_payload"])

    @property
    def reset(self) -> bool:
        """Reset with the server's address, before either side had said goodbye."""
        row = self.tcp
        if row["reset_by"] != "server":
            return False
        ended = row["fin_time"]
        return ended is None or row["reset_time"] is None or row["reset_time"] < ended

    @property
    def silent(self) -> bool:
        """No answer to a SYN, of any kind, so far as the capture goes.

        A client that sends data has had its SYN-ACK, on a way that the capture does not see.
        """
        row = self.tcp
        unheard = not self.answered and row["reset_by"] is None and not row["client_payload"]
        return row["syn_frame"] is not None and unheard

    @property
    def dead(self) -> bool:
        """SYNs resent and never answered, and the capture waited long enough for an answer."""
        row = self.tcp
        return (
            self.silent
            and syns_sent(row) >= threshold("syn_tries")
            and self.end - self.began >= threshold("silence_s")
        )

    @property
    def refused(self) -> bool:
        """A reset in place of the SYN-ACK."""
        row = self.tcp
        return row["syn_frame"] is not None and not self.answered and row["reset_by"] == "server"

    @property
    def cut_at_once(self) -> bool:
        """Opened, and reset by the server's address before anybody said a word."""
        row = self.tcp
        if row["synack_frame"] is None or not self.reset or row["reset_time"] is None:
            return False
        quiet = not row["client_payload"] and not row["server_payload"]
        return quiet and row["reset_time"] - self.began < threshold("silence_s")

    @property
    def shook_hands(self) -> bool:
        """TLS was answered."""
        return self.hello is not None and self.hello["server_hello_ms"] is not None


@dataclass(frozen=True, slots=True)
class Wire:
    """All connections of the packets: those of listed hosts, and what the others show.

    `lowest_rtt_ms` and `ttls` are of every address, whoever it was reached for:
    the lowest TCP handshake time, the IP TTLs of its own packets, and the longest
    payload that all went through to it.
    """

    attempts: tuple[Attempt, ...] = ()
    others_answered: int = 0
    lowest_rtt_ms: Mapping[str, float] = field(default_factory=dict)
    ttls: Mapping[str, frozenset[int]] = field(default_factory=dict)
    passed: Mapping[str, int] = field(default_factory=dict)

    @property
    def control(self) -> bool:
        """Some destination that is not ChatGPT's was reached."""
        return self.others_answered > 0


@once
def wire(tables: Tables) -> Wire:
    """Connections of the packets by whom they were for; empty without packets."""
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return Wire()
    hellos = _hellos(tables)
    names = names_of_addresses(tables)
    works = working_addresses(tables)
    ends = _ends(tables)
    partly = [facts for facts in tables.captures if facts.packets_sampled]
    whole = _whole(partly)
    chosen: list[Attempt] = []
    answered = 0
    rtts: dict[str, float] = {}
    ttls: dict[str, set[int]] = {}
    passed: dict[str, int] = {}
    for row in records(tcp.drop(columns=[*_UNUSED])):
        place = row["server"] or ""
        if row["syn_rtt_ms"] is not None:
            rtts[place] = min(rtts.get(place, row["syn_rtt_ms"]), row["syn_rtt_ms"])
        ttls.setdefault(place, set()).update({row["synack_ip_ttl"], row["server_ip_ttl"]} - {None})
        if row["client_unacked"] == 0:
            passed[place] = max(passed.get(place, 0), row["client_max_payload"] or 0)
        hello = hellos.get((row["source"], row["stream"]))
        hosts = _hosts(row, hello, names, works)
        if hosts is None:
            answered += row["synack_frame"] is not None
        elif hosts:
            end = ends.get(row["source"], row["last_time"] or 0.0)
            sampled = bool(partly) and not _within(place, whole)
            chosen.append(Attempt(row, hello, hosts, end, sampled))
    known = {place: frozenset(seen) for place, seen in ttls.items()}
    return Wire(tuple(chosen), answered, rtts, known, passed)


def _whole(partly: Sequence[CaptureFacts]) -> tuple[Network, ...]:
    """The networks with which every one of the sampled captures holds all segments."""
    named = [frozenset(facts.whole) for facts in partly]
    networks = []
    for text in frozenset.intersection(*named) if named else ():
        with suppress(ValueError):
            networks.append(ip_network(text))
    return tuple(networks)


def _within(text: str, networks: Sequence[Network]) -> bool:
    place = address(text) if networks else None
    return place is not None and any(
        place.version == network.version and place in network for network in networks
    )


def _hellos(tables: Tables) -> dict[tuple[str | None, int], Record]:
    frame = without_own_leg(tables["tls"], tables)
    if frame.empty:
        return {}
    rows = records(frame[frame["stream"].notna()])
    # the first ClientHello of a connection: a second one answers HelloRetryRequest
    return {(row["source"], row["stream"]): row for row in reversed(rows)}


def _ends(tables: Tables) -> dict[str | None, float]:
    ends: dict[str | None, float] = {}
    for table, column in (("tcp", "last_time"), ("dns", "time"), ("quic", "last_time")):
        frame = tables[table]
        if frame.empty:
            continue
        for source, moment in frame.groupby("source")[column].max().items():
            if not pd.isna(moment):
                key = str(source)
                ends[key] = max(ends.get(key, float(moment)), float(moment))
    return ends


def _hosts(
    row: Record,
    hello: Record | None,
    names: dict[str, frozenset[str]],
    works: frozenset[Address],
) -> tuple[str, ...] | None:
    """Listed hosts of a connection; empty: not to be judged, None: another's."""
    if hello is not None and hello["sni"]:
        return (hello["sni"],) if rule_of(hello["sni"]) else None
    asked = (row["connect_host"] or "").rpartition(":")[0]
    if asked:
        return (asked,) if rule_of(asked) else None
    place = address(row["server"] or "")
    if place is None:
        return ()
    known = names.get(str(place), frozenset())
    if known:
        if not all(rule_of(name) for name in known):
            return None  # an edge address serves many names: which was meant is not known
        if (is_bogus(place) and place not in works) or vendor_of_address(place):
            return ()
        return ranked(known)
    return (UNKNOWN,) if in_group("openai", place) else None


@once
def names_of_addresses(tables: Tables) -> dict[str, frozenset[str]]:
    """Names that each address was given for, by lookups and by the recorder."""
    found: dict[str, set[str]] = {}

    def note(text: str | None, name: str | None) -> None:
        place = address(text or "")
        if place is not None and name:
            found.setdefault(str(place), set()).add(name)

    dns = tables["dns"]
    if len(dns):
        kept = dns[dns["response"].fillna(False) & dns["answers"].notna()]
        for row in records(kept[["qname", "answers"]]):
            for text in row["answers"]:
                note(text, row["qname"])
    connections = tables["connections"]
    if len(connections):
        kept = connections[connections["via"].isna()]
        for row in records(kept[["host", "address", "addresses"]]):
            for text in (row["address"], *(row["addresses"] or ())):
                note(text, row["host"])
    return {place: frozenset(names) for place, names in found.items()}


def by_host(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Attempts per host; one whose address several hosts share counts for each."""
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        for host in attempt.hosts:
            found.setdefault(host, []).append(attempt)
    return found


def usable(host: str) -> bool:
    """True for a host whose loss somebody notices."""
    return host == UNKNOWN or matters(host)
