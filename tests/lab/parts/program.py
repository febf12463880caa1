"""What all parts share: a real program in a namespace, ready when its own words say so."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.lab.network import Namespace

_START_SECONDS = 40.0  # a guard against a program that hangs; nothing waits for it to pass
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class PartError(RuntimeError):
    """A part did not start; the message carries the program's last words."""


class Program:
    """A program in `host`: `with Unbound(network.resolver, ...) as part: ...`.

    A subclass names the `command`, its Debian `package`, the line of output (a regular expression)
    that says it is `ready`, and gives `argv`. `lines` is all that it has printed.
    """

    command: ClassVar[str]
    package: ClassVar[str]
    ready: ClassVar[str]
    version_argv: ClassVar[Sequence[str]] = ("--version",)

    def __init__(self, host: Namespace) -> None:
        self.host = host
        self.lines: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._told = threading.Event()
        self._reader: threading.Thread | None = None

    def argv(self, folder: Path) -> list[str]:
        """The command line; files it needs are written below `folder`."""
        raise NotImplementedError

    @classmethod
    def why_not(cls) -> str | None:
        """Why it can't run here, or None."""
        if find(cls.command) is None:
            return f"needs {cls.command} (Debian package {cls.package})"
        return None

    @classmethod
    def version(cls) -> str:
        """Name and version as the program itself tells them, such as `unbound 1.17.1`."""
        path = find(cls.command)
        if path is None:
            return f"{cls.command} (absent)"
        told = subprocess.run(
            [path, *cls.version_argv], capture_output=True, text=True, check=False, timeout=60
        )
        number = re.search(r"\d+\.\d[\w.+-]*", told.stdout + told.stderr)
        return f"{cls.command} {number[0] if number else '(version not told)'}"

    def __enter__(self) -> Self:
        reason = self.why_not()
        if reason is not None:
            raise PartError(f"{type(self).__name__} can't start: {reason}")
        self._folder = tempfile.TemporaryDirectory(prefix=f"lab-{self.command}-")
        folder = Path(self._folder.name)
        folder.chmod(0o777)  # squid and openvpn give their privileges away
        try:
            self._start(self.argv(folder))
            self.started(folder)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def started(self, folder: Path) -> None:
        """What is left to do once the program is ready."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.host.stop(self._process)
            self._process = None
        if self._reader is not None:
            self._reader.join()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _start(self, argv: Sequence[str]) -> None:
        self._process = self.host.popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        told = self._told.wait(_START_SECONDS)
        if not told or not self._is_ready:
            words = " / ".join(self.lines[-4:]) or "nothing"
            raise PartError(f"{self.command} did not become ready; it said: {words}")

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())
                if re.search(self.ready, line):
                    self._told.set()
        self._told.set()

    @property
    def _is_ready(self) -> bool:
        return any(re.search(self.ready, line) for line in self.lines)


def find(command: str) -> str | None:
    """Where a program is; Debian keeps daemons where a user's PATH does not look."""
    return shutil.which(command) or shutil.which(command, path=":".join(_SBIN))
