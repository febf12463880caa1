"""The glossary has the terms that a page uses, and no others."""

from __future__ import annotations

from report_samples import sinkhole

from analysis.knowledge import findings
from analysis.knowledge.terms import terms
from analysis.report.glossary import findings_used, terms_used


def test_only_terms_of_the_text_are_explained() -> None:
    page = '<p title="proxy">The <b>resolver</b> said NXDOMAIN; a websocket opened.</p>'
    assert [name for name, _ in terms_used(page)] == ["NXDOMAIN", "resolver", "websocket"]


def test_a_part_of_a_longer_word_is_not_the_term() -> None:
    assert terms_used("<p>knowledge reflows tunnelling</p>") == ()


def test_the_other_words_for_a_term_stand_for_it() -> None:
    assert [name for name, _ in terms_used("<p>pencarian nama</p>")] == ["DNS"]


def test_findings_are_explained_as_the_catalogue_does() -> None:
    shown = dict(findings_used(sinkhole().diagnosis.findings))
    assert shown["dns.sinkhole"] == findings()["dns.sinkhole"].claim
    assert "ws.upgrade_failed" not in shown  # not of the catalogue


def test_terms_are_there_once() -> None:
    names = [word.lower() for term in terms() for word in (term.name, *term.also)]
    assert len(names) == len(set(names))
