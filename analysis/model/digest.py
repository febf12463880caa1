"""SHA-256 of a file, on a thread of its own: nobody waits for it who has other work to do."""

from __future__ import annotations

import hashlib
from io import BufferedReader
from pathlib import Path
from threading import Thread


class FileDigest:
    """The hash of a file as it is now; taking it begins at once."""

    def __init__(self, path: Path) -> None:
        self._found: str | None = None
        try:
            # opened here, so that it may be moved or removed meanwhile; a pipe would never end
            file = path.open("rb") if path.is_file() else None
        except OSError:
            file = None
        self._thread: Thread | None = None
        if file is not None:
            self._thread = Thread(target=self._take, args=(file,), name="sha256", daemon=True)
            self._thread.start()

    def hexdigest(self) -> str | None:
        """The hash; None where the file cannot be read. Waits for it."""
        if self._thread is not None:
            self._thread.join()
        return self._found

    def _take(self, file: BufferedReader) -> None:
        with file:
            try:
                self._found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                return
