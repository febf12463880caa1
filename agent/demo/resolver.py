"""A DNS server on loopback that answers truly, or misbehaves as a filter would.

The block answers copy Pi-hole's null mode: `0.0.0.0` and `::` with a TTL of 2 seconds and, when
the question carried EDNS, the extended error 15 "Blocked" (RFC 8914, section 4.16).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TRUE_TTL = 214  # seconds, as seen for chatgpt.com
BLOCK_TTL = 2  # seconds, Pi-hole's default
_NULL = {"A": "0.0.0.0", "AAAA": "::"}  # noqa: S104  an answer, not an address to bind
_MAX_DATAGRAM = 4096


class Action(Enum):
    """What a filter does with a name on its list."""

    SINKHOLE = "sinkhole"
    NXDOMAIN = "nxdomain"
    CNAME = "cname"
    REFUSED = "refused"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Policy:
    """One listed name's treatment.

    `target` is the name of the block page for `Action.CNAME` (its address comes from the zone),
    `ede` the extended error code, or None for a filter that does not explain itself.
    """

    action: Action
    target: str | None = None
    ede: int | None = int(dns.edns.EDECode.BLOCKED)

    def __post_init__(self) -> None:
        if (self.action is Action.CNAME) != (self.target is not None):
            raise ValueError("a CNAME policy, and only that, needs a target name")


class DemoResolver:
    """UDP resolver in a thread: `with DemoResolver(host, 0, zone, policy) as resolver: ...`.

    `zone` maps a name to its addresses; `policy` maps a name to what the filter does with it.
    Names in neither get NXDOMAIN, other record types of a known name get NODATA. `queries` lists
    what was asked, as (name, record type), in order of arrival.
    """

    def __init__(
        self,
        host: str,
        port: int,
        zone: Mapping[str, Sequence[str]],
        policy: Mapping[str, Policy] | None = None,
    ) -> None:
        self._zone = {_key(name): list(addresses) for name, addresses in zone.items()}
        self._policy = {_key(name): rule for name, rule in (policy or {}).items()}
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self._address: tuple[str, int] = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._serve, name="demo-resolver", daemon=True)
        self._stopping = threading.Event()
        self.queries: list[tuple[str, str]] = []

    @property
    def address(self) -> tuple[str, int]:
        """The host and port it really listens on."""
        return self._address

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        # An empty datagram to itself ends the blocking receive on every platform.
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                wire, peer = self._socket.recvfrom(_MAX_DATAGRAM)
            except ConnectionResetError:
                continue  # Windows reports the ICMP error of an earlier answer here
            try:
                query = dns.message.from_wire(wire)
            except (dns.exception.DNSException, ValueError):
                continue
            response = self.answer(query)
            if response is not None:
                self._socket.sendto(response.to_wire(), peer)

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        """The response to one question; None when the policy is to keep silent."""
        if not query.question or query.flags & dns.flags.QR:
            return None
        question = query.question[0]
        name = _key(question.name.to_text())
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((name, rdtype))
        response = dns.message.make_response(query, recursion_available=True)
        rule = self._policy.get(name)
        if rule is None:
            self._tell_truth(response, question.name, name, rdtype)
        elif rule.action is Action.SILENCE:
            return None
        else:
            self._block(response, question.name, rdtype, rule)
            if rule.ede is not None and query.edns >= 0:
                option = dns.edns.EDEOption(dns.edns.EDECode.make(rule.ede))
                response.use_edns(0, options=[option])
        return response

    def _tell_truth(
        self, response: dns.message.Message, owner: dns.name.Name, key: str, rdtype: str
    ) -> None:
        addresses = self._zone.get(key)
        if addresses is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            return
        _append(response, owner, TRUE_TTL, rdtype, addresses)

    def _block(
        self, response: dns.message.Message, owner: dns.name.Name, rdtype: str, rule: Policy
    ) -> None:
        if rule.action is Action.SINKHOLE:
            if rdtype in _NULL:
                _append(response, owner, BLOCK_TTL, rdtype, [_NULL[rdtype]])
        elif rule.action is Action.NXDOMAIN:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif rule.action is Action.REFUSED:
            response.set_rcode(dns.rcode.REFUSED)
        elif rule.target is not None:
            target = dns.name.from_text(rule.target)
            alias = dns.rrset.from_text(owner, TRUE_TTL, "IN", "CNAME", target.to_text())
            response.answer.append(alias)
            _append(response, target, TRUE_TTL, rdtype, self._zone.get(_key(rule.target), []))


def _append(
    response: dns.message.Message,
    owner: dns.name.Name,
    ttl: int,
    rdtype: str,
    addresses: Sequence[str],
) -> None:
    version = {"A": 4, "AAAA": 6}.get(rdtype)
    fitting = [text for text in addresses if ipaddress.ip_address(text).version == version]
    if fitting:
        response.answer.append(dns.rrset.from_text(owner, ttl, "IN", rdtype, *fitting))


def _key(name: str) -> str:
    return name.rstrip(".").lower()
