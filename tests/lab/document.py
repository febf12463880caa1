"""The part of docs/lab.md that is made from the matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.lab.pinned import HOME
from tests.lab.scene import Scene

DOCUMENT = HOME / "docs" / "lab.md"
_BEGIN = "<!-- made by `make lab`: do not edit below -->"


def write(matrix: Mapping[str, Any], scenes: Sequence[Scene]) -> None:
    """Put the figures of `matrix` below the hand-written part."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head = text.partition(_BEGIN)[0]
    DOCUMENT.write_text(f"{head}{_BEGIN}\n\n{render(matrix, scenes)}", encoding="utf-8")


def render(matrix: Mapping[str, Any], scenes: Sequence[Scene]) -> str:
    """Rates, confusions, coverage and every scene, as Markdown."""
    titles = {scene.name: scene for scene in scenes}
    rates, coverage = matrix["rates"], matrix["coverage"]
    seeds = ", ".join(map(str, matrix["seeds"]))
    lines = [
        f"## Figures of the last run (`make lab`, seed {seeds})",
        "",
        f"All scenes ran from one copy of the sources: commit {matrix['code']}.",
        "",
        "| what | count | of | share |",
        "|---|---|---|---|",
    ]
    words = {
        "exact_cause": "faults whose cause was named exactly",
        "cause_named": "faults whose cause was named, details apart",
        "false_alarm": "healthy sessions with a false alarm",
    }
    for name, rate in rates.items():
        share = "-" if rate["share"] is None else f"{rate['share']:.1%}"
        lines.append(f"| {words[name]} | {rate['count']} | {rate['of']} | {share} |")
    lines += [
        "",
        f"Of {coverage['ids']} finding ids, {coverage['with_scene']} are the true cause of a scene "
        f"or a note that one must give, and {coverage['named']} were named rightly.",
        "",
    ]
    if coverage["never_named"]:
        lines += ["Has a scene, but was never named: " + _ids(coverage["never_named"]) + ".", ""]
    lines += ["Without a scene: " + _ids(coverage["without_scene"]) + ".", ""]
    lines += ["### What was taken for something else", ""]
    confused = [
        f"| `{truth}` | `{named}` | {count} |"
        for truth, row in matrix["confusion"].items()
        for named, count in row.items()
        if named != truth
    ]
    if confused:
        lines += ["| true cause | named | scenes |", "|---|---|---|", *confused, ""]
    else:
        lines += ["Nothing.", ""]
    lines += [
        "### Scenes",
        "",
        "| scene | true cause | outcome | named | parts |",
        "|---|---|---|---|---|",
    ]
    for name, row in matrix["scenes"].items():
        cause = _ids(row["cause"]) or "healthy"
        named = f"`{row['primary']}`" if row["primary"] else "-"
        outcome = row["outcome"]
        if row["reasons"]:
            outcome += ": " + "; ".join(row["reasons"])
        parts = ", ".join(dict.fromkeys(row["parts"].values())) or "-"
        title = titles[name].title if name in titles else ""
        lines.append(f"| `{name}`: {title} | {cause} | {_cell(outcome)} | {named} | {parts} |")
    lines += ["", "### What it took", "", "| part | version |", "|---|---|"]
    lines += [f"| {name} | {_cell(', '.join(found))} |" for name, found in matrix["took"].items()]
    return "\n".join(lines) + "\n"


def _ids(ids: Sequence[str]) -> str:
    return ", ".join(f"`{item}`" for item in ids)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
