"""Lines of prose for a terminal, wrapped, with hanging indents; plain when piped."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from analysis.report.language import Language

_PLAIN_WIDTH = 80
_WIDEST = 110  # longer lines of prose are hard to read
_NARROWEST = 40


class TerminalPage:
    """Lines wrapped to the width, with hanging indents.

    Nothing is read as rich's markup, and no text reaches it before hidden
    characters are written out.
    """

    def __init__(self, width: int | None, language: Language, *, color: bool) -> None:
        width = min(max(width or _PLAIN_WIDTH, _NARROWEST), _WIDEST)
        self._width = width
        self._language = language
        self._out = io.StringIO()
        self._console = Console(
            file=self._out,
            width=width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            legacy_windows=False,
        )

    def _assembled(self, parts: tuple[str | tuple[str, str], ...]) -> Text:
        """The parts with every message said in the page's language."""
        text = self._language.text
        said = (text(part) if isinstance(part, str) else (text(part[0]), part[1]) for part in parts)
        return Text.assemble(*said)

    def line(self, *parts: str | tuple[str, str], indent: int = 0, hang: int = 0) -> None:
        """One paragraph; `indent` before all of it, `hang` more before its further lines."""
        text = self._assembled(parts)
        rows = list(text.wrap(self._console, max(self._width - indent, 20)))
        if hang and len(rows) > 1:
            # the further lines are shorter by the hanging indent, so they break elsewhere
            at = len(rows[0].plain)
            at += len(text.plain[at:]) - len(text.plain[at:].lstrip())
            narrow = max(self._width - indent - hang, 20)
            rows = [rows[0], *text[at:].wrap(self._console, narrow)]
        for number, row in enumerate(rows):
            row.rstrip()
            lead = Text(" " * (indent + (hang if number else 0)) if row.plain else "")
            self._console.print(lead + row, soft_wrap=True)

    def whole(self, *parts: str | tuple[str, str], indent: int = 0) -> None:
        """One line that is never wrapped, because it is to be copied."""
        self._console.print(Text(" " * indent) + self._assembled(parts), soft_wrap=True)

    def title(self, text: str) -> None:
        self._console.print()
        self.line((text, "bold underline"))

    def done(self) -> str:
        return self._out.getvalue()
