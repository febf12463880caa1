"""DNS answers about ChatGPT's hosts, each with what is odd about it.

The shared ground of the DNS detectors: which answers are good, which are block
answers, and whether a private answer nevertheless works. An answer is never
called manipulated for its address alone being unexpected: CERTainty (PETS 2023)
measured 72 % false positives for that; a vendor match, an EDE, a bogon or a
failed TLS check is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network

from analysis.detect.once import once
from analysis.detect.support import Record, records, rule_of, where
from analysis.knowledge import threshold
from analysis.knowledge.addresses import (
    Address,
    address,
    in_group,
    vendor_of_address,
    vendor_of_ede_text,
    vendor_of_name,
    vendor_of_resolver,
)
from analysis.knowledge.codes import ede
from analysis.model.frames import Tables
from analysis.model.message import say

NXDOMAIN, REFUSED, SERVFAIL = 3, 5, 2


@dataclass(frozen=True, slots=True)
class Answer:
    """One response about a listed host.

    `bogus` are addresses that no public name should have and that were not
    seen to work; the vendors are the filter that its addresses, CNAMEs or SOA
    name, and `likely_vendor` that of its EDE's text or of the resolver itself.
    """

    row: Record
    host: str
    resolver: str
    addresses: tuple[Address, ...]
    bogus: tuple[Address, ...]
    fake: tuple[Address, ...]
    address_vendor: str | None
    name_vendor: str | None
    soa_vendor: str | None
    likely_vendor: str | None
    filter_codes: tuple[int, ...]

    @property
    def time(self) -> float:
        return float(self.row["time"] or 0.0)

    @property
    def rcode(self) -> int:
        return int(self.row["rcode"] or 0)

    @property
    def good(self) -> bool:
        """An address that may be the service's, and no sign of a filter."""
        return bool(self.addresses) and not (
            self.bogus or self.fake or self.address_vendor or self.name_vendor or self.filter_codes
        )

    @property
    def sunk(self) -> bool:
        """The answer is an address that leads to a filter or nowhere."""
        if self.name_vendor:
            return False
        return self.address_vendor is not None or (
            bool(self.bogus) and len(self.bogus) == len(self.addresses)
        )

    @property
    def denied(self) -> bool:
        """The answer says that there is no such name, no address, or that none is given."""
        if self.rcode == NXDOMAIN:
            return True
        if self.row["qtype"] != "A":
            return False  # forwarders refuse or empty AAAA and HTTPS beside a good A
        if self.rcode == REFUSED:
            return True
        # an answer that did not fit, the reply or the capture, may hold addresses all the same
        partial = self.row["truncated"] or self.row["cut"]
        return self.rcode == 0 and not self.addresses and not partial

    @property
    def failed(self) -> bool:
        """The client got no address of the service from it."""
        return self.sunk or self.denied or self.name_vendor is not None


@lru_cache(maxsize=4096)
def is_bogus(of: Address) -> bool:
    """Null, loopback, private, link-local, multicast or reserved.

    Fake-IP ranges are a local proxy's, and documentation ranges stand for the
    internet in laboratories; both are left out.
    """
    if in_group("fake-ip", of) or in_group("documentation", of):
        return False
    return not of.is_global or of.is_multicast


@once
def answers(tables: Tables) -> list[Answer]:
    """Responses about listed hosts other than telemetry, in order of time, every lookup once.

    The recorder's own note of a lookup (no frame) is dropped where the packet
    was seen too.
    """
    return _answers(tables, harmless=False)


@once
def telemetry_answers(tables: Tables) -> list[Answer]:
    """The same for telemetry and marketing hosts."""
    return _answers(tables, harmless=True)


def _answers(tables: Tables, *, harmless: bool) -> list[Answer]:
    def wanted(name: str) -> bool:
        rule = rule_of(name)
        return rule is not None and rule.harmless is harmless

    frame = tables["dns"]
    if frame.empty:
        return []
    unicast = frame["protocol"].fillna("dns") == "dns"
    frame = frame[unicast.fillna(False) & frame["response"].fillna(False)]
    rows = records(where(frame, "qname", wanted))
    working = working_addresses(tables)
    return [_answer(row, working) for row in _once(rows)]


