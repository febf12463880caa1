"""HTTP that packets carry in clear, in the shape of recorded exchanges.

Detectors that read the http table can read these rows as well: a column that
packets do not tell is None.  What a recorder of the same session holds as flows
is left out, so that nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.detect.once import once
from analysis.detect.support import Record, flow_evidence, packet_evidence, records, without_own_leg
from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables
from analysis.model.tables import SCHEMAS

CONNECT = "CONNECT"


@once
def in_clear(tables: Tables) -> list[Record]:
    """Exchanges of the packets, of every host and method."""
    frame = tables["cleartext"]
    if frame.empty:
        return []
    tcp = without_own_leg(tables["tcp"], tables)
    tcp = tcp[(tcp["leg"] != "upstream").fillna(True)]
    ways = {(row["source"], row["stream"]) for row in records(tcp[["source", "stream"]])}
    unknown = dict.fromkeys(SCHEMAS["http"].column_names)
    return [{**unknown, **row} for row in records(frame) if (row["source"], row["stream"]) in ways]


def in_place_of_tls(row: Record) -> bool:
    """An answer in clear to a TLS ClientHello: whoever sent it is not the service."""
    return row.get("frame") is not None and row["method"] is None and row["status"] is not None


def exchange_evidence(rows: Sequence[Record], note: str) -> tuple[Evidence, ...]:
    """Evidence by flow id, or by frame for what packets carried in clear."""
    return flow_evidence(rows, note) + packet_evidence(
        _clear(rows), note, ("frame", "response_frame")
    )


def _clear(rows: Iterable[Record]) -> list[Record]:
    return [row for row in rows if not row["flow"]]
