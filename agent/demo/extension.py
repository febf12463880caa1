"""A minimal browser extension that blocks scripts, as a content blocker does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

_MANIFEST = {
    "manifest_version": 3,
    "name": "chatpath demo blocker",
    "version": "1.0",
    "permissions": ["declarativeNetRequest"],
    "host_permissions": ["https://chatgpt.com/*"],
    "declarative_net_request": {
        "rule_resources": [{"id": "blocked", "enabled": True, "path": "rules.json"}]
    },
}


def write_extension(folder: Path, paths: Sequence[str]) -> Path:
    """Write an unpacked Manifest V3 extension that blocks scripts at these URL paths.

    It is written for each run, because the browser puts its own index of the rules beside them.
    """
    folder.mkdir(parents=True)
    rules = [
        {
            "id": number,
            "priority": 1,
            "action": {"type": "block"},
            "condition": {"urlFilter": path, "resourceTypes": ["script"]},
        }
        for number, path in enumerate(paths, start=1)
    ]
    (folder / "manifest.json").write_text(json.dumps(_MANIFEST), encoding="utf-8")
    (folder / "rules.json").write_text(json.dumps(rules), encoding="utf-8")
    return folder
