"""The hosts of ChatGPT: what each is for, and what breaks without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from analysis.knowledge import table
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class HostRule:
    """One row of hosts.tsv.

    `pattern` is a host name in which ``*`` stands for anything; ``@name`` rows
    are groups of addresses and match no host. `path` narrows the row to a part
    of the host. `allowlist` says how OpenAI's published list covers it: named,
    wildcard, apex (only ``*.host`` is listed, not the host itself) or no.
    """

    pattern: str
    path: str
    port: str
    purpose: str
    essential: bool
    harmless: bool
    surface: tuple[str, ...]
    breaks: str
    allowlist: str
    intercept: bool
    source: str
    date: str
    confidence: str
    lists: str

    @property
    def wildcard(self) -> bool:
        """A bare ``*.domain``: what hides behind a name it matches is not known."""
        return self.pattern.startswith("*.")


def host_regex(pattern: str) -> str:
    """A regex for one pattern: a leading ``*.`` is any depth, an inner ``*`` one label's part."""
    if pattern.startswith("*."):
        return r"(?:[^.]+\.)+" + re.escape(pattern[2:])
    return re.escape(pattern).replace(r"\*", "[^.]+")


def normal(host: str) -> str:
    """Host name in lower case, without port, brackets and the final dot."""
    host = host.strip().lower()
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.strip("[]").rstrip(".")


class Hosts:
    """Look-ups over the host rules. Names are compared in lower case."""

    def __init__(self, rules: tuple[HostRule, ...]) -> None:
        self.rules = rules
        self._exact: dict[str, list[HostRule]] = {}
        self._globs: list[tuple[re.Pattern[str], HostRule]] = []
        for rule in rules:
            if rule.pattern.startswith("@"):
                continue
            if "*" in rule.pattern:
                self._globs.append((re.compile(host_regex(rule.pattern)), rule))
            else:
                self._exact.setdefault(rule.pattern, []).append(rule)
        # the longest pattern is the most specific; a bare wildcard comes after an inner one
        self._globs.sort(key=lambda item: (item[1].wildcard, -len(item[1].pattern)))
        self._matched = lru_cache(maxsize=4096)(self._match)

    def match(self, host: str, path: str | None = None) -> HostRule | None:
        """The most specific rule for a host, or None when it is not listed."""
        path = None if path is None else path.partition("?")[0]
        return self._matched(normal(host)[:255], path)

    def _match(self, host: str, path: str | None) -> HostRule | None:
        exact = self._exact.get(host, ())
        if path is not None:
            narrowed = [rule for rule in exact if rule.path and _path_matches(rule.path, path)]
            if narrowed:
                return max(narrowed, key=lambda rule: len(rule.path))
        for rule in exact:
            if not rule.path:
                return rule
        for regex, rule in self._globs:
            if regex.fullmatch(host):
                return rule
        return None

    def is_chatgpt(self, host: str) -> bool:
        """True when the host belongs to the listed patterns."""
        return self.match(host) is not None

    def essential(self, host: str, path: str | None = None) -> bool:
        """True when ChatGPT does not work without it."""
        rule = self.match(host, path)
        return rule is not None and rule.essential

    def harmless(self, host: str, path: str | None = None) -> bool:
        """True for telemetry and marketing: the user sees nothing when it is blocked."""
        rule = self.match(host, path)
        return rule is not None and rule.harmless

    def intercept_patterns(self) -> tuple[str, ...]:
        """Regexes for mitmproxy's ``allow_hosts``, searched in ``host:port``.

        Only hosts of the service itself: sign-in and file pickers of others,
        payment and bank hosts are never opened.
        """
        chosen = {rule.pattern for rule in self.rules if rule.intercept}
        wide = {pattern for pattern in chosen if pattern.startswith("*.")}
        covers = [re.compile(host_regex(pattern)) for pattern in wide]
        narrow = {
            pattern
            for pattern in chosen - wide
            if not any(cover.fullmatch(pattern) for cover in covers)
        }
        return tuple(rf"^{host_regex(pattern)}:\d+$" for pattern in sorted(wide | narrow))


def _path_matches(glob: str, path: str) -> bool:
    if glob.endswith("*"):
        return path.startswith(glob[:-1])
    return path == glob


@cache
def hosts() -> Hosts:
    """The host rules, read once."""
    required = ("pattern", "purpose", "breaks", "source", "date", "confidence")
    return Hosts(
        tuple(
            HostRule(
                pattern=row["pattern"],
                path=row["path"],
                port=row["port"],
                purpose=say(row["purpose"]),
                essential=table.flag(row, "essential"),
                harmless=table.flag(row, "harmless"),
                surface=table.listed(row["surface"]),
                breaks=row["breaks"],
                allowlist=row["allowlist"],
                intercept=table.flag(row, "intercept"),
                source=row["source"],
                date=row["date"],
                confidence=row["confidence"],
                lists=row["lists"],
            )
            for row in table.rows("hosts", required)
        )
    )
