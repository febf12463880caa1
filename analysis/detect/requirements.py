"""OpenAI's published host list against this session: each entry ok, blocked or not seen.

Not seen is not blocked, and one host that works does not clear what a wildcard
hides.  The published list names ``*.chatgpt.com`` but not ``chatgpt.com``: where
a product does not take the one for the other, the app itself stays blocked (the
apex trap).  Source: hosts.tsv (OpenAI help article 9247338).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from analysis.detect.dns_answers import Answer, answers, good_by_host, telemetry_answers
from analysis.detect.once import once
from analysis.detect.reach import reach_of
from analysis.detect.support import records, rule_of, where, without_own_leg
from analysis.detect.voice import find_voice_udp_blocked, voice_talks
from analysis.knowledge import hosts
from analysis.knowledge.browser_errors import OWN, request_error
from analysis.knowledge.hosts import HostRule, host_regex
from analysis.model.frames import Tables

OK, BLOCKED, NOT_SEEN = "ok", "blocked", "not_seen"
VOICE = "@chatgpt-voice-ips"
_ALSO = ("ws.chatgpt.com",)
"""Required by the same article in its text: the websocket."""
_TRIES = 2
"""Failed connections that make a host blocked: one may be an accident."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One entry of the list: its state, and the hosts of it that were seen, worst first."""

    rule: HostRule
    status: str
    seen: tuple[str, ...]
    blocked: tuple[str, ...]

    @property
    def apex(self) -> bool:
        """Not on the list itself: only ``*.`` of it is."""
        return self.rule.allowlist == "apex"


@cache
def _entries() -> tuple[tuple[re.Pattern[str], HostRule], ...]:
    """Published entries, the most specific first."""
    rules = [
        rule
        for rule in hosts().rules
        if not rule.path
        and (rule.allowlist in ("named", "apex") or rule.pattern in _ALSO)
        and not rule.pattern.startswith("@")
    ]
    rules.sort(key=lambda rule: (rule.wildcard, -len(rule.pattern)))
    return tuple((re.compile(host_regex(rule.pattern)), rule) for rule in rules)


def _entry_of(host: str) -> str | None:
    return next((rule.pattern for regex, rule in _entries() if regex.fullmatch(host)), None)


@once
def requirements(tables: Tables) -> list[Requirement]:
    """Every entry of the list, in the order of hosts.tsv, and voice."""
    states = _host_states(tables)
    by_entry: dict[str, dict[str, str]] = {}
    for host, state in states.items():
        entry = _entry_of(host)
        if entry is not None:
            by_entry.setdefault(entry, {})[host] = state
    listed = {rule.pattern for _, rule in _entries()}
    found = [
        _scored(rule, by_entry.get(rule.pattern, {}))
        for rule in hosts().rules
        if rule.pattern in listed and not rule.path
    ]
    return [*found, *_voice(tables)]


def _scored(rule: HostRule, states: dict[str, str]) -> Requirement:
    blocked = tuple(sorted(host for host, state in states.items() if state == BLOCKED))
    worked = any(state == OK for state in states.values())
    status = BLOCKED if blocked else OK if worked else NOT_SEEN
    return Requirement(rule, status, tuple(sorted(states)), blocked)


def _voice(tables: Tables) -> list[Requirement]:
    rule = next((rule for rule in hosts().rules if rule.pattern == VOICE), None)
    if rule is None:
        return []
    talks = voice_talks(tables)
    seen = tuple(sorted({row["server"] for row in talks if row["server"]}))
    if next(find_voice_udp_blocked(tables), None) is not None:
        return [Requirement(rule, BLOCKED, seen, seen)]
    return [Requirement(rule, OK if any(row["answered"] for row in talks) else NOT_SEEN, seen, ())]


def _host_states(tables: Tables) -> dict[str, str]:
    """Listed hosts that were asked for, and whether they could be used."""
    looked_up = [*answers(tables), *telemetry_answers(tables)]
    good = good_by_host(looked_up)
    asked = {answer.host for answer in looked_up}
    refused = {answer.host for answer in looked_up if _taken_away(answer)}
    for name, column in (("connections", "host"), ("http", "host"), ("tls", "sni")):
        asked |= set(where(tables[name], column, _listed)[column].dropna())
    reach = reach_of(tables, frozenset(asked))
    reset = _reset_hosts(tables)
    states = {}
    for host in asked:
        denied = host in refused and host not in good
        failed = [row for row in reach[host].failed if request_error(row.get("error")) != OWN]
        lost = len(failed) >= _TRIES or host in reset
        if reach[host].worked:
            states[host] = OK
        elif denied or lost:
            states[host] = BLOCKED
        else:
            states[host] = NOT_SEEN
    return states


def _taken_away(answer: Answer) -> bool:
    """A name that only a bare wildcard covers may be retired, so a plain denial is not enough."""
    rule = rule_of(answer.host)
    if rule is None or rule.wildcard:
        return answer.sunk or answer.name_vendor is not None
    return answer.failed


def _listed(name: str) -> bool:
    return rule_of(name) is not None


def _reset_hosts(tables: Tables) -> set[str]:
    """Hosts whose every ClientHello was met by a reset, at least twice."""
    hellos, tcp = without_own_leg(tables["tls"], tables), tables["tcp"]
    if hellos.empty or tcp.empty:
        return set()
    silent = where(hellos[hellos["server_hello_ms"].isna()], "sni", _listed)
    reset = tcp[(tcp["reset_by"] == "server").fillna(False)][["source", "stream"]]
    names = [row["sni"] for row in records(silent.merge(reset, on=["source", "stream"]))]
    return {name for name in names if names.count(name) >= _TRIES}
