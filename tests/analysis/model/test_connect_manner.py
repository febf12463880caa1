"""How a connection failed, in the words of every system that chatpath reads."""

from __future__ import annotations

import pytest

from analysis.model.connect_error import manner


@pytest.mark.parametrize(
    ("error", "how"),
    [
        ("[Errno 111] Connect call failed ('104.18.32.47', 443)", "refused"),
        ("[Errno 61] Connection refused", "refused"),
        ("[WinError 10061] No connection could be made", "refused"),
        ("net::ERR_CONNECTION_REFUSED", "refused"),
        ("[Errno 110] Connect call failed ('104.18.32.47', 443)", "timed out"),
        ("net::ERR_CONNECTION_TIMED_OUT", "timed out"),
        ("[Errno 113] No route to host", "unreachable"),
        ("net::ERR_ADDRESS_UNREACHABLE", "unreachable"),
        ("[Errno 104] Connection reset by peer", "reset"),
        ("net::ERR_CONNECTION_RESET", "reset"),
        ("net::ERR_EMPTY_RESPONSE", "closed"),
        ("net::ERR_BLOCKED_BY_CLIENT", None),
        ("[Errno -2] Name or service not known", None),
        ("[Errno 1110] something", None),
        ("", None),
    ],
)
def test_manner(error: str, how: str | None) -> None:
    assert manner(error) == how
