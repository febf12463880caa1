"""The language of this run: what ``--lang`` names, else that of the system."""

from __future__ import annotations

import locale
import os
import sys

from analysis.report.language import Language

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first that is set counts, as for every program of POSIX."""


_of_this_run: list[Language] = []


def chosen(lang: Language | None) -> Language:
    """`lang`, else the system's language where chatpath speaks it, else English.

    What is chosen is the language of all that is told from then on.
    """
    found = lang or _of_the_system()
    _of_this_run[:] = [found]
    return found


def told(sentence: str) -> str:
    """A sentence for the terminal in the language of this run."""
    language = _of_this_run[0] if _of_this_run else _of_the_system()
    return language.text(sentence)


def _of_the_system() -> Language:
    code = _system_locale().replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return next((language for language in Language if language.value == code), Language.EN)


def _system_locale() -> str:
    """Such as ``id_ID.UTF-8``; empty where nothing is set."""
    named = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    if named or sys.platform != "win32":
        return named
    import ctypes

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
