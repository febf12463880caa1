"""The proxy's own name lookups, done as the system does them, and recorded.

Packets show lookups only where the right to sniff is given.  So each name the
proxy looks up is asked once more of the same name server with EDNS, which tells
the response code and the Extended DNS Errors that the system's call hides.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from aiohappyeyeballs import start_connection

from agent.capture.socks import SocksProxy, ask_for
from analysis.knowledge import hosts

ASK_AGAIN_SECONDS = 30.0
TIMEOUT_SECONDS = 4.0
ATTEMPT_DELAY = 0.25
"""Seconds until the next address is tried beside the first (RFC 8305, section 8)."""
_TRIES = 2
_TYPES = ("A", "AAAA")

type Record = Callable[[str, Mapping[str, object], float], None]
type Server = tuple[str, int]


class Lookups:
    """Asks one name server and records what it says.

    `record` takes (kind, facts, time); facts have the columns of the dns table.
    With a `socks` proxy, that one looks up the names of whatever is connected to.
    """

    def __init__(self, server: Server | None, record: Record) -> None:
        self.server = server
        self.record = record
        self.socks: SocksProxy | None = None
        self._asked: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def shadow(self, host: str) -> None:
        """Ask for a listed name beside the system's own lookup, at most once in a while."""
        now = time.monotonic()
        if self.server is None or not hosts().is_chatgpt(host):
            return
        if now - self._asked.get(host, -ASK_AGAIN_SECONDS) < ASK_AGAIN_SECONDS:
            return
        self._asked[host] = now
        task = asyncio.get_running_loop().create_task(self._ask_all(host))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_all(self, host: str) -> None:
        with contextlib.suppress(OSError, dns.exception.DNSException):
            await asyncio.gather(*(self.ask(host, kind) for kind in _TYPES))

    async def ask(self, host: str, kind: str) -> list[str]:
        """Addresses of `host` for A or AAAA; lookups of listed names are recorded.

        Raises TimeoutError when no answer comes.
        """
        assert self.server is not None
        server, port = self.server
        query = dns.message.make_query(host, kind, use_edns=0, payload=1232)
        name = host.rstrip(".").lower()
        record = self.record if hosts().is_chatgpt(name) else _forget
        for _ in range(_TRIES):
            asked = time.time()
            record(
                "lookup",
                {"dst": server, "dst_port": port, "id": query.id, "qname": name, "qtype": kind},
                asked,
            )
            try:
                answer, over_tcp = await dns.asyncquery.udp_with_fallback(
                    query, server, timeout=TIMEOUT_SECONDS, port=port, ignore_unexpected=True
                )
            except dns.exception.Timeout:
                continue
            seen = time.time()
            facts = answer_facts(answer)
            facts.update(
                src=server,
                src_port=port,
                id=query.id,
                qname=name,
                qtype=kind,
                transport="tcp" if over_tcp else "udp",
                latency_ms=round((seen - asked) * 1000, 3),
            )
            record("lookup_answer", facts, seen)
            return [text for text in facts["answers"] if _is_address(text)]
        raise TimeoutError(f"{server} does not answer for {host}")


def _forget(_: str, __: Mapping[str, object], ___: float) -> None:
    """What other hosts the machine talks to is nobody's business."""


def answer_facts(answer: dns.message.Message) -> dict[str, Any]:
    """Columns of the dns table that one response gives."""
    answers: list[str] = []
    cnames: list[str] = []
    ttls: list[int] = []
    for rrset in answer.answer[:64]:
        ttls.append(rrset.ttl)
        for item in list(rrset)[:64]:
            if rrset.rdtype == dns.rdatatype.CNAME:
                cnames.append(str(item.target).rstrip(".").lower())
                answers.append(cnames[-1])
            elif rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}:
                answers.append(str(item.address))
    errors = [option for option in answer.options if isinstance(option, dns.edns.EDEOption)]
    return {
        "rcode": int(answer.rcode()),
        "answers": answers,
        "cnames": cnames,
        "soa": [
            f"{str(rrset.name).rstrip('.')} {str(item.mname).rstrip('.')}"
            for rrset in answer.authority
            if rrset.rdtype == dns.rdatatype.SOA
            for item in rrset
        ][:8],
        "additional_soa": [
            str(rrset.name).rstrip(".")
            for rrset in answer.additional
            if rrset.rdtype == dns.rdatatype.SOA
        ][:8],
        "ede": [int(option.code) for option in errors][:16],
        "ede_text": [(option.text or "")[:200] for option in errors][:16],
        "ttl_min": min(ttls) if ttls else None,
        "recursion_available": bool(answer.flags & dns.flags.RA),
        "authoritative": bool(answer.flags & dns.flags.AA),
        "truncated": bool(answer.flags & dns.flags.TC),
    }


