"""A comparison as a page for the terminal, and as plain lines when piped."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.comparison import Comparison, Difference, Outcome, Pair
from analysis.model.diagnosis import Evidence
from analysis.report import compare_words, words
from analysis.report.language import Language
from analysis.report.safe import CELL, plain
from analysis.report.terminal import TerminalPage

_MOST = 40
_VALUE = 300
_STYLE = {
    Outcome.SAME: "bold green",
    Outcome.DIFFERENT: "bold yellow",
    Outcome.INSUFFICIENT: "bold",
}


def render_comparison_text(
    comparison: Comparison,
    language: Language = Language.EN,
    *,
    width: int | None,
    color: bool,
) -> str:
    """What differs, which difference explains it, what was equal, and the runs.

    `width` in columns, None for 80. Without `color` the result has no escape sequence.
    """
    comparison = language.said(comparison)
    page = TerminalPage(width, color=color)
    for number, pair in enumerate(comparison.pairs):
        if number:
            page.line("")
        _verdict(page, pair)
        _differences(page, "What the user notices", pair.outcomes)
        _differences(page, "What else differs", pair.factors)
        _delays(page, pair)
        _findings(page, pair)
        _equal(page, pair)
    _runs(page, comparison)
    return page.done()


def _verdict(page: TerminalPage, pair: Pair) -> None:
    label, _ = compare_words.OUTCOME[pair.outcome]
    page.line((label.upper(), _STYLE[pair.outcome]), "  ", (plain(pair.headline), "bold"))
    page.line(f"Baseline: {plain(pair.baseline, CELL)}.  Suspect: {plain(pair.suspect, CELL)}.")
    chosen = pair.candidate
    if chosen:
        page.line(plain(chosen.sentence))
        where = compare_words.area(chosen.difference.area)
        told = f"  The diagnosis says the same: {chosen.finding}." if chosen.finding else ""
        page.line(f"Where: {where}.  How sure: {words.percent(chosen.confidence)}.{plain(told)}")
        page.line(plain(pair.certainty.sentence))


def _differences(page: TerminalPage, title: str, items: Sequence[Difference]) -> None:
    if not items:
        return
    page.title(title)
    for item in items[:_MOST]:
        page.line((plain(compare_words.subject(item), 2 * CELL), "bold"), indent=2, hang=2)
        page.line(
            f"baseline: {plain(compare_words.values(item.baseline), _VALUE)}", indent=4, hang=2
        )
        page.line(
            f"suspect:  {plain(compare_words.values(item.suspect), _VALUE)}", indent=4, hang=2
        )
        if item.explained_by:
            page.line(f"explained by: {plain(item.explained_by, CELL)}", indent=4, hang=2)
        for side, evidence in (
            ("baseline", item.baseline_evidence),
            ("suspect", item.suspect_evidence),
        ):
            for piece in evidence[:1]:
                page.whole((f"proof in {side}: {_place(piece)}", "dim"), indent=4)
    if len(items) > _MOST:
        page.line(words.count(len(items) - _MOST, "further difference") + " not shown.", indent=2)


def _place(piece: Evidence) -> str:
    """The file of a piece of proof, and where in it."""
    if piece.filter:
        return f"{plain(piece.source, CELL)}, {plain(piece.filter, 300)}"
    if piece.flow_id:
        return f"{plain(piece.source, CELL)}, flow {plain(piece.flow_id, CELL)}"
    return f"{plain(piece.source, CELL)}, {plain(piece.note, CELL)}"


def _delays(page: TerminalPage, pair: Pair) -> None:
    if not pair.delays:
        return
    page.title("Delay: median, quartiles, how often measured")
    for item in pair.delays:
        page.line((plain(item.name, _VALUE), "bold"), indent=2)
        page.line(
            f"baseline {compare_words.spread(item.baseline)}; "
            f"suspect {compare_words.spread(item.suspect)}: {plain(item.note, _VALUE)}",
            indent=4,
            hang=2,
        )


def _findings(page: TerminalPage, pair: Pair) -> None:
    if not pair.findings:
        return
    page.title("What only the comparison shows")
    for item in pair.findings:
        page.line(
            (plain(item.id, CELL), "bold"), f"  {words.percent(item.confidence)} sure", indent=2
        )
        page.line(plain(item.summary), indent=4)


def _equal(page: TerminalPage, pair: Pair) -> None:
    if pair.equal:
        page.title("Equal on both sides")
        for same in pair.equal:
            page.line(plain(f"{same.what}: {same.value}", _VALUE), indent=2, hang=2)
    if pair.not_compared:
        page.title("Not compared, so not excluded")
        for gap in pair.not_compared:
            page.line(plain(f"{gap.what}: {gap.reason}", _VALUE), indent=2, hang=2)


def _runs(page: TerminalPage, comparison: Comparison) -> None:
    page.title("Runs")
    for run in comparison.runs:
        verdict = run.diagnosis.verdict
        state = words.STATUS[verdict.status][0]
        page.line((plain(run.label, CELL), "bold"), f"  {state}", indent=2)
        page.line(plain(verdict.headline), indent=4)
        for source in run.diagnosis.sources:
            page.line(f"{plain(source.path, 2 * CELL)} ({source.kind.value})", indent=4, hang=2)
        if len(comparison.runs) > 2:
            facts = "; ".join(f"{name}: {value}" for name, value in run.facts)
            page.line(plain(facts), indent=4, hang=2)
