"""A comparison as a page for the terminal, and as plain lines when piped."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.comparison import Comparison, Difference, Outcome, Pair
from analysis.model.diagnosis import Evidence
from analysis.model.message import plural, say
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
    page = TerminalPage(width, language, color=color)
    for number, pair in enumerate(comparison.pairs):
        if number:
            page.line("")
        _verdict(page, language, pair)
        _differences(page, say("What the user notices"), pair.outcomes)
        _differences(page, say("What else differs"), pair.factors)
        _delays(page, pair)
        _findings(page, pair)
        _equal(page, pair)
    _runs(page, comparison)
    return page.done()


def _verdict(page: TerminalPage, language: Language, pair: Pair) -> None:
    label, _ = compare_words.OUTCOME[pair.outcome]
    page.line(
        (language.text(label).upper(), _STYLE[pair.outcome]), "  ", (plain(pair.headline), "bold")
    )
    sides = (
        say("Baseline: {run}.", run=plain(pair.baseline, CELL)),
        say("Suspect: {run}.", run=plain(pair.suspect, CELL)),
    )
    page.line("  ".join(language.text(side) for side in sides))
    chosen = pair.candidate
    if chosen:
        page.line(plain(chosen.sentence))
        facts = [
            say("Where: {place}.", place=compare_words.area(chosen.difference.area)),
            say("How sure: {sure}.", sure=words.percent(chosen.confidence)),
        ]
        if chosen.finding:
            told = plain(chosen.finding, CELL)
            facts.append(say("The diagnosis says the same: {finding}.", finding=told))
        page.line("  ".join(language.text(fact) for fact in facts))
        page.line(plain(pair.certainty.sentence))


def _differences(page: TerminalPage, title: str, items: Sequence[Difference]) -> None:
    if not items:
        return
    page.title(title)
    for item in items[:_MOST]:
        page.line((plain(compare_words.subject(item), 2 * CELL), "bold"), indent=2, hang=2)
        page.line(
            say("baseline: {values}", values=compare_words.values(_bounded(item.baseline))),
            indent=4,
            hang=2,
        )
        page.line(
            say("suspect: {values}", values=compare_words.values(_bounded(item.suspect))),
            indent=4,
            hang=2,
        )
        if item.explained_by:
            by = plain(item.explained_by, CELL)
            page.line(say("explained by: {factor}", factor=by), indent=4, hang=2)
        for piece in item.baseline_evidence[:1]:
            proof = say("proof in the baseline: {place}", place=_place(piece))
            page.whole((proof, "dim"), indent=4)
        for piece in item.suspect_evidence[:1]:
            proof = say("proof in the suspect: {place}", place=_place(piece))
            page.whole((proof, "dim"), indent=4)
    if len(items) > _MOST:
        page.line(
            plural(
                "{n} further difference not shown.",
                "{n} further differences not shown.",
                len(items) - _MOST,
            ),
            indent=2,
        )


def _bounded(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(plain(value, _VALUE) for value in values)


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
    page.title(say("Delay: median, quartiles, how often measured"))
    for item in pair.delays:
        page.line((plain(item.name, _VALUE), "bold"), indent=2)
        page.line(
            say(
                "baseline {baseline}; suspect {suspect}: {note}",
                baseline=compare_words.spread(item.baseline),
                suspect=compare_words.spread(item.suspect),
                note=plain(item.note, _VALUE),
            ),
            indent=4,
            hang=2,
        )


def _findings(page: TerminalPage, pair: Pair) -> None:
    if not pair.findings:
        return
    page.title(say("What only the comparison shows"))
    for item in pair.findings:
        page.line(
            (plain(item.id, CELL), "bold"),
            "  ",
            say("{share} sure", share=words.percent(item.confidence)),
            indent=2,
        )
        page.line(plain(item.summary), indent=4)


def _equal(page: TerminalPage, pair: Pair) -> None:
    if pair.equal:
        page.title(say("Equal on both sides"))
        for same in pair.equal:
            page.line(plain(f"{same.what}: {same.value}", _VALUE), indent=2, hang=2)
    if pair.not_compared:
        page.title(say("Not compared, so not excluded"))
        for gap in pair.not_compared:
            page.line(plain(f"{gap.what}: {gap.reason}", _VALUE), indent=2, hang=2)


def _runs(page: TerminalPage, comparison: Comparison) -> None:
    page.title(say("Runs"))
    for run in comparison.runs:
        verdict = run.diagnosis.verdict
        state = words.STATUS[verdict.status][0]
        page.line((plain(run.label, CELL), "bold"), "  ", state, indent=2)
        page.line(plain(verdict.headline), indent=4)
        for source in run.diagnosis.sources:
            page.line(f"{plain(source.path, 2 * CELL)} ({source.kind.value})", indent=4, hang=2)
        if len(comparison.runs) > 2:
            facts = "; ".join(f"{name}: {value}" for name, value in run.facts)
            page.line(plain(facts), indent=4, hang=2)
