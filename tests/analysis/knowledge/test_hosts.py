"""The host table: every row is usable, and look-ups pick the most specific row."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from analysis.knowledge import hosts


@pytest.mark.parametrize(
    ("host", "path", "pattern", "row_path"),
    [
        ("chatgpt.com", None, "chatgpt.com", ""),
        ("ChatGPT.com.", "/", "chatgpt.com", ""),
        ("chatgpt.com:443", "/ces/v1/t?x=1", "chatgpt.com", "/ces/*"),
        ("ws.chatgpt.com", None, "ws.chatgpt.com", ""),
        ("new.chatgpt.com", None, "*.chatgpt.com", ""),
        ("sdmntprwestus3.oaiusercontent.com", "/files/x", "sdmntpr*.oaiusercontent.com", ""),
        ("a.web-sandbox.oaiusercontent.com", None, "*.web-sandbox.oaiusercontent.com", ""),
    ],
)
def test_most_specific_row_wins(host: str, path: str | None, pattern: str, row_path: str) -> None:
    rule = hosts().match(host, path)
    assert rule is not None
    assert (rule.pattern, rule.path) == (pattern, row_path)


@pytest.mark.parametrize(
    "host", ["chatgtp.com", "notchatgpt.com", "chatgpt.com.evil.example", "", "@chatgpt-voice-ips"]
)
def test_foreign_names_match_nothing(host: str) -> None:
    assert hosts().match(host) is None
    assert not hosts().is_chatgpt(host)


def test_essential_and_harmless_are_judged_by_path() -> None:
    assert hosts().essential("chatgpt.com", "/cdn/assets/a.js")
    assert hosts().harmless("chatgpt.com", "/ces/v1/t")
    assert not hosts().essential("chatgpt.com", "/ces/v1/t")
    assert not hosts().harmless("unlisted.example")


def test_rows_are_unique_and_consistent() -> None:
    rules = hosts().rules
    keys = Counter((rule.pattern, rule.path) for rule in rules)
    assert [key for key, times in keys.items() if times > 1] == []
    assert [rule.pattern for rule in rules if rule.essential and rule.harmless] == []
    assert {rule.allowlist for rule in rules} == {"named", "wildcard", "apex", "no"}
    assert {rule.confidence for rule in rules} <= {"documented", "reported", "inferred"}


def _intercepted(target: str) -> bool:
    return any(re.search(pattern, target) for pattern in hosts().intercept_patterns())


@pytest.mark.parametrize(
    "target",
    [
        "chatgpt.com:443",
        "ws.chatgpt.com:8443",
        "api.openai.com:443",
        "auth-cdn.oaistatic.com:443",
        "challenges.cloudflare.com:443",
    ],
)
def test_hosts_of_the_service_are_intercepted(target: str) -> None:
    assert _intercepted(target)


@pytest.mark.parametrize(
    "target",
    [
        "accounts.google.com:443",
        "contoso.sharepoint.com:443",
        "js.stripe.com:443",
        "production.plaid.com:443",
        "o33249.ingest.sentry.io:443",
        "evilchatgpt.com:443",
        "chatgpt.com.evil.example:443",
        "chatgptxcom:443",
        "x.example:443 chatgpt.com:443",
    ],
)
def test_hosts_of_others_are_never_intercepted(target: str) -> None:
    assert not _intercepted(target)
