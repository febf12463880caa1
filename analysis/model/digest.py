"""SHA-256 of a file, on a thread of its own: nobody waits for it who has other work to do."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Thread


class FileDigest:
    """The hash of a file as it is now; taking it begins at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: str | None = None
        self._thread = Thread(target=self._take, name="sha256", daemon=True)
        self._thread.start()

    def hexdigest(self) -> str | None:
        """The hash; None where the file cannot be read. Waits for it."""
        self._thread.join()
        return self._found

    def _take(self) -> None:
        try:
            if self._path.is_file():  # a pipe would never end
                with self._path.open("rb") as file:
                    self._found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return