def _is_near(host: str) -> bool:
    """This machine itself, which no proxy is asked for."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def loop_factory(lookups: Lookups, *, replace: bool) -> Callable[[], asyncio.AbstractEventLoop]:
    """An event loop whose name lookups go through `lookups`.

    With `replace` the configured name server answers instead of the system
    (the demo's resolver); otherwise the system answers and `lookups` only asks
    beside it.  Connections race their addresses as browsers do, or the recorder
    would wait on a dead IPv6 until the client gives up.
    """
    base: type[Any] = type(asyncio.new_event_loop())

    class LookupLoop(base):  # type: ignore[misc]
        async def getaddrinfo(
            self,
            host: str | bytes | None,
            port: str | int | None,
            *,
            family: int = 0,
            type: int = 0,  # noqa: A002 - the name asyncio gives it
            proto: int = 0,
            flags: int = 0,
        ) -> Sequence[Any]:
            name = host.decode() if isinstance(host, bytes) else host
            plain = name is None or _is_address(name.partition("%")[0]) or name == "localhost"
            if not plain and name is not None:
                if replace:
                    return await _answer(lookups, name, port, family=family, kind=type, proto=proto)
                lookups.shadow(name)
            system: Sequence[Any] = await super().getaddrinfo(
                host, port, family=family, type=type, proto=proto, flags=flags
            )
            return system

        async def create_connection(
            self,
            protocol_factory: Callable[[], Any],
            host: str | None = None,
            port: int | None = None,
            *,
            local_addr: tuple[str, int] | None = None,
            **options: Any,
        ) -> Any:
            """As asyncio's; its own race deadlocks under eager tasks (CPython gh-124309)."""
            if host is None or local_addr is not None:
                return await super().create_connection(
                    protocol_factory, host, port, local_addr=local_addr, **options
                )
            socks = None if _is_near(host) or (host, port) == lookups.server else lookups.socks
            place = (socks.host, socks.port) if socks else (host, port)
            infos = await self.getaddrinfo(*place, type=socket.SOCK_STREAM)
            connected = await start_connection(
                list(infos), happy_eyeballs_delay=ATTEMPT_DELAY, interleave=1, loop=self
            )
            if socks:
                try:
                    await ask_for(connected, socks, host, port or 0)
                except BaseException:
                    connected.close()
                    raise
            if options.get("ssl"):
                options.setdefault("server_hostname", host)
            return await super().create_connection(protocol_factory, sock=connected, **options)

    return LookupLoop


async def _answer(
    lookups: Lookups, name: str, port: object, *, family: int, kind: int, proto: int
) -> list[Any]:
    """getaddrinfo's result from the name server's answers; socket.gaierror as the system's."""
    found: list[Any] = []
    # asyncio switches Nagle's delay off only on sockets that are TCP by name
    proto = proto or socket.IPPROTO_TCP
    wanted = {socket.AF_INET: ("A",), socket.AF_INET6: ("AAAA",)}.get(
        socket.AddressFamily(family) if family else socket.AF_UNSPEC, _TYPES
    )
    try:
        results = await asyncio.gather(*(lookups.ask(name, item) for item in wanted))
    except (TimeoutError, OSError, dns.exception.DNSException) as error:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution") from error
    number = int(str(port or 0))
    for address in (text for result in results for text in result):
        if ":" in address:
            found.append(
                (socket.AF_INET6, kind or socket.SOCK_STREAM, proto, "", (address, number, 0, 0))
            )
        else:
            found.append((socket.AF_INET, kind or socket.SOCK_STREAM, proto, "", (address, number)))
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return found
