"""Which rows of the tables the findings name as their proof.

The report judges nothing: a row is marked when a finding that matters names
its flow or frame, or when the row itself says that it ended in an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from analysis.model.diagnosis import Diagnosis, Finding, Severity

_FRAME_COLUMNS = {
    "dns": ("frame",),
    "tcp": ("first_frame", "syn_frame", "synack_frame", "reset_frame", "last_frame"),
    "tls": ("frame", "server_hello_frame", "alert_frame"),
    "quic": ("frame",),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Flow ids, and (source, frame) pairs, named as evidence."""

    flows: frozenset[str]
    frames: frozenset[tuple[str, int]]

    @staticmethod
    def of(findings: Iterable[Finding]) -> Proof:
        evidence = [item for finding in findings for item in finding.evidence]
        return Proof(
            frozenset(item.flow_id for item in evidence if item.flow_id),
            frozenset((item.source, frame) for item in evidence for frame in item.frames),
        )

    @staticmethod
    def of_trouble(diagnosis: Diagnosis) -> Proof:
        """The proof of everything that is more than information."""
        return Proof.of(item for item in diagnosis.findings if item.severity is not Severity.INFO)

    def rows(self, table: str, frame: pd.DataFrame) -> pd.Series[bool]:
        """For each row of `table`, whether it is named as evidence."""
        named = pd.Series(False, index=frame.index)
        if self.flows and "flow" in frame:
            named |= frame["flow"].isin(self.flows).astype(bool)
        if self.frames:
            for column in _FRAME_COLUMNS.get(table, ()):
                for source in {name for name, _ in self.frames}:
                    numbers = [number for name, number in self.frames if name == source]
                    hit = frame[column].isin(numbers) & (frame["source"] == source)
                    named |= hit.fillna(value=False).astype(bool)
        return named


def _filled(condition: pd.Series[bool]) -> pd.Series[bool]:
    return condition.fillna(value=False).astype(bool)


def unanswered(dns: pd.DataFrame) -> pd.Series[bool]:
    """Queries to which the capture holds no response with the same id and question."""
    key = ["source", "id", "qname", "qtype"]
    responses = dns.loc[_filled(dns["response"]), key].drop_duplicates()
    matched = dns[key].merge(responses, on=key, how="left", indicator=True)["_merge"] == "both"
    matched.index = dns.index
    return ~matched & _filled(~dns["response"].astype("boolean"))


def lookups(dns: pd.DataFrame) -> pd.DataFrame:
    """The messages that say something: responses, and queries that have none."""
    return dns[_filled(dns["response"]) | unanswered(dns)]


def ended_in_error(table: str, frame: pd.DataFrame) -> pd.Series[bool]:
    """For each row, whether the row itself says that something failed."""
    if frame.empty:
        return pd.Series(False, index=frame.index)
    if table == "dns":
        return _filled(frame["rcode"] > 0) | unanswered(frame)
    if table == "http":
        return frame["error"].notna() | _filled(frame["status"] >= 400)
    if table == "ws":
        failed = frame["error"].notna() | _filled(frame["clean"].eq(other=False))
        return failed | _filled(frame["close_code"] == 1006) | _filled(frame["status"] != 101)
    if table == "sse":
        return frame["error"].notna() | frame["end"].isin(["cut", "error"]).astype(bool)
    if table == "resources":
        good = frame["outcome"].isin(["loaded", "cached", "pending"]).astype(bool)
        return frame["outcome"].notna() & ~good
    if table == "connections":
        return frame["error"].notna() | frame["client_error"].notna()
    if table == "tls":
        return frame["error"].notna() | frame["alert"].notna()
    if table == "tcp":
        return frame["reset_by"].notna() | frame["synack_frame"].isna() & frame["syn_frame"].notna()
    return pd.Series(False, index=frame.index)
