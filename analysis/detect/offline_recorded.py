"""Times without network as the recorder's own tries show them.

Its tries to open connections to several hosts fail one after the other, and nothing
else works meanwhile: the system says that it has no network, or a lookup fails of
which packets show that no query ever left.  A host of them had worked before, and
connections open again afterwards.  A resolver or a host that is down shows otherwise:
queries leave, connections that are open go on.  Source: detection notes 15; errno(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.support import Record, matters, records
from analysis.knowledge import threshold
from analysis.model.connect_error import no_network, try_again
from analysis.model.frames import Tables


@dataclass(frozen=True, slots=True)
class Vain:
    """Tries that failed in a row, from the first to the next thing that worked."""

    source: str
    start: float
    end: float
    tries: tuple[Record, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row["host"] for row in self.tries))

    @property
    def seconds(self) -> float:
        return self.end - self.start


def vain_times(tables: Tables) -> list[Vain]:
    """Times in which no try succeeded, for want of a network."""
    connections = tables["connections"]
    if connections.empty:
        return []
    direct = connections[connections["via"].isna() & connections["started"].notna()]
    found = []
    for source, own in direct.groupby("source"):
        rows = records(own.sort_values("started"))
        worked = _worked(rows, tables)
        for tries in _runs(rows, worked):
            start, last = tries[0]["started"], tries[-1]["started"]
            end = min((moment for moment in worked if moment > last), default=None)
            before = {row["host"] for row in rows if _opened(row) and row["started"] < start}
            if end is None or end - start < threshold("offline_s"):
                continue
            vain = Vain(str(source), start, end, tuple(tries))
            several = len(set(vain.hosts)) >= threshold("offline_connections")
            if several and before & set(vain.hosts) and _without_network(tries, vain, tables):
                found.append(vain)
    return found


def _opened(row: Record) -> bool:
    return row["tcp_ms"] is not None and row["error"] is None


def _worked(rows: list[Record], tables: Tables) -> list[float]:
    """When something came from outside: a connection was open, or an answer began."""
    moments = [row["started"] + row["tcp_ms"] / 1000 for row in rows if row["tcp_ms"] is not None]
    answers = tables["http"]["response_start"].dropna()
    return sorted([*moments, *map(float, answers)])


def _runs(rows: list[Record], worked: list[float]) -> Iterator[list[Record]]:
    """Failed tries for listed hosts with nothing between them that worked."""
    run: list[Record] = []
    for row in rows:
        if not row["error"] or not matters(row["host"]):
            continue
        if run and any(run[0]["started"] < moment <= row["started"] for moment in worked):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _without_network(tries: list[Record], vain: Vain, tables: Tables) -> bool:
    if all(no_network(row["error"]) for row in tries):
        return True
    told = all(no_network(row["error"]) or try_again(row["error"]) for row in tries)
    return told and _nothing_left(vain, tables)


def _nothing_left(vain: Vain, tables: Tables) -> bool:
    """Whether packets were seen, none of a query and none of another machine meanwhile."""
    activity, dns = tables["activity"], tables["dns"]
    # the lookup that works again is asked before the end
    last = vain.tries[-1]["started"]
    if activity.empty or last - vain.start < threshold("silence_s"):
        return False
    within = activity["time"].between(vain.start, last - 1)
    heard = within & (activity["senders"] > 1).fillna(False)
    queries = dns["frame"].notna() & dns["time"].between(vain.start, last, inclusive="left")
    return not heard.any() and not (queries & ~dns["response"].fillna(False)).any()
