"""The resolver, asked by dnspython over a real socket."""

from __future__ import annotations

import socket

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from agent.demo.resolver import BLOCK_TTL, Action, DemoResolver, Policy

ZONE = {"chatgpt.com": ["127.0.0.2"], "block.example": ["127.0.0.9"]}


def ask(
    policy: dict[str, Policy], name: str, rdtype: str = "A", *, edns: bool = True
) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, use_edns=0 if edns else None)
    with DemoResolver("127.0.0.1", 0, ZONE, policy) as resolver:
        host, port = resolver.address
        return dns.query.udp(query, host, timeout=10, port=port)


def records(answer: dns.message.Message) -> list[str]:
    return [record.to_text() for rrset in answer.answer for record in rrset]


def extended_errors(answer: dns.message.Message) -> list[int]:
    return [option.code for option in answer.options if isinstance(option, dns.edns.EDEOption)]


def test_known_name_is_answered_truly() -> None:
    answer = ask({}, "ChatGPT.com")
    assert records(answer) == ["127.0.0.2"]
    assert extended_errors(answer) == []


@pytest.mark.parametrize("rdtype", ["AAAA", "HTTPS"])
def test_other_types_of_a_known_name_have_no_data(rdtype: str) -> None:
    answer = ask({}, "chatgpt.com", rdtype)
    assert (answer.rcode(), records(answer)) == (dns.rcode.NOERROR, [])


def test_unknown_name_does_not_exist() -> None:
    assert ask({}, "example.org").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("rdtype", "expected"), [("A", ["0.0.0.0"]), ("AAAA", ["::"]), ("HTTPS", [])]
)
def test_sinkhole_answers_as_pi_hole_does(rdtype: str, expected: list[str]) -> None:
    answer = ask({"chatgpt.com": Policy(Action.SINKHOLE)}, "chatgpt.com", rdtype)
    assert records(answer) == expected
    assert all(rrset.ttl == BLOCK_TTL for rrset in answer.answer)
    assert extended_errors(answer) == [dns.edns.EDECode.BLOCKED]


def test_extended_error_needs_edns_in_the_question() -> None:
    answer = ask({"chatgpt.com": Policy(Action.SINKHOLE)}, "chatgpt.com", edns=False)
    assert records(answer) == ["0.0.0.0"]
    assert answer.edns == -1


@pytest.mark.parametrize(
    ("action", "rcode"),
    [(Action.NXDOMAIN, dns.rcode.NXDOMAIN), (Action.REFUSED, dns.rcode.REFUSED)],
)
def test_filter_that_denies_or_refuses(action: Action, rcode: dns.rcode.Rcode) -> None:
    answer = ask({"chatgpt.com": Policy(action, ede=None)}, "chatgpt.com")
    assert (answer.rcode(), records(answer)) == (rcode, [])
    assert extended_errors(answer) == []


def test_filter_that_points_to_its_block_page() -> None:
    policy = {"chatgpt.com": Policy(Action.CNAME, target="block.example")}
    assert records(ask(policy, "chatgpt.com")) == ["block.example.", "127.0.0.9"]


def test_silent_name_gets_no_answer_while_others_do() -> None:
    policy = {"block.example": Policy(Action.SILENCE)}
    with (
        DemoResolver("127.0.0.1", 0, ZONE, policy) as resolver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(10)
        silent = dns.message.make_query("block.example", "A", id=1)
        answered = dns.message.make_query("chatgpt.com", "A", id=2)
        client.sendto(b"not dns", resolver.address)
        client.sendto(silent.to_wire(), resolver.address)
        client.sendto(answered.to_wire(), resolver.address)
        # The resolver works in order: the second answer being first means there was no other.
        assert dns.message.from_wire(client.recv(4096)).id == 2
        assert resolver.queries == [("block.example", "A"), ("chatgpt.com", "A")]


def test_policy_with_a_missing_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target"):
        Policy(Action.CNAME)
