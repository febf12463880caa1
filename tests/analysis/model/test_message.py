"""Messages are English text that keeps what it was made of."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest

from analysis.model.diagnosis import Coverage
from analysis.model.figures import Moment, Number, Percent, whole_percent
from analysis.model.message import Message, joined, plural, say, some, times_over
from analysis.model.printable import printable


def test_a_message_is_its_english_text() -> None:
    made = say("{host} waits {wait} ms.", host="a.example", wait=Number(1234.56, 1))
    assert made == "a.example waits 1,234.6 ms."
    assert isinstance(made, Message)
    assert made.values == {"host": "a.example", "wait": Number(1234.56, 1)}


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows")]
)
def test_a_number_chooses_the_form(number: int, text: str) -> None:
    assert plural("{n} row", "{n} rows", number) == text


def test_text_of_a_capture_is_no_template_and_is_made_printable() -> None:
    made = say("{host} and {other}", host="{other}\u202e{0}", other="b\x1b[31m")
    assert made == "{other}{0} and b[31m"


def test_a_place_without_a_value_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        say("{host} is gone")


def test_an_empty_word_takes_its_brackets_along() -> None:
    assert say("It was cut ({detail}) by {who}.", detail="", who="") == "It was cut by."


def test_a_capital_starts_the_sentence_whatever_comes_first() -> None:
    assert Message("{vendor} blocks it.", {"vendor": "a filter"}, first="capital") == (
        "A filter blocks it."
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b"), "a and b"),
        (("a", "b", "c"), "a, b and c"),
        (("a", "b", "c", "d", "e"), "a, b, c and 2 more"),
    ],
)
def test_names_are_listed(names: tuple[str, ...], text: str) -> None:
    assert some(names) == text


def test_one_name_of_ours_stays_a_message() -> None:
    assert isinstance(some([say("the resolver")]), Message)


def test_joined_leaves_out_what_is_empty() -> None:
    assert joined(["", say("One."), "", say("Two.")]) == "One. Two."
    assert joined([]) == ""


def test_times() -> None:
    assert [times_over(number) for number in (1, 2, 3)] == ["once", "twice", "3 times"]


def test_a_message_survives_pickling_copying_and_a_dataclass() -> None:
    made = plural("{n} answer by {host}", "{n} answers by {host}", 3, host=say("{x}!", x="y"))
    area = replace(Coverage("dns", assessed=True, reason=""), reason=made)
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), area.reason):
        assert isinstance(other, Message)
        assert (other, other.msgid, other.plural, other.number, other.values) == (
            made,
            made.msgid,
            made.plural,
            3,
            made.values,
        )


def test_printable_text_stays_the_same_object() -> None:
    made = say("{n} rows", n=3)
    assert printable(made) is made
    assert printable("a\u200b  b") == "a b"


def test_figures_in_english() -> None:
    assert str(Number(0.04, 1, signed=True)) == "+0.0"
    assert str(Percent(0.123, 1)) == "12.3%"
    assert str(Moment(1795840212)) == "28 Nov 2026, 04:30:12 UTC"
    assert str(whole_percent(0.9999)) == "99%"


@pytest.mark.parametrize("seconds", [1e300, -1e18, float("nan"), float("inf")])
def test_a_moment_that_no_calendar_has(seconds: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Moment(seconds)
