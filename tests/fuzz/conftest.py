"""The packet builder of the reader's tests makes the seeds here as well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "analysis" / "read" / "packets"))