def _once(rows: list[Record]) -> list[Record]:
    seen: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["frame"] is not None:
            seen.setdefault((row["qname"], row["qtype"]), []).append(row["time"] or 0.0)
    apart = threshold("dns_pair_s")
    kept = [
        row
        for row in rows
        if row["frame"] is not None
        or not any(
            abs((row["time"] or 0.0) - time) <= apart
            for time in seen.get((row["qname"], row["qtype"]), ())
        )
    ]
    return sorted(kept, key=lambda row: (row["time"] or 0.0, row["frame"] or 0))


def _answer(row: Record, working: frozenset[Address]) -> Answer:
    found = [address(text) for text in row["answers"] or ()]
    addresses = tuple(dict.fromkeys(item for item in found if item is not None))
    names = [text for text in row["answers"] or () if address(text) is None]
    soa = [word for entry in row["soa"] or () for word in entry.split()]
    soa += list(row["additional_soa"] or ())
    return Answer(
        row=row,
        host=row["qname"],
        resolver=row["src"] or say("the system resolver"),
        addresses=addresses,
        bogus=tuple(item for item in addresses if is_bogus(item) and not _works(item, working)),
        fake=tuple(item for item in addresses if in_group("fake-ip", item)),
        address_vendor=_first(vendor_of_address(item) for item in addresses),
        name_vendor=_first(vendor_of_name(name) for name in [*names, *(row["cnames"] or ())]),
        soa_vendor=_first(vendor_of_name(name) for name in soa),
        likely_vendor=_first(vendor_of_ede_text(text) for text in row["ede_text"] or ())
        or vendor_of_resolver(row["src"] or ""),
        filter_codes=tuple(code for code in row["ede"] or () if ede(code).group == "filter"),
    )


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _works(of: Address, working: frozenset[Address]) -> bool:
    """True when TLS was verified there, or at a neighbour of the same local service."""
    if of in working:
        return True
    if of.version == 6 or of.is_unspecified:
        return False
    near = ip_network((int(of), int(threshold("split_prefix"))), strict=False)
    return any(other in near for other in working if other.version == of.version)


@once
def working_addresses(tables: Tables) -> frozenset[Address]:
    """Private addresses at which a listed host's TLS was verified: split DNS, not a filter.

    From the recorder's own verification; in packets alone, from a handshake
    without alert or reset after which the client sent a request, or the server
    real content: a client that refuses the certificate sends an alert and leaves.
    """
    found = set()
    connections = tables["connections"]
    if len(connections):
        # a flow file does not say it, but mitmproxy goes on only after a verified handshake
        verified = connections[
            connections["verified"].fillna(True)
            & connections["tls_ms"].notna()
            & connections["error"].isna()
        ]
        found |= {row["address"] for row in records(where(verified, "host", _listed))}
    hello = tables["tls"]
    if len(hello):
        done = hello[hello["server_hello_ms"].notna() & hello["alert"].isna()]
        done = where(done, "sni", _listed)
        if len(done) and len(tables["tcp"]):
            tcp = tables["tcp"]
            # by sequence numbers, because a sampler keeps no data records
            columns = ["source", "stream", "server_sent", "client_sent"]
            # a client that resets after its own request only closed in a hurry
            live = tcp[tcp["reset_by"].fillna("") != "server"][columns]
            joined = done.merge(live, on=["source", "stream"], how="inner")
            asked = joined["client_sent"] - joined["hello_bytes"] >= threshold("request_works")
            told = joined["server_sent"] >= threshold("payload_works")
            found |= set(joined[asked.fillna(False) | told.fillna(False)]["server"].dropna())
    parsed = {address(text) for text in found if text}
    return frozenset(item for item in parsed if item is not None and is_bogus(item))


def _listed(name: str) -> bool:
    return rule_of(name) is not None


def good_by_host(found: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Good answers per host."""
    good: dict[str, list[Answer]] = {}
    for answer in found:
        if answer.good:
            good.setdefault(answer.host, []).append(answer)
    return good


def healed(answer: Answer, good: dict[str, list[Answer]]) -> bool:
    """True when the same resolver gave a good answer for the same name right after or before."""
    within = threshold("dns_heal_s")
    return any(
        other.resolver == answer.resolver and abs(other.time - answer.time) <= within
        for other in good.get(answer.host, ())
    )
