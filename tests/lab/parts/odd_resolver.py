"""A resolver that answers as none of Debian's can be told to: with EDE texts, slowly, not at all.

Real unbound 1.17 explains no RPZ block, so filters that do (RFC 8914) are played by this one.
Run as a program it serves the rules of a JSON file; everything else it asks of `upstream`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.version

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program


@dataclass(frozen=True, slots=True)
class Oddity:
    """What is done with one name (`*` for all that have no rule).

    `rcode` None means the true answer, or `answers` where given. `ede` are pairs of code and
    EXTRA-TEXT. `delay` is in seconds. Only the first `times` queries are treated so, where given.
    `silent` sends nothing. `soa` is the mname of an SOA in the authority section.
    """

    rcode: str | None = None
    answers: tuple[str, ...] = ()
    ede: tuple[tuple[int, str], ...] = ()
    ttl: int = 60
    delay: float = 0.0
    times: int | None = None
    silent: bool = False
    recursion: bool = True
    soa: str | None = None
    types: tuple[str, ...] = field(default=("A", "AAAA", "HTTPS"))


class OddResolver(Program):
    """dnspython behind a socket: `OddResolver(host, rules={"ws.chatgpt.com": {"delay": 2.0}})`.

    `rules` are settings of `Oddity` by name.
    """

    command = "python3"
    package = "python3"
    ready = r"^odd resolver: ready"

    def __init__(
        self,
        host: Namespace,
        *,
        rules: Mapping[str, Mapping[str, Any]],
        upstream: str = addresses.PUBLIC_RESOLVERS[0],
        listen: Sequence[str] = addresses.RESOLVER,
    ) -> None:
        super().__init__(host)
        self._rules = {name: Oddity(**rule) for name, rule in rules.items()}
        self._upstream = upstream
        self._listen = listen

    def argv(self, folder: Path) -> list[str]:
        settings = {
            "listen": list(self._listen),
            "upstream": self._upstream,
            "rules": {name: asdict(rule) for name, rule in self._rules.items()},
        }
        (folder / "rules.json").write_text(json.dumps(settings))
        return self.host.python("tests.lab.parts.odd_resolver", folder / "rules.json")

    @classmethod
    def version(cls) -> str:
        return f"dnspython {dns.version.version}"


class _Server(asyncio.DatagramProtocol):
    def __init__(self, rules: dict[str, dict[str, Any]], upstream: str) -> None:
        self._rules = rules
        self._upstream = upstream
        self._asked: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, data: bytes, peer: tuple[str, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except (dns.exception.DNSException, ValueError):
            return
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        rule = self._rules.get(name, self._rules.get("*"))
        if rule is not None and kind not in rule["types"]:
            rule = None
        if rule is not None and rule["times"] is not None:
            self._asked[name] = self._asked.get(name, 0) + 1
            if self._asked[name] > rule["times"]:
                rule = None
        if rule is not None:
            await asyncio.sleep(rule["delay"])
            if rule["silent"]:
                return
        if rule is None or (rule["rcode"] is None and not rule["answers"]):
            response = await dns.asyncquery.udp(query, self._upstream, timeout=10)
        else:
            response = _odd(query, rule)
        if rule is not None and rule["ede"] and query.edns >= 0:
            options = [dns.edns.EDEOption(code, text or None) for code, text in rule["ede"]]
            response.use_edns(0, payload=1232, options=options)
        self._transport.sendto(response.to_wire(), peer)


def _odd(query: dns.message.Message, rule: dict[str, Any]) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=rule["recursion"])
    question = query.question[0]
    if rule["rcode"] is not None:
        response.set_rcode(dns.rcode.from_text(rule["rcode"]))
    version = {"A": False, "AAAA": True}.get(dns.rdatatype.to_text(question.rdtype))
    fitting = [value for value in rule["answers"] if (":" in value) is version]
    if fitting:
        kind = dns.rdatatype.to_text(question.rdtype)
        response.answer.append(
            dns.rrset.from_text(question.name, rule["ttl"], "IN", kind, *fitting)
        )
    if rule["soa"] is not None:
        text = f"{rule['soa']}. admin.{rule['soa']}. 1 3600 600 86400 60"
        owner = question.name
        response.authority.append(dns.rrset.from_text(owner, rule["ttl"], "IN", "SOA", text))
    return response


async def _run(settings: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    for address in settings["listen"]:
        await loop.create_datagram_endpoint(
            lambda: _Server(settings["rules"], settings["upstream"]), local_addr=(address, 53)
        )
    sys.stdout.write("odd resolver: ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text())))
