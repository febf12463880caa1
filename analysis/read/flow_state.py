"""The records of a flow file, each as the state that today's mitmproxy would give it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from io import BufferedReader, FileIO
from pathlib import Path
from typing import cast

from mitmproxy import version

from analysis.knowledge.secrets import redact_text
from analysis.model.message import say
from analysis.read.tnetstring import NetstringError, Parser, records

type State = Mapping[str, object]

_UNUSED = (
    *(b"backup", b"metadata", b"comment", b"marked", b"client_conn", b"trailers"),
    *(b"cipher_list", b"alpn_offers", b"mitmcert"),
)
_BODIES = (b"content",)
_ALIKE = (b"server_conn",)


class FlowStates:
    """Iterates over the flows of a file; what stopped or disturbed it is in `problems`.

    An HTTP flow's state lacks what no table needs; a body is a memoryview. The
    parts of a state may be shared with the next one, so they must not be changed.
    """

    def __init__(self, path: Path) -> None:
        self.problems: list[str] = []
        self.damaged = 0
        self._path = path
        self._lean = Parser(_UNUSED, _BODIES, _ALIKE)
        self._full = Parser()

    def __iter__(self) -> Iterator[State]:
        count = 0
        with BufferedReader(FileIO(self._path), 1 << 20) as file:
            try:
                for data in records(file, os.fstat(file.fileno()).st_size):
                    count += 1
                    state = self._state(data)
                    if state is not None:
                        yield state
            except NetstringError as error:
                self.problems.append(
                    say(
                        "the file cannot be read beyond flow {count}: {error}",
                        count=str(count),
                        error=redact_text(str(error), 120),
                    )
                )

    def _state(self, data: bytes) -> State | None:
        """The state in a record; None when it is damaged or of a version yet unknown."""
        # a hostile record makes mitmproxy's converters raise whatever its fields raise
        try:
            state = self._lean.parse(data)
            if state.get("version") == version.FLOW_FORMAT_VERSION and state.get("type") == "http":
                return state
            # few files need it, and it loads nearly all of mitmproxy
            from mitmproxy.io import compat

            whole = cast("dict[bytes | str, object]", self._full.parse(data))
            return cast("State", compat.migrate_flow(whole))
        except Exception as error:
            if isinstance(error, ValueError) and "flow format version" in str(error):
                problem = f"a flow cannot be read: {redact_text(str(error), 160)}"
                self.problems += [problem] if problem not in self.problems[:8] else []
            self.damaged += 1
            return None
