"""A comparison as one HTML file that asks nobody for anything."""

from __future__ import annotations

from analysis.model.comparison import SCHEMA, Comparison
from analysis.report import compare_words, words
from analysis.report.language import Language
from analysis.report.templating import environment, page_css, page_script


def render_comparison_html(comparison: Comparison, language: Language = Language.EN) -> str:
    """The comparison as one self-contained page.

    It loads nothing: its Content-Security-Policy allows only its own script
    (by hash) and its own styles. The result depends on the argument alone.
    """
    comparison = language.said(comparison)
    script, script_hash = page_script()
    title, status = compare_words.OUTCOME[comparison.outcome]
    return environment(language).get_template("compare.html.j2").render(
        comparison=comparison,
        title=title,
        status=status,
        facts=compare_words.fact_names(comparison),
        compare_words=compare_words,
        words=words,
        schema=SCHEMA,
        css=page_css(),
        script=script,
        script_hash=script_hash,
    )  # fmt: skip
