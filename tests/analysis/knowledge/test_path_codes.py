"""TLS alerts and tampering signatures: the tables are whole, and open where they must be."""

from __future__ import annotations

import pytest

from analysis.knowledge.alerts import alert
from analysis.knowledge.tampering import signature


@pytest.mark.parametrize(
    ("code", "group"), [(0, "none"), (48, "certificate"), (47, "handshake"), (233, "handshake")]
)
def test_alerts_are_open(code: int, group: str) -> None:
    assert alert(code).group == group


def test_an_alert_never_seen_still_has_a_name() -> None:
    assert alert(233).name == "alert 233"


def test_all_nineteen_signatures_are_there_once() -> None:
    all_of_them = [signature(number) for number in range(1, 20)]
    assert len({item.name for item in all_of_them}) == 19
    assert [item.number for item in all_of_them if item.odd] == [2, 4, 13, 16, 17]
    with pytest.raises(KeyError):
        signature(20)
