"""The diagnosis as a page for the terminal, and as plain lines when piped."""

from __future__ import annotations

from analysis.model.diagnosis import Diagnosis, Severity, Status
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
    page = TerminalPage(width, color=color)
    findings = show(diagnosis)
    _verdict(page, diagnosis, findings.primary, language)
    _what_to_do(page, findings.primary)
    groups = (
        ("Findings", findings.causes),
        ("Explained by the above", findings.followers),
        ("For information", findings.information),
    )
    for title, group in groups:
        if group:
            page.title(title)
            for item in group:
                _finding(page, item)
    if findings.left_out:
        page.line(words.count(findings.left_out, "further finding") + " not shown here.", indent=2)
    write_figures(page, diagnosis, language)
    _coverage(page, diagnosis)
    write_recordings(page, diagnosis, language)
    _sources(page, diagnosis)
    return page.done()


def _verdict(
    page: TerminalPage, diagnosis: Diagnosis, primary: ShownFinding | None, language: Language
) -> None:
    verdict = diagnosis.verdict
    label = words.STATUS[verdict.status][0].upper()
    page.line((label, _STATUS_STYLE[verdict.status]), "  ", (plain(verdict.headline), "bold"))
    place = "" if verdict.status is Status.OK else f"Where: {words.LOCUS[verdict.locus]}.  "
    actor = words.who(primary.finding if primary else None, verdict.status)
    page.line(f"Who must act: {actor}.  {place}How sure: {words.sure(verdict)}.")
    write_when_and_where(page, diagnosis, language)
    if primary and primary.finding.summary != verdict.headline:
        page.line(plain(primary.finding.summary))


def _what_to_do(page: TerminalPage, primary: ShownFinding | None) -> None:
    remedy = primary.finding.remedy if primary else None
    if remedy is None:
        return
    page.title("What to do")
    for number, step in enumerate(remedy.steps[:_MOST_STEPS], 1):
        page.line(f"{number}. {plain(words.sentence(step))}", indent=2, hang=len(f"{number}. "))
    if remedy.ticket:
        page.title("Text for the ticket")
        for row in plain(remedy.ticket, 4000, keep="\n").splitlines():
            page.line(row, indent=2)


def _finding(page: TerminalPage, item: ShownFinding) -> None:
    finding = item.finding
    page.line(
        f"#{item.number} ",
        (words.SEVERITY[finding.severity].lower(), _SEVERITY_STYLE[finding.severity]),
        "  ",
        (plain(finding.id), "bold"),
        (f"  {words.LOCUS[finding.locus]}, {words.percent(finding.confidence)} sure", "dim"),
        indent=2,
        hang=3,
    )
    page.line(plain(finding.summary), indent=5)
    if finding.subjects:
        names = ", ".join(plain(subject, CELL) for subject in finding.subjects[:5])
        more = f" and {len(finding.subjects) - 5} more" if len(finding.subjects) > 5 else ""
        page.line(f"About: {names}{more}", indent=5, hang=7)
    when = words.span(finding.first_seen, finding.last_seen)
    times = words.count(finding.count, "time") if finding.count > 1 else ""
    if when or times:
        page.line(f"Seen: {', '.join(filter(None, (times, when)))}", indent=5, hang=6)
    if finding.explained_by:
        by = f"#{item.explained_by.number} " if item.explained_by else ""
        page.line(f"Explained by: {by}{plain(finding.explained_by)}", indent=5)
    if item.explains:
        names = ", ".join(f"#{number} {plain(name)}" for number, name in item.explains)
        page.line(f"Explains: {names}", indent=5, hang=10)
    for claim in item.claims:
        _claim(page, claim)
    if item.evidence_left_out:
        page.line(f"and {words.count(item.evidence_left_out, 'further piece')} of proof", indent=5)
    if finding.does_not_prove:
        page.line(
            ("What this does not prove: " + plain(words.sentence(finding.does_not_prove)), "dim"),
            indent=5,
            hang=2,
        )


def _claim(page: TerminalPage, claim: Claim) -> None:
    note = f": {plain(claim.note, _NOTE)}" if claim.note else ""
    page.line(f"Proof in {plain(claim.source, CELL)}{note}", indent=5, hang=2)
    if claim.filter:
        page.whole((plain(claim.filter, 600), "cyan"), indent=7)
    elif claim.frames:
        page.line("frames " + ", ".join(str(frame) for frame in claim.frames[:50]), indent=7)
    for flow in claim.flows:
        page.whole("flow ", (plain(flow, CELL), "cyan"), indent=7)


def _coverage(page: TerminalPage, diagnosis: Diagnosis) -> None:
    if not diagnosis.coverage:
        return
    page.title("Coverage")
    names = [plain(area.area, 24) for area in diagnosis.coverage]
    column = max(len(name) for name in names)
    for name, area in zip(names, diagnosis.coverage, strict=True):
        state, style = ("judged", "green") if area.assessed else ("not judged", "yellow")
        reason = f"  {plain(area.reason)}" if area.reason else ""
        page.line(
            f"{name:<{column}}  ", (f"{state:<10}", style), reason, indent=2, hang=column + 14
        )


def _sources(page: TerminalPage, diagnosis: Diagnosis) -> None:
    if not diagnosis.sources:
        return
    page.title("Sources")
    for source in diagnosis.sources:
        state = "" if source.complete else ", incomplete"
        when = words.span(source.first_seen, source.last_seen)
        period = f", {when}" if when else ""
        name = plain(source.path, 2 * CELL)
        page.line(f"{name} ({source.kind.value}{state}{period})", indent=2, hang=2)
        for problem in source.problems[:_MOST_STEPS]:
            page.line(plain(problem), indent=4, hang=2)
