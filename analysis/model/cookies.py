"""What Cookie headers tell without their content."""

from __future__ import annotations

from collections.abc import Iterable


def cookie_conflicts(headers: Iterable[str]) -> int:
    """Names that the values of Cookie headers carry more than once with different values.

    Two cookies of one name (of different paths or domains) make a service read
    the older one (RFC 6265 section 5.4 leaves the choice to it).
    """
    found: dict[str, str] = {}
    twice: set[str] = set()
    for part in ";".join(headers).split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and found.setdefault(name, value) != value:
            twice.add(name)
    return len(twice)
