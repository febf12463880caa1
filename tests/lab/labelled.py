"""Makes a golden case of a bundle: slimmed, freed of the machine's facts, packed and labelled."""

from __future__ import annotations

import json
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.network import ROOT
from tests.lab.scene import STATUSES, catalogue_ids

CAPTURES = ROOT / "captures"
EXPECTED = CAPTURES / "expected.toml"
MAX_BYTES = 1_000_000
PLAIN_HOST = {"os": "Linux", "python": "3.12", "timezone": "+0000"}
"""Facts that a golden case keeps no trace of."""
_STAMP = (2026, 1, 1, 0, 0, 0)
_FILES = ("session.json", "flows.mitm", "events.jsonl", "packets.pcapng")


class LabelError(ValueError):
    """A bundle or label that cannot be taken; the text says why."""


def add(
    bundle: Path,
    name: str,
    causes: Sequence[str],
    statuses: Sequence[str],
    subjects: Sequence[str],
    *,
    captures: Path = CAPTURES,
) -> Path:
    """Pack `bundle` as `captures/<name>.zip` and write its label to expected.toml.

    Raises LabelError for an unknown cause, a name that is taken, or a bundle that is none or
    stays too large.
    """
    known = catalogue_ids()
    for cause in causes:
        if cause not in known:
            raise LabelError(f"{cause!r} is no finding id; see analysis/knowledge/findings.tsv")
    for status in statuses:
        if status not in STATUSES:
            raise LabelError(f"{status!r} is no status; it is one of {', '.join(STATUSES)}")
    out = captures / f"{name}.zip"
    expected = captures / "expected.toml"
    if out.exists() or f"{name}.zip" in tomllib.loads(expected.read_text(encoding="utf-8")):
        raise LabelError(f"{out.name} is there already; choose another --name")
    pack(bundle, out)
    lines = [f'\n["{out.name}"]']
    if causes:
        lines.append(f"primary = {json.dumps(list(causes))}")
    right = list(statuses) or (["blocked", "impaired"] if causes else ["ok"])
    lines.append(f"status = {json.dumps(right)}")
    if causes:
        lines.append(f"subjects = {json.dumps(list(subjects))}")
    with expected.open("a", encoding="utf-8") as text:
        text.write("\n".join(lines) + "\n")
    return out


def pack(bundle: Path, out: Path) -> None:
    """Zip a bundle folder without what names the machine; always the same for the same bundle."""
    if not (bundle / "session.json").is_file():
        raise LabelError(f"{bundle} is no bundle of `chatpath capture`: it has no session.json")
    session = json.loads((bundle / "session.json").read_text(encoding="utf-8"))
    session["host"] = _plain(session.get("host"))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / out.name
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(_FILES):
                path = bundle / name
                if not path.is_file():
                    continue
                data = path.read_bytes()
                if name == "session.json":
                    data = (json.dumps(session, indent=1) + "\n").encode()
                entry = zipfile.ZipInfo(name, _STAMP)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data)
        size = made.stat().st_size
        if size >= MAX_BYTES:
            raise LabelError(
                f"packed it has {size} bytes, and {MAX_BYTES} are allowed; record a shorter session"
            )
        out.write_bytes(made.read_bytes())


def _plain(host: Any) -> dict[str, Any]:
    """What a diagnosis needs of the machine (routes, tunnels, proxies) without what names it."""
    return {**(host if isinstance(host, dict) else {}), **PLAIN_HOST}
