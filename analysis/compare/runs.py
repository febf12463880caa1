"""One run made ready to be compared: its facts, its delays, and no table of it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.compare.connect_facts import connect_facts
from analysis.compare.delays import measured
from analysis.compare.differences import Facts, by_key
from analysis.compare.facts import hosts_of
from analysis.compare.judged_facts import judged_facts
from analysis.compare.step_facts import step_facts
from analysis.compare.terms_facts import terms_facts
from analysis.compare.way_facts import way_facts
from analysis.knowledge.factors import factors
from analysis.model.comparison import Run
from analysis.model.diagnosis import Diagnosis
from analysis.model.frames import Tables


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a comparison needs of one run; `hosts` are those of ChatGPT it asked for."""

    run: Run
    facts: Facts
    delays: dict[str, list[float]]
    hosts: frozenset[str]


def prepare(label: str, tables: Tables, diagnosis: Diagnosis) -> Prepared:
    """Facts of one run. Its tables are not kept, so that many runs fit into memory."""
    facts = by_key(
        (
            *way_facts(tables),
            *connect_facts(tables),
            *terms_facts(tables),
            *step_facts(tables),
            *judged_facts(tables, diagnosis),
        )
    )
    shown = tuple(
        (factor.what, facts[factor.id, ""].shown)
        for factor in factors().values()
        if (factor.id, "") in facts
    )
    return Prepared(Run(label, diagnosis, shown), facts, measured(tables), hosts_of(tables))
