"""What every page has: templates that escape all they print, one style, one script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.model.figures import Number
from analysis.model.message import joined, plural, say
from analysis.report import words
from analysis.report.language import Language
from analysis.report.safe import CELL, plain, visible


def _template_file(name: str) -> str:
    # read_text turns CRLF into LF, as the browser does before it hashes the script
    return resources.files("analysis.report").joinpath("templates", name).read_text("utf-8")


@cache
def environment(language: Language) -> Environment:
    """Templates of the package in a language, with escaping on and every text bounded.

    ``_("...")`` and ``{% trans %}`` say the template's own text. Numbers among
    their variables are written as the language does; texts are bounded and
    escaped like all others. Messages are said wherever they are printed.
    """

    def shown(value: object) -> object:
        """Every text that a template prints: bounded, hidden characters written out."""
        if value is None:
            return ""
        if isinstance(value, str) and not isinstance(value, Markup):
            return visible(language.text(value))
        return value

    def word(value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return language.figure(Number(value))
        return shown(value)

    def text(template: str, words: Mapping[str, object]) -> Markup:
        # the template is ours, or our translation of it, and may hold markup
        return Markup(template) % {name: word(value) for name, value in words.items()}  # noqa: S704

    def gettext(msgid: str, /, **words: object) -> Markup:
        return text(language.gettext(msgid), words)

    def ngettext(one: str, many: str, number: int, /, **words: object) -> Markup:
        return text(language.ngettext(one, many, number), {"num": number, **words})

    def said(show: Callable[..., str], **bounds: object) -> Callable[[str], str]:
        return lambda value: show(language.text(value), **bounds)

    environment = Environment(
        loader=PackageLoader("analysis.report"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # set by the extension
    environment.globals |= {
        "_": gettext,
        "gettext": gettext,
        "ngettext": ngettext,
        "say": say,
        "plural": plural,
        "lang": language.value,
    }
    environment.filters |= {
        "clip": said(visible, limit=CELL),
        "lines": said(visible, limit=4000, keep="\n"),
        "filter_text": said(visible, limit=480),
        "note": said(lambda value: visible(words.sentence(value), 300)),
        "sentence": said(lambda value: visible(words.sentence(value))),
        "attr": said(plain, limit=200),
        "percent": words.percent,
        "moment": words.moment,
        "joined": joined,
    }
    return environment


def page_css() -> Markup:
    """The style of every page."""
    return Markup(_template_file("report.css"))  # noqa: S704 - the package's own file


def page_script() -> tuple[Markup, str]:
    """The script of every page, and its hash for the Content-Security-Policy."""
    script = "\n".join(_template_file(name).strip() for name in ("report.js", "zoom.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(script), f"sha256-{digest}"  # noqa: S704 - the package's own file
