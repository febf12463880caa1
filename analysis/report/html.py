"""The HTML report: one file that asks nobody for anything."""

from __future__ import annotations

from analysis.model.diagnosis import SCHEMA, Diagnosis
from analysis.model.frames import Tables
from analysis.report import words
from analysis.report.budget import PARTS, draw_stacks, legs_of, stacks_of
from analysis.report.cells import offset, word
from analysis.report.exhibits import Exhibits
from analysis.report.glossary import findings_used, terms_used
from analysis.report.health import health_of
from analysis.report.language import Language
from analysis.report.page import show
from analysis.report.path import BOX_HEIGHT, BOX_WIDTH, path_of
from analysis.report.proof import Proof
from analysis.report.recording import recordings_of
from analysis.report.requirements import entries_of
from analysis.report.seen import seen_tables
from analysis.report.session import Session, session_of
from analysis.report.templating import environment, page_css, page_script
from analysis.report.timeline import draw_timeline
from analysis.report.waterfall import draw_waterfall

_MOST_MARKERS = 30


def render_html(diagnosis: Diagnosis, tables: Tables, language: Language = Language.EN) -> str:
    """The report as one self-contained page.

    It loads nothing: its Content-Security-Policy allows only its own script
    (by hash) and its own styles. The result depends on the arguments alone.
    """
    diagnosis = language.said(diagnosis)
    session = session_of(diagnosis, tables)
    findings = show(diagnosis)
    proof = Proof.of_trouble(diagnosis)
    numbered = tuple((item.number, item.finding) for item in findings.causes + findings.followers)
    legs = legs_of(diagnosis, language)
    stacks = stacks_of(legs, language)
    script, script_hash = page_script()
    pieces = [piece for item in findings.all for piece in item.evidence]
    return environment(language).get_template("report.html.j2").render(
        diagnosis=diagnosis,
        verdict=diagnosis.verdict,
        session=session,
        when=words.span(session.first, session.last),
        findings=findings,
        paths=path_of(diagnosis, tables, language),
        box=(BOX_WIDTH, BOX_HEIGHT),
        timeline=draw_timeline(
            tables, proof, session, numbered, language, title_id="timeline-text"
        ),
        markers=_markers(tables, session),
        legs=legs,
        waterfall=draw_waterfall(tables, language, title_id="page-load-text"),
        health=health_of(tables, session, language, title_id="health-text"),
        stacks=stacks,
        parts=PARTS,
        used_parts={part for stack in stacks for part, _ in stack.parts},
        budget=draw_stacks(stacks, language, title_id="delay-text") if stacks else None,
        seen=seen_tables(tables, proof, session.first),
        recordings=recordings_of(diagnosis),
        exhibits=Exhibits(tables, pieces, session.first),
        requirements=entries_of(diagnosis),
        terms_used=terms_used,
        claims=findings_used(item.finding for item in findings.all),
        words=words,
        schema=SCHEMA,
        css=page_css(),
        script=script,
        script_hash=script_hash,
    )  # fmt: skip


def _markers(tables: Tables, session: Session) -> tuple[tuple[str, str], ...]:
    """What the person at the machine typed, with its time."""
    rows = tables["markers"].head(_MOST_MARKERS).to_dict("records")
    at = offset("time", session.first)
    return tuple((at(row), word(row, "text")) for row in rows)
