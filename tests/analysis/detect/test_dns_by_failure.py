"""A filter that shows only in where connections led, as in flow files without lookups."""

from __future__ import annotations

import pytest
from handmade import Row, answer, connection, exchange, found, query, serious, tables


def failed(error: str, stage: str = "tcp", **more: object) -> Row:
    """A connection to chatgpt.com that could not be opened."""
    none = {"address": None, "tcp_ms": None, "tls_ms": None, "verified": None}
    return connection(**none | {"error": error, "error_stage": stage} | more)


NULL = {"address": "0.0.0.0", "addresses": ["0.0.0.0"]}


def test_a_null_address_that_was_tried() -> None:
    finding = found(tables(connections=[failed("Connect call failed", **NULL)]))["dns.sinkhole"]
    assert finding.subjects == ("chatgpt.com",)
    assert "0.0.0.0" in finding.summary
    assert finding.vendor is None
    assert finding.evidence


def test_a_block_address_names_its_vendor() -> None:
    row = failed("certificate verify failed", "tls", address="146.112.61.106")
    assert found(tables(connections=[row]))["dns.sinkhole"].vendor == "Cisco Umbrella"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(failed("timed out", address="104.18.32.47"), id="the service's own address"),
        pytest.param(failed("reset", **NULL, via="10.0.0.1:3128"), id="through a proxy"),
        pytest.param(connection(address="10.20.30.40"), id="a private address that works"),
    ],
)
def test_no_sinkhole(row: Row) -> None:
    assert "dns.sinkhole" not in serious(tables(connections=[row]))


def test_a_captured_lookup_speaks_for_itself() -> None:
    given = tables(
        connections=[failed("Connect call failed", **NULL)], dns=[answer("chatgpt.com", "0.0.0.0")]
    )
    assert found(given)["dns.sinkhole"].evidence[0].frames


def test_a_denied_name_weighs_more_where_others_worked() -> None:
    row = failed("[Errno -2] Name or service not known", "dns")
    alone = found(tables(connections=[row]))["dns.nxdomain_filter"]
    other = connection(connection="c2", host="www.example.org")
    beside = found(tables(connections=[row, other]))["dns.nxdomain_filter"]
    assert alone.confidence < beside.confidence
    assert "other names worked" in beside.summary


def test_a_name_that_nobody_answered_for_was_not_denied() -> None:
    """A browser calls both the same; its own queries, sent again, tell them apart."""
    lost = failed("net::ERR_NAME_NOT_RESOLVED", "dns")
    asked = [query("chatgpt.com", frame=None, at=100.0 + n) for n in range(2)]
    assert "dns.nxdomain_filter" not in found(tables(connections=[lost], dns=asked))
    assert "dns.nxdomain_filter" in found(tables(connections=[lost], dns=asked[:1]))


@pytest.mark.parametrize("error", ["[Errno -3] Temporary failure in name resolution", "refused"])
def test_no_denial(error: str) -> None:
    rows = [failed(error, "dns")]
    given = tables(connections=rows, http=[exchange("a", "https://chatgpt.com/", status=None)])
    assert "dns.nxdomain_filter" not in found(given)


def test_a_resolver_that_fails_again_and_again() -> None:
    again = "[Errno -3] Temporary failure in name resolution"
    rows = [failed(again, "dns", connection=f"c{n}") for n in (1, 2)]
    finding = found(tables(connections=rows))["dns.resolver_failing"]
    assert finding.subjects == ("chatgpt.com",)
    assert "no other name worked" in finding.summary
    assert serious(tables(connections=rows[:1])) == set()  # one that a retry heals
    healed = [*rows, connection(connection="c3")]
    assert "dns.resolver_failing" not in found(tables(connections=healed))
