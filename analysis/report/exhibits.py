"""The records behind a finding: the rows of the tables that its evidence names.

A person who doubts a claim sees here which packets and requests it rests on,
without opening the capture; the filters beside them find the same records in
Wireshark and mitmproxy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analysis.knowledge.alerts import alert
from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables
from analysis.model.message import say
from analysis.report.cells import Record, number, offset, rcode, word
from analysis.report.flow_filter import flow_filter

_MOST_ROWS = 12  # of each kind and finding
_MOST_ANSWERS = 3


@dataclass(frozen=True, slots=True)
class PacketRow:
    """One packet: frame number, time since the start, from and to as address:port, and what."""

    source: str
    frame: int
    time: str
    sender: str
    receiver: str
    what: str


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One exchange: flow id, time since the start, request, outcome, and its mitmproxy filter."""

    flow: str
    time: str
    request: str
    outcome: str
    filter: str


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What one finding rests on; `packets_left_out` and the like are only counted."""

    packets: tuple[PacketRow, ...]
    flows: tuple[FlowRow, ...]
    packets_left_out: int
    flows_left_out: int

    def __bool__(self) -> bool:
        return bool(self.packets or self.flows)


@dataclass(frozen=True, slots=True)
class _Event:
    """One column that names a frame, and how that packet reads."""

    table: str
    column: str
    time: Callable[[Record], float | None]
    what: Callable[[Record], str]
    from_client: Callable[[Record], bool]


def _at(name: str) -> Callable[[Record], float | None]:
    return lambda row: number(row, name)


def _after(first: str, span: str) -> Callable[[Record], float | None]:
    """A time that is `span` milliseconds after another one."""

    def time(row: Record) -> float | None:
        begin, length = number(row, first), number(row, span)
        return None if begin is None or length is None else begin + length / 1000

    return time


def _unknown(_: Record) -> None:
    return None


def _client(_: Record) -> bool:
    return True


def _server(_: Record) -> bool:
    return False


def _by(name: str) -> Callable[[Record], bool]:
    return lambda row: word(row, name) == "client"


def _said(text: str) -> Callable[[Record], str]:
    return lambda _: text


def _dns(row: Record) -> str:
    asked = f"{word(row, 'qtype')} {word(row, 'qname')}".strip()
    if row.get("response") is not True:
        return say("DNS query {question}", question=asked)
    answers = [str(answer) for answer in row["answers"]] if row.get("answers") is not None else []
    shown = ", ".join(answers[:_MOST_ANSWERS]) + (" …" if len(answers) > _MOST_ANSWERS else "")
    return say(
        "DNS response {question}: {rcode} {answers}",
        question=asked,
        rcode=rcode(row),
        answers=shown,
    )


def _alert(row: Record) -> str:
    code = number(row, "alert")
    return "TLS alert" if code is None else f"TLS alert {alert(int(code)).name}"


def _hello(kind: str) -> Callable[[Record], str]:
    return lambda row: f"{kind} {word(row, 'sni')}".rstrip()


def _icmp(row: Record) -> str:
    return say("ICMP type {type} code {code}", type=word(row, "type"), code=word(row, "code"))


def _first(row: Record) -> str:
    return say("TCP stream {stream}: first packet", stream=word(row, "stream"))


def _last(row: Record) -> str:
    return say("TCP stream {stream}: last packet", stream=word(row, "stream"))


def _after_reset(row: Record) -> str:
    return say("TCP {what} after RST", what=word(row, "after_reset_kind").upper())


_SYNACK_TIME = _after("first_time", "syn_rtt_ms")
_SERVER_HELLO_TIME = _after("time", "server_hello_ms")
# what a packet is comes first, so that the SYN is not called the first packet of its connection
_EVENTS = (
    _Event("dns", "frame", _at("time"), _dns, _client),
    _Event("tcp", "syn_frame", _at("first_time"), _said("TCP SYN"), _client),
    _Event("tcp", "synack_frame", _SYNACK_TIME, _said("TCP SYN-ACK"), _server),
    _Event("tcp", "reset_frame", _at("reset_time"), _said("TCP RST"), _by("reset_by")),
    _Event("tls", "frame", _at("time"), _hello("TLS ClientHello"), _client),
    _Event("tls", "server_hello_frame", _SERVER_HELLO_TIME, _said("TLS ServerHello"), _server),
    _Event("tls", "alert_frame", _unknown, _alert, _by("alert_by")),
    _Event("quic", "frame", _at("time"), _hello("QUIC Initial"), _client),
    _Event("udp", "frame", _at("time"), lambda row: word(row, "protocol").upper(), _client),
    _Event("icmp", "frame", _at("time"), _icmp, _client),
    _Event("tcp", "after_reset_frame", _unknown, _after_reset, _by("reset_by")),
    _Event("tcp", "first_frame", _at("first_time"), _first, _client),
    _Event("tcp", "last_frame", _at("last_time"), _last, _client),
)
_PLACES = {"dns": ("src", "dst"), "icmp": ("src", "dst")}


class Exhibits:
    """Finds the rows that pieces of evidence name; each table is searched once."""

    def __init__(self, tables: Tables, pieces: Iterable[Evidence], begin: float | None) -> None:
        pieces = tuple(pieces)
        self._begin = begin
        self._packets = self._find_packets(
            tables, {(piece.source, frame) for piece in pieces for frame in piece.frames}
        )
        self._flows = self._find_flows(tables, {piece.flow_id for piece in pieces} - {None})

    def of(self, pieces: Iterable[Evidence]) -> Exhibit:
        """The records of some pieces, packets by number, exchanges as they are named."""
        pieces = tuple(pieces)
        named = {(piece.source, frame) for piece in pieces for frame in piece.frames}
        packets = [self._packets[place] for place in sorted(named) if place in self._packets]
        flows = self.flows(pieces)
        return Exhibit(
            tuple(packets[:_MOST_ROWS]),
            flows[:_MOST_ROWS],
            len(named) - len(packets[:_MOST_ROWS]),
            len(flows[_MOST_ROWS:]),
        )

    def flows(self, pieces: Iterable[Evidence]) -> tuple[FlowRow, ...]:
        """The exchanges that some pieces name, each once."""
        named = dict.fromkeys(piece.flow_id for piece in pieces if piece.flow_id is not None)
        return tuple(self._flows[flow] for flow in named if flow in self._flows)

    def _find_packets(
        self, tables: Tables, wanted: set[tuple[str, int]]
    ) -> dict[tuple[str, int], PacketRow]:
        found: dict[tuple[str, int], PacketRow] = {}
        if not wanted:
            return found
        sources = {source for source, _ in wanted}
        frames = {frame for _, frame in wanted}
        for event in _EVENTS:
            table = tables[event.table]
            if table.empty:
                continue
            rows = table[table[event.column].isin(frames) & table["source"].isin(sources)]
            for row in rows.to_dict("records"):
                place = (str(row["source"]), int(row[event.column]))
                if place in wanted and place not in found:
                    found[place] = self._packet(event, row, place)
        return found

    def _packet(self, event: _Event, row: Record, place: tuple[str, int]) -> PacketRow:
        one, other = _PLACES.get(event.table, ("client", "server"))
        ends = [_address(row, one), _address(row, other)]
        if not event.from_client(row):
            ends.reverse()
        source, frame = place
        sender, receiver = ends
        time = self._time(event.time(row))
        return PacketRow(source, frame, time, sender, receiver, event.what(row))

    def _find_flows(self, tables: Tables, wanted: set[str | None]) -> dict[str, FlowRow]:
        found: dict[str, FlowRow] = {}
        for name, time in (("ws", "requested"), ("http", "started")):
            table = tables[name]
            for row in table[table["flow"].isin(wanted)].to_dict("records") if wanted else ():
                flow = word(row, "flow")
                method = word(row, "method") or "GET"
                host, path = word(row, "host"), word(row, "path")
                found.setdefault(
                    flow,
                    FlowRow(
                        flow,
                        self._time(number(row, time)),
                        f"{'websocket' if name == 'ws' else method} {host}{path}",
                        _outcome(row),
                        flow_filter(method, host, path),
                    ),
                )
        return found

    def _time(self, at: float | None) -> str:
        return offset("time", self._begin)({"time": at})


def _address(row: Record, name: str) -> str:
    host, port = word(row, name), word(row, f"{name}_port")
    if not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _outcome(row: Record) -> str:
    parts = [word(row, "status"), word(row, "close_code"), word(row, "error")]
    return ", ".join(part for part in parts if part)
