"""Vega-Lite specifications drawn as inline SVG.

Vega-Lite is compiled inside vl-convert, with no browser and no network. All
colours are CSS variables of the page, so that one drawing serves light, dark
and print.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import vl_convert
from markupsafe import Markup

from analysis.report.language import Language

type Spec = dict[str, Any]

VEGA_LITE = "5.20"
FONT = "system-ui, sans-serif"

_CONFIG: Spec = {
    "aria": False,  # the figure has one text alternative; thousands of labels help nobody
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line)",
        "gridColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
}
_SIZE = re.compile(r'^<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')
_NOISE = re.compile(
    r' (?:role="graphics-\w+"|aria-roledescription="[^"]*"|aria-hidden="true"|'
    r'pointer-events="none"|xmlns:xlink="[^"]*"|version="[^"]*")'
)


_NUMBERS: dict[Language, Literal["en-GB", "de-DE"]] = {
    Language.EN: "en-GB",
    Language.ID: "de-DE",  # Vega has no Indonesian; both write 1.234,5
}
"""How Vega writes the numbers of an axis."""


def draw(spec: Spec, language: Language, *, title_id: str) -> Markup:
    """The chart as one ``<svg role="img">`` named by the element with `title_id`.

    Strings inside `spec` are escaped by the renderer. Its width in the page is
    the box's; the drawing scales.
    """
    whole = {"config": _CONFIG, **spec}
    svg = vl_convert.vegalite_to_svg(
        whole,
        vl_version=VEGA_LITE,
        allowed_base_urls=[],
        format_locale=_NUMBERS[language],
    )
    svg = _NOISE.sub("", svg)
    svg = _SIZE.sub(rf'<svg \1role="img" aria-labelledby="{title_id}"', svg, count=1)
    return Markup(svg)  # noqa: S704 - made by the renderer above, which escapes its texts
