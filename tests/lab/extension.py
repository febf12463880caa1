"""The lab's browser extension: a small Manifest V3 blocker with rules of filter lists."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.scene import BrowserPlan

_MANIFEST = {
    "manifest_version": 3,
    "name": "Lab blocker",
    "version": "1.0",
    "permissions": ["declarativeNetRequest"],
    "host_permissions": ["<all_urls>"],
    "declarative_net_request": {
        "rule_resources": [{"id": "rules", "enabled": True, "path": "rules.json"}]
    },
}


def write_extension(folder: Path, plan: BrowserPlan) -> Path | None:
    """Write the unpacked extension that the plan asks for; None when it asks for none."""
    if not plan.block and not plan.headers:
        return None
    rules: list[dict[str, object]] = [
        {
            "id": number,
            "priority": 1,
            "action": {"type": "block"},
            "condition": {"urlFilter": text, "resourceTypes": list(plan.resources)},
        }
        for number, text in enumerate(plan.block, start=1)
    ]
    for name, value in plan.headers.items():
        change = {"header": name, "operation": "set" if value else "remove"}
        rules.append(
            {
                "id": len(rules) + 1,
                "priority": 1,
                "action": {
                    "type": "modifyHeaders",
                    "requestHeaders": [{**change, "value": value} if value else change],
                },
                "condition": {"urlFilter": "||chatgpt.com", "resourceTypes": list(plan.resources)},
            }
        )
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(_MANIFEST), encoding="utf-8")
    (folder / "rules.json").write_text(json.dumps(rules), encoding="utf-8")
    return folder
