"""Lookups that the browser's own resolver sent, as rows of the dns table.

The answers of a transaction are told by the job that made it, type by type.  A
lookup by the system's resolver is no message that the browser saw; its failure
stands at the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dns.rdatatype import RdataType

from analysis.read import fields
from analysis.read.netlog.endpoints import endpoint
from analysis.read.netlog.events import Event
from analysis.read.rows import RowFrames

MAX_OPEN = 20_000
_MAX_ANSWERS = 64


@dataclass(slots=True)
class _Transaction:
    qname: str
    qtype: str
    asked: float | None
    server: str | None = None
    answer: dict[str, object] | None = None
    expected: int = 0


class Lookups:
    """Takes the events of DNS transactions and of the jobs above them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: dict[int, _Transaction] = {}
        self._made: dict[int, tuple[int, ...]] = {}
        self._sockets: dict[int, str] = {}
        self.rows = RowFrames("dns")
        self.on: dict[str, Callable[[Event], None]] = {
            "DNS_TRANSACTION": self._transaction,
            "DNS_TRANSACTION_QUERY": self._query,
            "DNS_TRANSACTION_ATTEMPT": self._attempt,
            "DNS_TRANSACTION_TCP_ATTEMPT": self._attempt,
            "DNS_TRANSACTION_RESPONSE": self._response,
            "HOST_RESOLVER_DNS_TASK_EXTRACTION_RESULTS": self._results,
            "HOST_RESOLVER_DNS_TASK": self._task,
            "UDP_CONNECT": self._socket,
        }

    def finish(self) -> None:
        """Write down what is still open."""
        while self._open:
            self._write(next(iter(self._open)))

    def _transaction(self, event: Event) -> None:
        if event.of != "DNS_TRANSACTION":
            if event.dependency is not None:
                made = self._made.get(event.source, ())
                _keep(self._made, event.source, (*made[-_MAX_ANSWERS:], event.dependency))
            return
        if event.begins:
            number = fields.whole(event.params, "query_type")
            self._begin(event, fields.text(event.params, "hostname", 300), _type_name(number))

    def _query(self, event: Event) -> None:
        """A transaction that began before the log did, or whose beginning it lacks."""
        if event.begins:
            self._begin(event, fields.text(event.params, "qname", 300), "")

    def _begin(self, event: Event, name: str | None, qtype: str) -> None:
        qname = (name or "").rstrip(".").lower()[:255]
        if not qname or event.source in self._open:
            return
        self._open[event.source] = _Transaction(qname, qtype, event.time)
        if len(self._open) > MAX_OPEN:
            self._write(next(iter(self._open)))

    def _attempt(self, event: Event) -> None:
        item = self._open.get(event.source)
        if item is None:
            return
        server = self._sockets.get(event.dependency or -1)
        item.server = server or item.server
        self.rows.add({**self._row(item, server), "time": event.time, "response": False})

    def _response(self, event: Event) -> None:
        item = self._open.get(event.source)
        rcode = fields.whole(event.params, "rcode")
        if item is None or rcode is None or not 0 <= rcode < 65536:
            return
        server = self._sockets.get(event.dependency or -1) or item.server
        item.expected = fields.whole(event.params, "answer_count") or 0
        row = self._row(item, None)
        row["src"], row["src_port"] = endpoint(server)
        if item.asked is not None and event.time is not None:
            row["latency_ms"] = max(0.0, round((event.time - item.asked) * 1000, 3))
        item.answer = {**row, "time": event.time, "response": True, "rcode": rcode}

    def _of_job(self, job: int) -> list[tuple[int, _Transaction]]:
        """The transactions that a job made and that are still open."""
        made = self._made.get(job, ())
        return [(source, self._open[source]) for source in made if source in self._open]

    def _results(self, event: Event) -> None:
        results = event.params.get("results")
        told: dict[str, tuple[list[str], list[str]]] = {}
        for result in results[:_MAX_ANSWERS] if isinstance(results, list) else []:
            if not isinstance(result, dict):
                continue
            qtype = fields.text(result, "query_type", 20) or ""
            addresses, aliases = told.setdefault(qtype, ([], []))
            target = fields.text(result, "alias_target", 255)
            if target:
                aliases.append(target.rstrip(".").lower())
            addresses += _addresses(result.get("endpoints"))
        for source, item in self._of_job(event.source):
            if item.answer is not None:
                if not item.qtype and told:
                    item.qtype = item.answer["qtype"] = next(iter(told))
                addresses, aliases = told.get(item.qtype, ([], []))
                if addresses or aliases or not item.expected:
                    item.answer["answers"] = [*aliases, *addresses]
                    item.answer["cnames"] = aliases or None
                    self._write(source)

    def _task(self, event: Event) -> None:
        if event.ends:
            for source, _ in self._of_job(event.source):
                self._write(source)
            self._made.pop(event.source, None)

    def _socket(self, event: Event) -> None:
        address = fields.text(event.params, "address", 100)
        if event.begins and address:
            _keep(self._sockets, event.source, address)

    def _row(self, item: _Transaction, server: str | None) -> dict[str, object]:
        address, port = endpoint(server)
        return {
            "source": self._name,
            "protocol": "dns",
            "transport": "udp",
            "dst": address,
            "dst_port": port,
            "qname": item.qname,
            "qtype": item.qtype,
        }

    def _write(self, source: int) -> None:
        item = self._open.pop(source)
        # records that the log does not tell are not an empty answer
        if item.answer is not None and ("answers" in item.answer or not item.expected):
            self.rows.add(item.answer)


def _keep[Value](known: dict[int, Value], key: int, value: Value) -> None:
    known[key] = value
    if len(known) > MAX_OPEN:
        del known[next(iter(known))]


def _addresses(endpoints: object) -> list[str]:
    found = []
    for item in endpoints[:_MAX_ANSWERS] if isinstance(endpoints, list) else []:
        address = fields.text(item, "address", 60) if isinstance(item, dict) else None
        if address:
            found.append(address)
    return found


def _type_name(number: int | None) -> str:
    if number is None or not 0 <= number < 65536:
        return ""
    return RdataType.to_text(RdataType.make(number))
