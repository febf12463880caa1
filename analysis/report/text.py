"""The diagnosis as a page for the terminal, and as plain lines when piped."""

from __future__ import annotations

from analysis.model.diagnosis import Diagnosis, Severity, Status
from analysis.model.message import inside, joined, plural, say, some
from analysis.report import words
from analysis.report.language import Language
from analysis.report.page import Claim, ShownFinding, show
from analysis.report.safe import CELL, plain
from analysis.report.terminal import TerminalPage
from analysis.report.text_figures import write_figures, write_recordings, write_when_and_where

_MOST_STEPS = 10
_NOTE = 300

_STATUS_STYLE = {
    Status.OK: "bold green",
    Status.IMPAIRED: "bold yellow",
    Status.BLOCKED: "bold red",
    Status.DOWN: "bold red",
    Status.INSUFFICIENT: "bold",
}
_SEVERITY_STYLE = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def render_text(
    diagnosis: Diagnosis,
    language: Language = Language.EN,
    *,
    width: int | None,
    color: bool,
) -> str:
    """The verdict, what to do, the findings with their proof, and the coverage.

    `width` in columns, None for 80. Without `color` the result has no escape
    sequence and no box drawing.
    """
    diagnosis = language.said(diagnosis)
    page = TerminalPage(width, language, color=color)
    findings = show(diagnosis)
    _verdict(page, language, diagnosis, findings.primary)
    _what_to_do(page, findings.primary)
    groups = (
        (say("Findings"), findings.causes),
        (say("Explained by the above"), findings.followers),
        (say("For information"), findings.information),
    )
    for title, group in groups:
        if group:
            page.title(title)
            for item in group:
                _finding(page, item)
    if findings.left_out:
        page.line(
            plural(
                "{n} further finding not shown here.",
                "{n} further findings not shown here.",
                findings.left_out,
            ),
            indent=2,
        )
    write_figures(page, diagnosis, language)
    _coverage(page, language, diagnosis)
    write_recordings(page, diagnosis, language)
    _sources(page, diagnosis)
    return page.done()


def _verdict(
    page: TerminalPage, language: Language, diagnosis: Diagnosis, primary: ShownFinding | None
) -> None:
    verdict = diagnosis.verdict
    label = language.text(words.STATUS[verdict.status][0]).upper()
    page.line((label, _STATUS_STYLE[verdict.status]), "  ", (plain(verdict.headline), "bold"))
    actor = words.who(primary.finding if primary else None, verdict.status)
    facts = [say("Who must act: {actor}.", actor=actor)]
    if verdict.status is not Status.OK:
        facts.append(say("Where: {place}.", place=words.LOCUS[verdict.locus]))
    facts.append(say("How sure: {sure}.", sure=words.sure(verdict)))
    page.line("  ".join(language.text(fact) for fact in facts))
    write_when_and_where(page, diagnosis, language)
    if primary and primary.finding.summary != verdict.headline:
        page.line(plain(primary.finding.summary))


def _what_to_do(page: TerminalPage, primary: ShownFinding | None) -> None:
    remedy = primary.finding.remedy if primary else None
    if remedy is None:
        return
    page.title(say("What to do"))
    for number, step in enumerate(remedy.steps[:_MOST_STEPS], 1):
        page.line(f"{number}. {plain(words.sentence(step))}", indent=2, hang=len(f"{number}. "))
    if remedy.ticket:
        page.title(say("Text for the ticket"))
        for row in plain(remedy.ticket, 4000, keep="\n").splitlines():
            page.line(row, indent=2)


def _finding(page: TerminalPage, item: ShownFinding) -> None:
    finding = item.finding
    page.line(
        f"#{item.number} ",
        (inside(words.SEVERITY[finding.severity]), _SEVERITY_STYLE[finding.severity]),
        "  ",
        (plain(finding.id), "bold"),
        "  ",
        (
            say(
                "{place}, {share} sure",
                place=words.LOCUS[finding.locus],
                share=words.percent(finding.confidence),
            ),
            "dim",
        ),
        indent=2,
        hang=3,
    )
    page.line(plain(finding.summary), indent=5)
    if finding.subjects:
        subjects = [plain(subject, CELL) for subject in finding.subjects]
        about = some(subjects, 5) if len(subjects) > 5 else ", ".join(subjects)
        page.line(say("About: {names}", names=about), indent=5, hang=7)
    when = words.span(finding.first_seen, finding.last_seen)
    times = plural("{n} time", "{n} times", finding.count) if finding.count > 1 else ""
    if when or times:
        page.line(say("Seen: {when}", when=joined([times, when or ""], ", ")), indent=5, hang=6)
    if finding.explained_by:
        by = f"#{item.explained_by.number} " if item.explained_by else ""
        page.line(
            say("Explained by: {finding}", finding=by + plain(finding.explained_by)), indent=5
        )
    if item.explains:
        names = ", ".join(f"#{number} {plain(name)}" for number, name in item.explains)
        page.line(say("Explains: {findings}", findings=names), indent=5, hang=10)
    for claim in item.claims:
        _claim(page, claim)
    if item.evidence_left_out:
        page.line(
            plural(
                "and {n} further piece of proof",
                "and {n} further pieces of proof",
                item.evidence_left_out,
            ),
            indent=5,
        )
    if finding.does_not_prove:
        page.line(
            (
                say(
                    "What this does not prove: {what}",
                    what=plain(words.sentence(finding.does_not_prove)),
                ),
                "dim",
            ),
            indent=5,
            hang=2,
        )


def _claim(page: TerminalPage, claim: Claim) -> None:
    place = say("Proof in {file}", file=plain(claim.source, CELL))
    page.line(joined([place, plain(claim.note, _NOTE)], ": "), indent=5, hang=2)
    if claim.filter:
        page.whole((plain(claim.filter, 600), "cyan"), indent=7)
    elif claim.frames:
        page.line("frame " + ", ".join(str(frame) for frame in claim.frames[:50]), indent=7)
    for flow in claim.flows:
        page.whole("flow ", (plain(flow, CELL), "cyan"), indent=7)


def _coverage(page: TerminalPage, language: Language, diagnosis: Diagnosis) -> None:
    if not diagnosis.coverage:
        return
    page.title(say("Coverage"))
    names = [plain(language.text(say(area.area)), 24) for area in diagnosis.coverage]
    column = max(len(name) for name in names)
    judged, unjudged = language.text(say("judged")), language.text(say("not judged"))
    broad = max(len(judged), len(unjudged))
    for name, area in zip(names, diagnosis.coverage, strict=True):
        state, style = (judged, "green") if area.assessed else (unjudged, "yellow")
        reason = f"  {plain(area.reason)}" if area.reason else ""
        page.line(
            f"{name:<{column}}  ",
            (f"{state:<{broad}}", style),
            reason,
            indent=2,
            hang=column + broad + 4,
        )


def _sources(page: TerminalPage, diagnosis: Diagnosis) -> None:
    if not diagnosis.sources:
        return
    page.title(say("Sources"))
    for source in diagnosis.sources:
        state = "" if source.complete else say("incomplete")
        when = words.span(source.first_seen, source.last_seen) or ""
        facts = joined([source.kind.value, state, when], ", ")
        name = plain(source.path, 2 * CELL)
        page.line(say("{name} ({facts})", name=name, facts=facts), indent=2, hang=2)
        for problem in source.problems[:_MOST_STEPS]:
            page.line(plain(problem), indent=4, hang=2)
