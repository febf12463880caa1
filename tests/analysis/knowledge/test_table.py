"""Loading of the knowledge tables, and rules that hold for each of them."""

from __future__ import annotations

from importlib.resources import files

import pytest

from analysis.knowledge import findings, table

TABLES = sorted(
    item.name.removesuffix(".tsv")
    for item in files("analysis.knowledge").iterdir()
    if item.name.endswith(".tsv")
)
OWN_WORDING = {"areas", "findings", "remedies"}
"""Tables of our own claims and sentences; all others hold facts and name their source."""


@pytest.mark.parametrize("name", TABLES)
def test_every_row_loads(name: str) -> None:
    rows = table.rows(name)
    assert all(rows[0].keys() == row.keys() for row in rows)


@pytest.mark.parametrize("name", [name for name in TABLES if name not in OWN_WORDING])
def test_facts_name_source_date_and_confidence(name: str) -> None:
    for row in table.rows(name):
        assert row["source"].strip()
        assert row["date"][:2] in ("19", "20")
        assert row["confidence"] in ("documented", "reported", "measured", "inferred", "chosen")


@pytest.mark.parametrize("name", TABLES)
def test_no_cell_holds_markup_or_control_characters(name: str) -> None:
    for row in table.rows(name):
        assert all(value.isprintable() for value in row.values())


def test_an_empty_required_cell_is_refused() -> None:
    with pytest.raises(ValueError, match=r"findings\.tsv line \d+: does_not_prove is empty"):
        table.rows("findings", ("does_not_prove",))


def test_a_flag_is_yes_or_no() -> None:
    assert table.flag({"a": "yes"}, "a")
    assert not table.flag({"a": "no"}, "a")
    with pytest.raises(ValueError, match="perhaps"):
        table.flag({"a": "perhaps"}, "a")


def test_catalogue_ids_are_unique_and_dotted() -> None:
    ids = [entry.id for entry in findings()]
    assert len(ids) == len(set(ids)) == len(findings())
    assert all(finding_id.count(".") == 1 for finding_id in ids)
    assert "dns.sinkhole" in findings()
    assert findings().get("no.such") is None
