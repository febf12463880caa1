"""What two captures are compared by, and what can account for what.

The rows of factors.tsv stand in the order of the layers, the lowest first.  A
factor accounts for another (``explains``) only where both differ; ``http.answer=refused``
narrows that to values of one kind, and ``findings`` are patterns of the findings that
the factor can be behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from analysis.knowledge import table
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class Factor:
    """One row of factors.tsv; `rank` is its place from the bottom."""

    id: str
    area: str
    what: str
    rank: int
    explains: frozenset[str]
    findings: tuple[str, ...]

    def can_explain(self, factor: str, kinds: frozenset[str]) -> bool:
        """True when it can account for a difference of `factor` with values of these kinds."""
        return factor in self.explains or any(f"{factor}={kind}" in self.explains for kind in kinds)

    def behind(self, finding: str) -> bool:
        """True when it can be what is behind a finding."""
        return any(fnmatchcase(finding, pattern) for pattern in self.findings)


@cache
def factors() -> dict[str, Factor]:
    """All factors by id, the lowest layer first. Raises ValueError for an unknown name."""
    required = ("factor", "area", "what", "source", "date", "confidence")
    rows = table.rows("factors", required)
    found = {
        row["factor"]: Factor(
            id=row["factor"],
            area=row["area"],
            what=say(row["what"]),
            rank=rank,
            explains=frozenset(table.listed(row["explains"])),
            findings=table.listed(row["findings"]),
        )
        for rank, row in enumerate(rows)
    }
    named = {name.partition("=")[0] for factor in found.values() for name in factor.explains}
    if unknown := named - found.keys():
        raise ValueError(f"factors.tsv: no such factor: {', '.join(sorted(unknown))}")
    return found
