"""What the page and the terminal show of a diagnosis, in the order they show it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.model.diagnosis import Diagnosis, Evidence, Finding, Severity, causes_of

_MOST_FINDINGS = 60
_MOST_EVIDENCE = 12
_MOST_EVIDENCE_LATER = 3  # for findings after the first ten: the page stays one to send by mail


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that the evidence shows, where, and in how many pieces."""

    text: str
    source: str
    times: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the evidence shows in one file, and every record that shows it.

    `filter` is a Wireshark display filter for all of its packets.
    """

    note: str
    source: str
    pieces: tuple[Evidence, ...]

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(sorted({frame for piece in self.pieces for frame in piece.frames}))

    @property
    def flows(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(piece.flow_id for piece in self.pieces if piece.flow_id))

    @property
    def filter(self) -> str | None:
        filters = tuple(dict.fromkeys(piece.filter for piece in self.pieces if piece.filter))
        if len(filters) <= 1:
            return filters[0] if filters else None
        return " or ".join(f"({part})" for part in filters) if self._mixed else self._by_number

    @property
    def _by_number(self) -> str:
        return Evidence.packets(self.source, self.frames).filter or ""

    @property
    def _mixed(self) -> bool:
        """True where a filter says more than frame numbers."""
        return any(
            piece.filter and piece.filter != Evidence.packets("", piece.frames).filter
            for piece in self.pieces
        )


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding with its number in this report and its relations by number."""

    number: int
    finding: Finding
    explained_by: ShownFinding | None
    explains: tuple[tuple[int, str], ...]

    @property
    def anchor(self) -> str:
        return f"finding-{self.number}"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What the evidence shows, each thing once."""
        seen: dict[tuple[str, str], int] = {}
        for piece in self.distinct_evidence:
            if piece.note:
                seen[piece.note, piece.source] = seen.get((piece.note, piece.source), 0) + 1
        return tuple(Reason(text, source, times) for (text, source), times in seen.items())

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The pieces shown; the others are only counted."""
        return self.distinct_evidence[: self._most_evidence]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that show it: the more of them, the surer."""
        return tuple(dict.fromkeys(piece.source for piece in self.distinct_evidence))

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The pieces shown; those that show the same thing in the same file are one claim."""
        grouped: dict[tuple[str, str], list[Evidence]] = {}
        for piece in self.evidence:
            key = (piece.note, piece.source) if piece.note else (str(id(piece)), piece.source)
            grouped.setdefault(key, []).append(piece)
        return tuple(
            Claim(pieces[0].note, source, tuple(pieces)) for (_, source), pieces in grouped.items()
        )

    @property
    def evidence_left_out(self) -> int:
        return max(len(self.distinct_evidence) - self._most_evidence, 0)

    @property
    def distinct_evidence(self) -> tuple[Evidence, ...]:
        """All pieces, each once."""
        return tuple(dict.fromkeys(self.finding.evidence))

    @property
    def _most_evidence(self) -> int:
        return _MOST_EVIDENCE if self.number <= 10 else _MOST_EVIDENCE_LATER


@dataclass(frozen=True, slots=True)
class ShownFindings:
    """Findings in three groups; each group is ordered by severity."""

    causes: tuple[ShownFinding, ...]
    followers: tuple[ShownFinding, ...]
    information: tuple[ShownFinding, ...]
    left_out: int

    @property
    def all(self) -> tuple[ShownFinding, ...]:
        return self.causes + self.followers + self.information

    @property
    def primary(self) -> ShownFinding | None:
        """The first of the causes, which is the verdict's own where there is one."""
        return self.causes[0] if self.causes else None


def show(diagnosis: Diagnosis) -> ShownFindings:
    """The findings, numbered: the verdict's own first, then by severity and confidence."""
    primary = diagnosis.primary

    def order(finding: Finding) -> tuple[bool, int, float, str]:
        return (finding is not primary, finding.severity.rank, -finding.confidence, finding.id)

    ranked = sorted(diagnosis.findings, key=order)
    matter = [item for item in ranked if item.severity is not Severity.INFO or item is primary]
    causes = [item for item in matter if item.explained_by is None]
    followers = [item for item in matter if item.explained_by is not None]
    information = [item for item in ranked if not any(item is other for other in matter)]
    kept = (causes + followers + information)[:_MOST_FINDINGS]

    number = {id(finding): place for place, finding in enumerate(kept, 1)}
    effects: dict[int, list[tuple[int, str]]] = {}
    by: dict[int, ShownFinding] = {}
    for finding in kept:
        origins = causes_of(finding, kept)
        for cause in origins:
            effects.setdefault(id(cause), []).append((number[id(finding)], finding.id))
        if origins:
            by[id(finding)] = ShownFinding(number[id(origins[0])], origins[0], None, ())
    shown = [
        ShownFinding(place, finding, by.get(id(finding)), tuple(effects.get(id(finding), ())))
        for place, finding in enumerate(kept, 1)
    ]
    first, second = len(causes), len(causes) + len(followers)
    return ShownFindings(
        tuple(shown[:first]),
        tuple(shown[first:second]),
        tuple(shown[second:]),
        len(diagnosis.findings) - len(kept),
    )
