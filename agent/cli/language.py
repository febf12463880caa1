"""The language of this run: what ``--lang`` names, else that of the system."""

from __future__ import annotations

import locale
import os
import sys

from analysis.report.language import Language

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first that is set counts, as for every program of POSIX."""


def chosen(lang: Language | None) -> Language:
    """`lang`, else the system's language where chatpath speaks it, else English."""
    if lang is not None:
        return lang
    code = _system_locale().replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return next((language for language in Language if language.value == code), Language.EN)


def _system_locale() -> str:
    """Such as ``id_ID.UTF-8``; empty where nothing is set."""
    named = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    if named or sys.platform != "win32":
        return named
    import ctypes

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
