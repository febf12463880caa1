"""The proxy's lookups: answered by a real resolver, and recorded as the dns table wants them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agent.capture.lookups import Lookups, loop_factory
from agent.demo.resolver import Action, DemoResolver, Policy
from analysis.model.tables import DNS

ZONE = {"chatgpt.com": ["104.18.32.47"], "ws.chatgpt.com": ["104.18.39.21"]}


class Events:
    def __init__(self) -> None:
        self.seen: list[tuple[str, Mapping[str, object]]] = []

    def __call__(self, kind: str, facts: Mapping[str, object], when: float) -> None:
        self.seen.append((kind, facts))

    def answers(self, qtype: str) -> list[Mapping[str, object]]:
        return [
            facts
            for kind, facts in self.seen
            if kind == "lookup_answer" and facts["qtype"] == qtype
        ]


def look_up(resolver: DemoResolver, events: Events, host: str, port: int = 443) -> list[Any]:
    lookups = Lookups(resolver.address, events)

    async def ask() -> list[Any]:
        loop = asyncio.get_running_loop()
        return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    with asyncio.Runner(loop_factory=loop_factory(lookups, replace=True)) as runner:
        return runner.run(ask())


def test_an_answer_is_used_and_recorded() -> None:
    events = Events()
    with DemoResolver("127.0.0.1", 0, ZONE, {}) as resolver:
        found = look_up(resolver, events, "chatgpt.com")
    assert [entry[4] for entry in found] == [("104.18.32.47", 443)]
    assert {entry[2] for entry in found} == {socket.IPPROTO_TCP}
    assert [kind for kind, _ in events.seen].count("lookup") == 2
    (answer,) = events.answers("A")
    assert answer["answers"] == ["104.18.32.47"]
    assert answer["rcode"] == 0
    assert answer["latency_ms"] is not None
    assert set(answer) <= set(DNS.column_names)


def test_a_filter_shows_its_extended_error() -> None:
    events = Events()
    policy = {"chatgpt.com": Policy(Action.SINKHOLE)}
    with DemoResolver("127.0.0.1", 0, ZONE, policy) as resolver:
        found = look_up(resolver, events, "chatgpt.com")
    assert ("0.0.0.0", 443) in [entry[4] for entry in found]
    (answer,) = events.answers("A")
    assert answer["ede"] == [15]
    assert answer["ttl_min"] == 2


def test_a_name_that_is_not_there_fails_as_the_system_would() -> None:
    events = Events()
    with (
        DemoResolver("127.0.0.1", 0, ZONE, {}) as resolver,
        pytest.raises(socket.gaierror) as caught,
    ):
        look_up(resolver, events, "eu.api.openai.com")
    assert caught.value.errno == socket.EAI_NONAME
    assert events.answers("A")[0]["rcode"] == 3


def test_other_names_are_used_and_not_recorded() -> None:
    events = Events()
    with DemoResolver("127.0.0.1", 0, {"bank.example": ["192.0.2.7"]}, {}) as resolver:
        found = look_up(resolver, events, "bank.example")
    assert found[0][4] == ("192.0.2.7", 443)
    assert events.seen == []


def test_literal_addresses_are_not_looked_up() -> None:
    events = Events()
    with DemoResolver("127.0.0.1", 0, ZONE, {}) as resolver:
        found = look_up(resolver, events, "127.0.0.1")
    assert found[0][4][:2] == ("127.0.0.1", 443)
    assert events.seen == []


def shadowed(lookups: Lookups, act: Callable[[], None]) -> None:
    """Run `act` on a loop and wait for what it started."""

    async def run() -> None:
        act()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*pending)

    asyncio.run(run())


def test_a_shadow_lookup_is_for_listed_names_and_once_in_a_while() -> None:
    events = Events()
    with DemoResolver("127.0.0.1", 0, ZONE, {}) as resolver:
        lookups = Lookups(resolver.address, events)

        def act() -> None:
            lookups.shadow("chatgpt.com")
            lookups.shadow("chatgpt.com")
            lookups.shadow("private.example")

        shadowed(lookups, act)
    names = [facts["qname"] for kind, facts in events.seen if kind == "lookup"]
    assert sorted(names) == ["chatgpt.com", "chatgpt.com"]
    assert len(events.answers("A")) == 1
    assert len(events.answers("AAAA")) == 1


@pytest.mark.parametrize("eager", [False, True], ids=["plain", "as under mitmproxy"])
def test_an_address_that_swallows_connections_does_not_hold_up_the_next_one(eager: bool) -> None:
    zone = {"chatgpt.com": ["127.0.0.3", "127.0.0.1"]}
    with (
        DemoResolver("127.0.0.1", 0, zone, {}) as resolver,
        socket.create_server(("127.0.0.1", 0)) as fine,
        socket.socket() as full,
    ):
        port = fine.getsockname()[1]
        full.bind(("127.0.0.3", port))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # past its queue, a listener drops what comes, as a black hole does
            one.setblocking(False)
            one.connect_ex(("127.0.0.3", port))

        async def connect() -> str:
            _, writer = await asyncio.open_connection("chatgpt.com", port)
            peer: str = writer.get_extra_info("peername")[0]
            writer.close()
            return peer

        async def run() -> list[str]:
            if eager:
                asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            return await asyncio.gather(*(asyncio.create_task(connect()) for _ in range(3)))

        factory = loop_factory(Lookups(resolver.address, Events()), replace=True)
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(run()) == ["127.0.0.1"] * 3
        for one in waiting:
            one.close()
