"""Rules that a user adds: detectors from an installed package or from a file.

A rule is a function that takes the tables and yields findings, like those of
`analysis.detect`. A package offers one through the entry-point group
``chatpath.detectors``; a file named with ``--rules`` offers every function in
it whose name starts with ``find_``. `docs/rules.md` has an example.

A rule runs with the user's own rights, so it is only ever taken from what the
user installed or named, never from a capture.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model.errors import UsageError
from analysis.model.message import say

if TYPE_CHECKING:
    from analysis.detect import Detector
    from analysis.model.diagnosis import Finding
    from analysis.model.frames import Tables

GROUP = "chatpath.detectors"
PREFIX = "find_"

type Warn = Callable[[str], None]


def added_detectors(files: Sequence[Path], warn: Warn) -> list[Detector]:
    """The rules of installed packages, then those of `files`.

    A rule that fails while it judges, or yields what is no finding, is left out
    from there on and `warn` gets a sentence: the rest of the diagnosis stands.
    Raises UsageError for a file that cannot be used.
    """
    named = [*_installed(warn), *(rule for file in files for rule in _of_file(file))]
    return [_Guarded(name, function, warn) for name, function in named]


def _installed(warn: Warn) -> Iterator[tuple[str, Detector]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            yield f"{point.name} ({point.value})", point.load()
        except Exception as error:
            warn(
                say(
                    "The installed rule {rule} could not be loaded ({error}); update it.",
                    rule=point.name,
                    error=_said(error),
                )
            )


def _of_file(path: Path) -> list[tuple[str, Detector]]:
    if not path.is_file():
        raise UsageError(
            say("There is no file {path}; name a Python file with --rules.", path=str(path))
        )
    spec = importlib.util.spec_from_file_location(f"chatpath_rules_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(
            say("{path} is no Python file; name one that ends in .py with --rules.", path=str(path))
        )
    module = importlib.util.module_from_spec(spec)
    # dataclasses and typing look their module up by name
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(
            say("{path} could not be run ({error}); mend it.", path=str(path), error=_said(error))
        ) from error
    found = [
        (f"{name} of {path.name}", value)
        for name, value in vars(module).items()
        if name.startswith(PREFIX)
        and callable(value)
        and getattr(value, "__module__", None) == spec.name
    ]
    if not found:
        raise UsageError(
            say(
                "{path} defines no function whose name starts with {prefix}; see docs/rules.md.",
                path=str(path),
                prefix=PREFIX,
            )
        )
    return found


class _Guarded:
    """A foreign detector that cannot take the diagnosis down."""

    def __init__(self, name: str, function: Detector, warn: Warn) -> None:
        self._name = name
        self._function = function
        self._warn = warn

    def __call__(self, tables: Tables) -> Iterator[Finding]:
        from analysis.model.diagnosis import Finding, is_finding_id

        try:
            for finding in self._function(tables):
                if not isinstance(finding, Finding) or not is_finding_id(finding.id):
                    self._warn(
                        say(
                            "The rule {rule} yielded something that is no finding with an id such "
                            "as acme.pac_server; its other findings stand.",
                            rule=self._name,
                        )
                    )
                    continue
                yield finding
        except Exception as error:  # a foreign rule may raise anything
            self._warn(
                say(
                    "The rule {rule} failed ({error}) and was left out; mend it and analyze the "
                    "capture again.",
                    rule=self._name,
                    error=_said(error),
                )
            )


def _said(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
