"""Text of ours that can be said in another language.

A `Message` is a ``str`` whose value is the English text, so whatever takes
text takes a message. It also keeps what it was made of: the English template
(the ``msgid`` of gettext) and its arguments, so that the report can say it
again in the reader's language (`analysis.report.language`).

Write every sentence that a user reads with `say`, and one whose form depends
on a number with `plural`:

    say("{hosts} is answered with {address}.", hosts=some(hosts), address=address)
    plural("{n} connection to {host} failed.", "{n} connections to {host} failed.", n, host=host)

The template is a literal, whole sentence: never an f-string, never glued from
halves, because word order differs between languages. Arguments are

* text of the capture (host names, errors, products): never translated, made
  printable, and never read as a template;
* messages, said in the same language;
* an ``int`` (a count, grouped by thousands) or a figure of `analysis.model.figures`
  (``Number(2.5, 1)``, ``Percent(0.3)``, ``Moment(time)``). A port, a status or a
  code is no count: give it as ``str``.

`some` lists names, `joined` puts messages one after another. Slicing, ``+``,
``join``, f-strings and ``lower`` give a plain ``str``, which stays English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from analysis.model.figures import Figure, Number
from analysis.model.printable import printable

type Argument = str | int | Figure
type Case = Literal["kept", "capital", "small"]

MOST_NAMES = 3

_LOOSE = ((" ,", ","), (" .", "."), (" ;", ";"), (" :", ":"), (":.", "."), (",.", "."), (";.", "."))
"""What a missing word leaves behind, and what it becomes."""
_PLACE = re.compile(r"\{(\w+)\}")


class Message(str):
    """English text that knows how it was made.

    `msgid` is the template, `plural` the template for several with its
    `number`, `values` the arguments by name, `first` what becomes of the first
    letter, in every language. Raises KeyError for a place without a value.
    """

    msgid: str
    plural: str | None
    number: int | None
    values: dict[str, str | Figure]
    first: Case

    def __new__(
        cls,
        msgid: str,
        values: Mapping[str, Argument],
        *,
        plural: str | None = None,
        number: int | None = None,
        first: Case = "kept",
    ) -> Message:
        kept = {name: _kept(value) for name, value in values.items()}
        template = msgid if plural is None or number == 1 else plural
        words = {name: str(value) for name, value in kept.items()}
        self = super().__new__(cls, filled(template, words, first))
        self.msgid, self.plural, self.number = msgid, plural, number
        self.values, self.first = kept, first
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.msgid, self.values, self.plural, self.number, self.first)


def _restored(
    msgid: str, values: dict[str, Argument], plural: str | None, number: int | None, first: Case
) -> Message:
    return Message(msgid, values, plural=plural, number=number, first=first)


def _kept(value: Argument) -> str | Figure:
    if isinstance(value, str):
        return printable(value)
    return Number(value) if isinstance(value, int) else value


def filled(template: str, words: Mapping[str, str], first: Case = "kept") -> str:
    """The template with a word at each place ``{name}``.

    Not str.format: a name from a capture must not act as a template. Where a
    word is empty the brackets and spaces around it go as well.
    """
    text = _PLACE.sub(lambda place: words[place[1]], template)
    if not all(words.values()):
        text = " ".join(text.replace("()", "").split())
        for loose, tight in _LOOSE:
            text = text.replace(loose, tight)
    if first == "capital":
        return text[:1].upper() + text[1:]
    if first == "small" and not text[:2].isupper():  # TLS, HTTP/3
        return text[:1].lower() + text[1:]
    return text


def say(template: str, /, **values: Argument) -> Message:
    """A message; `template` is a literal, or a cell of a table that the catalogue covers."""
    return Message(template, values)


def figure(value: Figure) -> Message:
    """A figure alone, as each language writes it."""
    return Message("{figure}", {"figure": value})


def inside(text: str) -> str:
    """What stands alone elsewhere, as part of a sentence: ``the machine's clock``."""
    return Message("{text}", {"text": text}, first="small")


def capital(text: str) -> str:
    """As the start of a sentence."""
    return Message("{text}", {"text": text}, first="capital")


def plural(one: str, many: str, number: int, /, **values: Argument) -> Message:
    """A message that depends on a number, which both templates may show as ``{n}``."""
    return Message(one, {"n": number, **values}, plural=many, number=number)


def joined(parts: Iterable[str], between: str = " ") -> str:
    """Messages and names one after another; empty ones are left out."""
    kept = [part for part in parts if part]
    if len(kept) <= 1:
        return kept[0] if kept else ""
    if not any(isinstance(part, Message) for part in kept):
        return between.join(kept)
    values = {f"p{index}": part for index, part in enumerate(kept)}
    return Message(between.join(f"{{{name}}}" for name in values), values)


def some(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """``a, b and 3 more``; the name itself for one, an empty text for none."""
    if len(names) <= 1:
        return names[0] if names else ""
    if len(names) > most:
        more = len(names) - most
        return plural(
            "{names} and {n} more", "{names} and {n} more", more, names=joined(names[:most], ", ")
        )
    return say("{names} and {last}", names=joined(names[:-1], ", "), last=names[-1])


def times_over(number: int) -> Message:
    """``once``, ``twice``, ``3 times``."""
    if number == 1:
        return say("once")
    return say("twice") if number == 2 else plural("{n} time", "{n} times", number)
