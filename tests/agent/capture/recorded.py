"""A finished capture, as the tests of this folder share it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.capture.session import Running
from agent.demo.stage import Stage


@dataclass(frozen=True)
class Recorded:
    """A finished capture, and what was true while it ran."""

    bundle: Path
    running: Running
    outcome: dict[str, Any]
    stage: Stage
    sse_sent: list[float]
