"""What the reader reads: messages, figures and times in English or Indonesian.

English is what a message is already. Another language has a gettext catalogue
beside this file and CLDR's formats; both, and Babel, are loaded when they are
first asked for. Ids, codes, filters and the text of captures pass as they are.
"""

from __future__ import annotations

import gettext
import io
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from analysis.model.figures import Figure, Moment, Percent
from analysis.model.message import Message, filled

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from babel.messages.catalog import Catalog

DOMAIN = "chatpath"


class Language(StrEnum):
    """A language of the output, by its ISO 639-1 code."""

    EN = "en"
    ID = "id"

    def text(self, value: str) -> str:
        """`value` in this language if it is a message, else as it is."""
        if self is Language.EN or not isinstance(value, Message):
            return value
        words = {name: self._word(item) for name, item in value.values.items()}
        return filled(self._template(value), words, value.first)

    def _template(self, message: Message) -> str:
        if message.plural is None or message.number is None:
            return self.gettext(message.msgid)
        return self.ngettext(message.msgid, message.plural, message.number)

    def _word(self, value: str | Figure) -> str:
        return self.text(value) if isinstance(value, str) else self.figure(value)

    def gettext(self, msgid: str) -> str:
        """The template in this language; itself where there is no translation."""
        return _translations(self).gettext(msgid) if msgid else ""

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The template for `number` of something."""
        return _translations(self).ngettext(one, many, number)

    def figure(self, value: Figure) -> str:
        """A number, a share or a time as this language writes it."""
        if self is Language.EN:
            return str(value)
        from babel import dates, numbers

        if isinstance(value, Moment):
            at = value.stamp()
            day = dates.format_date(at, "long", locale=self.value)
            return f"{day} pukul {dates.format_time(at, 'medium', locale=self.value)} UTC"
        decimals = f"#,##0{'.' + '0' * value.digits if value.digits else ''}"
        if isinstance(value, Percent):
            return numbers.format_percent(value.share, f"{decimals}%", locale=self.value)
        sign = "+" if value.signed and value.value >= 0 else ""
        return sign + numbers.format_decimal(value.value, decimals, locale=self.value)

    def said[Value](self, value: Value) -> Value:
        """`value` with every message inside of it as text of this language.

        Goes through dataclasses, tuples, lists and mappings: a whole diagnosis
        or comparison.
        """
        return value if self is Language.EN else cast(Value, self._said(value))

    def _said(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if is_dataclass(value) and not isinstance(value, type):
            return self._said_fields(value)
        if isinstance(value, tuple):
            return tuple(self._said(item) for item in value)
        if isinstance(value, list):
            return [self._said(item) for item in value]
        if isinstance(value, dict):
            return {key: self._said(item) for key, item in value.items()}
        return value

    def _said_fields(self, value: DataclassInstance) -> DataclassInstance:
        changed = {}
        for item in fields(value):
            before = getattr(value, item.name)
            after = self._said(before)
            if after is not before:
                changed[item.name] = after
        return replace(value, **changed) if changed else value


@cache
def _translations(language: Language) -> gettext.NullTranslations:
    """The catalogue as gettext reads it, compiled from its text when first needed."""
    if language is Language.EN:
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo

    compiled = io.BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def catalogue(language: Language) -> Catalog:
    """The translations of a language with their comments and states."""
    from babel.messages.pofile import read_po

    place = resources.files("analysis.report") / "locale" / language / "LC_MESSAGES"
    with place.joinpath(f"{DOMAIN}.po").open("rb") as text:
        return read_po(text, locale=language.value, domain=DOMAIN)
