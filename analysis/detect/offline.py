"""Times without network as packets show them: silences of all others, and who was asked in vain.

A capture of everything is judged in `net_offline`.  A sampler keeps of other sites
only how connections begin and end, so that its silence alone says nothing; but where
it keeps every segment with the service's edge, each packet of this machine that it
holds and that nobody answered was in vain.  Two servers that were asked in vain at one
time, and that answer before or after it, were out of reach together: a server that is
down is one, a filter's refusal and an idle timer stay, and what was never answered
(a blocked tracker) does not count.  Source: detection notes 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from analysis.detect.attempts import names_of_addresses, wire
from analysis.detect.once import once
from analysis.detect.support import Record, records, syns_sent, without_own_leg
from analysis.detect.tcp_mtu import size_limited
from analysis.knowledge import threshold
from analysis.model.frames import Tables

type Key = tuple[str | None, int]
"""A connection: its file, and its number there."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One time without the network: its file, start and end, and the connections across it."""

    source: str
    start: float
    end: float
    across: tuple[Record, ...]
    lookups: bool = False
    """Whether a resolver was asked in vain as well."""

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nobody but this machine sent, on `several` connections or on one."""

    start: float
    end: float
    several: bool
    mute: bool = False
    """Not even this machine sent anything."""
    brief: bool = False
    """It hardly sent: an interface that is down takes nothing."""
    joined: bool = False
    """Much went on before and after it, and it ends with a machine that asks for an address."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A server that was asked in vain: its address, who it is, and the connection, if any."""

    server: str
    name: str
    tcp: Record | None = None


def key_of(row: Record) -> Key:
    return row["source"], row["stream"]


def seconds_of(activity: pd.DataFrame) -> Iterator[tuple[str, list[Record]]]:
    """The seconds of each file, in order."""
    for source, seconds in activity.groupby("source"):
        rows = records(seconds.sort_values("time"))
        yield str(source), [row for row in rows if row["time"] is not None]


def silences(rows: list[Record]) -> Iterator[Silence]:
    """Spans between seconds with several senders, in which one alone sent again and again."""
    last: float | None = None
    alone: list[Record] = []
    for before, after in pairwise(row["time"] for row in rows):
        if after - before >= threshold("asleep_s"):
            yield Silence(before + 1, after, several=False, mute=True)
        elif after - before >= threshold("offline_s") and _joined(rows, before, after):
            yield Silence(before + 1, after, several=False, joined=True)
    for row in rows:
        if (row["senders"] or 0) < 2:
            # without one, this machine spoke to itself
            if row["senders"] == 1:
                alone.append(row)
            continue
        several = any((item["connections"] or 0) >= 2 for item in alone)
        long = last is not None and row["time"] - last >= threshold("offline_s")
        if last is not None and long and len(alone) >= threshold("offline_tries"):
            yield Silence(last + 1, row["time"], several)
        elif last is not None and several and row["time"] - last >= threshold("offline_down_s"):
            yield Silence(last + 1, row["time"], several, brief=True)
        last, alone = row["time"], []


def _joined(rows: list[Record], before: float, after: float) -> bool:
    """Whether the silence cut into something, and ends as a link that comes up does."""
    around = threshold("offline_join_s")
    ends = [row for row in rows if after <= row["time"] < after + around]
    begin = [row for row in rows if before - around < row["time"] <= before]
    least = threshold("offline_busy") * around
    busy = all(sum(row["packets"] or 0 for row in side) >= least for side in (begin, ends))
    return busy and any(row["joins"] for row in ends)


@once
def stream_names(tables: Tables) -> dict[Key, str]:
    """The server name that each TLS connection asked for."""
    hellos = tables["tls"]
    if hellos.empty:
        return {}
    known = hellos[hellos["stream"].notna() & hellos["sni"].notna()]
    return {key_of(row): row["sni"] for row in records(known[["source", "stream", "sni"]])}


def sampled_gaps(tables: Tables) -> list[Gap]:
    """Gaps in what a sampler kept, where it kept every segment with the edge."""
    # a time without any packet is one in which the sampled hosts were not used
    activity = tables["activity"]
    whole = {key_of(item.tcp) for item in wire(tables).attempts if not item.sampled}
    if activity.empty or not whole:
        return []
    found = []
    tcp = without_own_leg(tables["tcp"], tables)
    for source, rows in seconds_of(activity):
        own = tcp[tcp["source"] == source]
        for silence in silences(rows):
            if silence.mute or silence.brief or silence.joined:
                continue
            asked = [*_connections(own, silence, tables), *_resolvers(tables, source, silence)]
            across = tuple(item.tcp for item in asked if item.tcp is not None)
            ours = any(key_of(row) in whole for row in across)
            if ours and _several(asked):
                lookups = len(across) < len(asked)
                found.append(Gap(source, silence.start, silence.end, across, lookups))
    return found


def _several(asked: list[Asked]) -> bool:
    """Whether two are of different servers and of different names: one may have its own reason."""
    # held against one of them, and not each against each: a capture may hold very many
    differs = {(item.server != asked[0].server, item.name != asked[0].name) for item in asked}
    return (True, True) in differs or {(True, False), (False, True)} <= differs


def _connections(own: pd.DataFrame, silence: Silence, tables: Tables) -> Iterator[Asked]:
    limited = {key_of(item.tcp) for item in size_limited(tables)}
    hellos, addresses = stream_names(tables), names_of_addresses(tables)
    answering = set(own["server"][own["synack_frame"].notna() | (own["server_payload"] > 0)])
    for row in records(own[(own["first_time"] < silence.end).fillna(False)]):
        if key_of(row) in limited:
            continue
        opening = row["first_time"] >= silence.start and row["server"] in answering
        if _opened_in_vain(row) if opening else _went_on(row, silence):
            known = hellos.get(key_of(row)) or min(addresses.get(row["server"], ()), default=None)
            yield Asked(row["server"], known or row["server"], row)


def _opened_in_vain(row: Record) -> bool:
    """Nobody else said a word then, so that a SYN that was sent again had no answer."""
    return syns_sent(row) >= threshold("syn_tries")


def _went_on(row: Record, silence: Silence) -> bool:
    """Data was sent again and again in the silence, and the server goes on after it."""
    moments = [row["first_time"] + ms / 1000 for ms in row["client_resent_ms"] or ()]
    resent = sum(silence.start <= moment < silence.end for moment in moments)
    heard = row["server_payload_time"]
    return resent >= threshold("offline_resent") and heard is not None and heard >= silence.end - 1


def _resolvers(tables: Tables, source: str, silence: Silence) -> Iterator[Asked]:
    """Resolvers that were asked in vain, and that answer at other times."""
    dns = tables["dns"]
    if dns.empty:
        return
    own = dns[(dns["source"] == source).fillna(False)]
    response = own["response"].fillna(False)
    answering = set(own["src"][response])
    # what is asked in the last second may be answered in the next
    meanwhile = own["time"].between(silence.start, silence.end - 1, inclusive="left")
    asked = own["dst"][~response & meanwhile.fillna(False)]
    for server, times in asked.value_counts().items():
        if server in answering and times >= threshold("offline_resent"):
            yield Asked(str(server), "DNS")
