"""What every page has: templates that escape all they print, one style, one script."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.report import words
from analysis.report.safe import CELL, plain, visible


def _template_file(name: str) -> str:
    # read_text turns CRLF into LF, as the browser does before it hashes the script
    return resources.files("analysis.report").joinpath("templates", name).read_text("utf-8")


def _shown(value: object) -> object:
    """Every text that a template prints: bounded, hidden characters written out."""
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def environment() -> Environment:
    """Templates of the package, with escaping on and every text bounded."""
    environment = Environment(
        loader=PackageLoader("analysis.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters |= {
        "clip": partial(visible, limit=CELL),
        "lines": partial(visible, limit=4000, keep="\n"),
        "filter_text": partial(visible, limit=480),
        "note": lambda text: visible(words.sentence(text), 300),
        "sentence": lambda text: visible(words.sentence(text)),
        "attr": partial(plain, limit=200),
        "percent": words.percent,
        "moment": words.moment,
        "count": words.count,
    }
    return environment


def page_css() -> Markup:
    """The style of every page."""
    return Markup(_template_file("report.css"))  # noqa: S704 - the package's own file


def page_script() -> tuple[Markup, str]:
    """The script of every page, and its hash for the Content-Security-Policy."""
    script = _template_file("report.js").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(script), f"sha256-{digest}"  # noqa: S704 - the package's own file
