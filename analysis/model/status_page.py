"""What a status page's JSON states, as short lines.

Two forms are known of ``status.openai.com`` (incident.io): the Statuspage form
of ``/api/v2/*.json`` and the page's own ``/proxy/...`` form.  What is in order is
not listed, but for ``indicator none``.
"""

from __future__ import annotations

from collections.abc import Iterator

STATUS_HOSTS = frozenset({"status.openai.com"})
MAX_LINES = 100
MAX_ITEMS = 1000
_FINE = frozenset({"operational", "resolved", "completed", "postmortem", "scheduled"})


def status_lines(payload: object) -> list[str]:
    """Lines such as ``indicator major``, ``Conversations: partial_outage`` and
    ``incident investigating: Elevated error rates``; [] for anything else."""
    if not isinstance(payload, dict):
        return []
    ready = payload.get("status_page")
    if isinstance(ready, list):
        return [line[:200] for line in ready[:MAX_LINES] if isinstance(line, str)]
    summary = payload.get("summary")
    lines = _own_form(summary) if isinstance(summary, dict) else _statuspage_form(payload)
    return [line for line, _ in zip(lines, range(MAX_LINES), strict=False)]


def _statuspage_form(payload: dict[str, object]) -> Iterator[str]:
    status = payload.get("status")
    if isinstance(status, dict) and (indicator := _word(status, "indicator")):
        yield f"indicator {indicator}"
    for part in _dicts(payload.get("components")):
        name, state = _word(part, "name"), _word(part, "status")
        if name and state and state not in _FINE:
            yield f"{name}: {state}"
    yield from _incidents(payload.get("incidents"))


def _own_form(summary: dict[str, object]) -> Iterator[str]:
    names = {_word(part, "id"): _word(part, "name") for part in _dicts(summary.get("components"))}
    affected = list(_dicts(summary.get("affected_components")))
    incidents = list(_incidents(summary.get("ongoing_incidents")))
    if not affected and not incidents:
        yield "indicator none"
    for part in affected:
        name, state = names.get(_word(part, "component_id")), _word(part, "status")
        if state and state not in _FINE:
            yield f"{name or 'a component'}: {state}"
    yield from incidents


def _incidents(listed: object) -> Iterator[str]:
    for incident in _dicts(listed):
        name, state = _word(incident, "name"), _word(incident, "status")
        if name and state and state not in _FINE:
            impact = _word(incident, "impact")
            yield f"incident {state}{f' ({impact})' if impact else ''}: {name}"


def _dicts(value: object) -> Iterator[dict[str, object]]:
    for item in value[:MAX_ITEMS] if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def _word(holder: dict[str, object], key: str) -> str | None:
    value = holder.get(key)
    return value[:120] if isinstance(value, str) and value else None
