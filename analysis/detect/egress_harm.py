"""Whether the service minds that parts of one session leave by two ways, as packets tell it.

Two signs.  The page is opened anew in turn by both ways, and the service ends every
one of these connections itself, seconds after it began: an edge otherwise keeps them
for minutes.  Or the page comes by one way and the bot check by the other, over and
over, and the page never grows beyond what a check's own page takes: the proof of a
passed check holds for one address alone.  Without one of them two ways are no fault.
Source: traffic notes 6, detection notes 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from analysis.detect.attempts import Attempt, by_host
from analysis.detect.challenges import CHALLENGES
from analysis.detect.support import of_service
from analysis.knowledge import threshold

type Ways = tuple[Sequence[Attempt], Sequence[Attempt]]
"""Answered connections of one session: beside the tunnel, and through it."""


def ended_in_turn(ways: Ways) -> list[Attempt]:
    """Connections of one host by both ways in turn, each ended by the service soon."""
    beside, through = (by_host(way) for way in ways)
    for host in sorted(beside.keys() & through.keys()):
        tries = _in_order(beside[host], through[host])
        turns = sum(one.six is not two.six for one, two in pairwise(tries))
        # the last one may still be at it when the capture ends
        if turns >= threshold("egress_turns") and all(map(_ended_soon, tries[:-1])):
            return tries
    return []


def checked_elsewhere(ways: Ways) -> list[Attempt]:
    """Connections of a page that never comes, and whose bot check goes the other way each time.

    Nothing else of the service comes in full either.
    """
    whole = [item for way in ways for item in way if any(map(of_service, item.hosts))]
    if not all(_small(item) for item in whole if CHALLENGES not in item.hosts):
        return []
    for pages, checks in (ways, reversed(ways)):
        asked = [item.began for item in checks if CHALLENGES in item.hosts]
        other = {host for item in checks for host in item.hosts}
        for host, tries in by_host(pages).items():
            rounds = [item for item in tries if any(_follows(when, item) for when in asked)]
            apart = host != CHALLENGES and host not in other and of_service(host)
            if apart and len(rounds) >= threshold("check_rounds"):
                return rounds
    return []


def _small(item: Attempt) -> bool:
    """No more came than the page of a check."""
    sent = item.tcp["server_sent"]
    return sent is not None and sent <= threshold("check_octets")


def _in_order(*groups: Sequence[Attempt]) -> list[Attempt]:
    return sorted((item for group in groups for item in group), key=lambda item: item.began)


def _ended_soon(item: Attempt) -> bool:
    """The service said goodbye first, after it had been asked something."""
    row = item.tcp
    if row["fin_by"] != "server" or row["fin_time"] is None or not row["server_payload"]:
        return False
    return bool(row["fin_time"] - item.began <= threshold("egress_short_s"))


def _follows(when: float, page: Attempt) -> bool:
    return 0 <= when - page.began <= threshold("check_follows_s")
