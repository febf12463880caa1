"""What connections say, column by column, ready for the ``tcp`` and ``tls`` tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.read.packets.address import Peers
from analysis.read.packets.clock import milliseconds, seconds
from analysis.read.packets.hello import GREASE, printable, version_text
from analysis.read.packets.ja4 import ja4
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.resets import Resets
from analysis.read.packets.stream import Party, Stream
from analysis.read.packets.tcp import Streams

if TYPE_CHECKING:
    import numpy.typing as npt

_FRAMES = 8
_MOST_MOMENTS = 32

type Column = list[Any] | npt.NDArray[Any]
"""An array where that can be had: it is small to send, and quick to become a table's column.

NaN stands for a missing number.
"""

type Columns = dict[str, Column]


@dataclass(slots=True)
class Connections:
    """What was found of all connections of a file; plain values that another process may send.

    `tcp` are columns, an entry per connection. `tunnels` are the frames where data began
    to pass a SOCKS proxy, `messages` the DNS messages that were carried.
    """

    tcp: Columns
    tunnels: list[int]
    messages: list[tuple[bytes, Origin, Peers]]


@dataclass(slots=True)
class Spoken:
    """What was said on them: columns with an entry per ClientHello, and one per exchange in clear.

    Their ``stream`` is the connection's place among all.
    """

    tls: Columns
    cleartext: Columns


def connection_columns(found: Streams) -> Columns:
    """The connections of a file, once it has ended."""
    streams = found.all
    clients = [stream.client for stream in streams]
    servers = [stream.server for stream in streams]
    columns = _attributes(_STREAM, streams)
    columns |= _attributes(_PARTY, clients, "client_")
    columns |= _attributes(_PARTY, servers, "server_")
    resets = [stream.resets for stream in streams]
    for name, of_resets in _RESET.items():
        columns[name] = [None if reset is None else of_resets(reset) for reset in resets]
    columns |= {
        "client": [client.address for client in clients],
        "server": [server.address for server in servers],
        "timestamps": _column(map(_timestamps, streams)),
        "client_max_payload": _column(client.max_payload or None for client in clients),
        "server_max_payload": _column(server.max_payload or None for server in servers),
        "server_ip_ttl": _column(server.usual_ttl for server in servers),
        "client_lost_payload": _column(client.acks.lost_payload for client in clients),
        "client_selected": _column(client.acks.selected for client in clients),
        "retransmissions": columns["client_retransmissions"] + columns["server_retransmissions"],
        "zero_window": columns["client_zero_window"] + columns["server_zero_window"],
        "client_zero_window_ms": _spans(s.client.shut_until(s.last_ns) for s in streams),
        "server_zero_window_ms": _spans(s.server.shut_until(s.last_ns) for s in streams),
        "client_longest_zero_window_ms": _spans(
            stream.client.longest_shut_until(stream.last_ns) for stream in streams
        ),
        "server_longest_zero_window_ms": _spans(
            stream.server.longest_shut_until(stream.last_ns) for stream in streams
        ),
        "client_resent_ms": [_since(stream, stream.client.resent) for stream in streams],
        "syn_rtt_ms": _spans(stream.syn_rtt for stream in streams),
        "initial_rtt_ms": _spans(stream.initial_rtt or None for stream in streams),
        **_answer_times(clients, servers),
        **_times(streams),
    }
    spoken = [
        stream.talk.app == "tls" or bool(stream.talk.session.handshakes) for stream in streams
    ]
    columns |= found.records.columns(spoken)
    columns |= _troubles(found, spoken)
    return columns


def spoken_columns(streams: list[Stream]) -> Spoken:
    """What was said on the connections of a file, once it has ended."""
    plain = (
        {
            **row,
            "stream": place,
            "client": stream.client.address,
            "address": stream.server.address,
            "server_port": stream.server.port,
        }
        for place, stream in enumerate(streams)
        if stream.talk.spoken is not None
        for row in stream.talk.spoken.rows
    )
    return Spoken(_handshakes(streams), _turned(plain))


def _troubles(found: Streams, spoken: list[bool]) -> Columns:
    """What happened in each server's longest silence, see `RecordTimes.quiet_gap`."""
    counts: list[int | None] = []
    frames: list[list[int] | None] = []
    for place, stream in enumerate(found.all):
        gap = found.records.quiet_gap(place) if spoken[place] else None
        inside = [frame for ns, frame in stream.trouble or () if gap and gap[0] < ns <= gap[1]]
        counts.append(len(inside) if gap else None)
        frames.append(inside[:_FRAMES] or None)
    return {"quiet_gap_marks": _column(counts), "quiet_gap_frames": frames}


def _attributes(names: Mapping[str, str], things: Sequence[object], prefix: str = "") -> Columns:
    """Columns of attributes, all of them looked up at once."""
    if not things:
        return {prefix + name: [] for name in names}
    values = zip(*map(attrgetter(*names.values()), things), strict=True)
    return {prefix + name: _column(column) for name, column in zip(names, values, strict=True)}


def _turned(rows: Iterable[Mapping[str, object]]) -> Columns:
    """Rows as columns, one row at a time: all of them as dictionaries take much memory."""
    columns: dict[str, list[object]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return {name: _column(columns.pop(name)) for name in list(columns)}


def _column(values: Iterable[Any]) -> Column:
    """An array, or the values as they are where they are neither numbers nor truths."""
    listed = list(values)
    kinds = set(map(type, listed))
    if kinds == {int}:
        return np.array(listed)
    if kinds == {int, NoneType}:
        return np.array(listed, np.float64)
    return np.array(listed) if kinds == {bool} else listed


def _spans(ns: Iterable[float | None]) -> Column:
    """Milliseconds."""
    return np.array(list(ns), np.float64) / 1e6


def _times(streams: list[Stream]) -> Columns:
    """Times since 1970: too large to be divided as arrays without another rounding."""
    return {
        "first_time": [seconds(stream.first_ns) for stream in streams],
        "last_time": [seconds(stream.last_ns) for stream in streams],
        "last_payload_time": [seconds(stream.last_payload_ns) for stream in streams],
        "client_payload_time": [seconds(stream.client.payload_ns) for stream in streams],
        "server_payload_time": [seconds(stream.server.payload_ns) for stream in streams],
        "fin_time": [seconds(stream.fin_ns) for stream in streams],
        "fin_silence_ms": _spans(stream.fin_silence_ns for stream in streams),
    }


def _answer_times(clients: list[Party], servers: list[Party]) -> Columns:
    """How long either end took to acknowledge what the other sent."""
    of_server = [client.acks.quantiles(0, 0.5, 0.95) for client in clients]
    of_client = [server.acks.quantiles(0.5) for server in servers]
    return {
        "server_ack_ms_min": _spans(least for least, _, _ in of_server),
        "server_ack_ms_p50": _spans(middle for _, middle, _ in of_server),
        "server_ack_ms_p95": _spans(late for _, _, late in of_server),
        "client_ack_ms_p50": _spans(middle for (middle,) in of_client),
    }


def _since(stream: Stream, moments: list[int] | None) -> list[int] | None:
    """Milliseconds from the connection's first packet on."""
    if moments is None:
        return None
    return [round((ns - stream.first_ns) / 1e6) for ns in moments[-_MOST_MOMENTS:]]


def _timestamps(stream: Stream) -> bool | None:
    client, server = stream.client, stream.server
    both = client.synchronised and server.synchronised
    return client.timestamps and server.timestamps if both else None


_STREAM = {
    "packets": "packets",
    "bytes": "octets",
    "first_frame": "first_frame",
    "last_frame": "last_frame",
    "syn_frame": "syn_frame",
    "synack_frame": "synack_frame",
    "syns": "syns",
    "fast_retransmissions": "fast",
    "spurious_retransmissions": "spurious",
    "out_of_order": "out_of_order",
    "lost_segments": "lost_segments",
    "dup_acks": "duplicate_acks",
    "window_full": "window_full",
    "keep_alives": "keep_alives",
    "synack_ip_ttl": "synack_ttl",
    "fin_by": "fin_by",
    "port_reused": "port_reused",
    "interface": "interface",
    "app": "talk.app",
    "connect_host": "talk.connect_host",
    "connect_status": "talk.connect_status",
    "socks_reply": "talk.socks_reply",
}
_PARTY = {
    "port": "port",
    "payload": "payload",
    "sent": "sent",
    "retransmissions": "retransmissions",
    "gap_fills": "gap_fills",
    "copies": "copies",
    "zero_window": "zero_window",
    "data_packets": "data_packets",
    "unacked": "unacked",
    "fin": "fins",
    "rst": "resets",
    "mss": "mss",
}
_RESET: dict[str, Callable[[Resets], object]] = {
    "reset_by": lambda r: r.by,
    "reset_frame": lambda r: r.first.frame,
    "reset_time": lambda r: seconds(r.first.ns),
    "reset_ip_ttl": lambda r: r.first.ttl,
    "reset_ack": lambda r: r.ack,
    "reset_ip_id": lambda r: r.first.ip_id if r.first.ip_id >= 0 else None,
    "reset_window": lambda r: r.window,
    "reset_frames": lambda r: r.frames,
    "reset_kinds": lambda r: r.kinds,
    "reset_seqs": lambda r: r.seqs,
    "reset_ip_ttls": lambda r: r.ttls,
    "after_reset_frame": lambda r: r.after.frame if r.after else None,
    "after_reset_kind": lambda r: r.after_kind,
    "after_reset_ip_ttl": lambda r: r.after.ttl if r.after else None,
    "before_reset_ip_id": lambda r: r.before_ip_id,
    "client_payload_before_reset": lambda r: r.client_payload,
    "server_payload_before_reset": lambda r: r.server_payload,
    "reset_timestamp": lambda r: r.timestamp,
}


def _handshakes(streams: list[Stream]) -> Columns:
    """An entry per ClientHello; one pass per column takes far less time than a row at a time."""
    found = [
        (place, stream, handshake)
        for place, stream in enumerate(streams)
        for handshake in stream.talk.session.handshakes
    ]
    if not found:
        return {}
    made = [handshake for _, _, handshake in found]
    ends = [
        (stream.client, stream.server) if handshake.from_client else (stream.server, stream.client)
        for _, stream, handshake in found
    ]
    hellos, answers = [one.hello for one in made], [one.server for one in made]
    leaves = [one.leaf for one in made]
    return {
        "frame": _column(one.origin.frame for one in made),
        "stream": _column(place for place, _, _ in found),
        "time": [seconds(one.origin.ns) for one in made],
        "client": [client.address for client, _ in ends],
        "client_port": _column(client.port for client, _ in ends),
        "server": [server.address for _, server in ends],
        "server_port": _column(server.port for _, server in ends),
        "sni": [hello.sni for hello in hellos],
        "alpn": [[printable(name) for name in hello.alpn] for hello in hellos],
        "version": [
            version_text(answer.version if answer else hello.highest_version)
            for hello, answer in zip(hellos, answers, strict=True)
        ],
        "ja4": [ja4(hello, "t") if hello.whole else None for hello in hellos],
        "groups": [[group for group in hello.groups if group not in GREASE] for hello in hellos],
        "ech": [hello.ech for hello in hellos],
        "hello_bytes": _column(one.octets for one in made),
        "hello_segments": _column(one.segments for one in made),
        "server_hello_frame": _column(
            one.server_origin.frame if one.server_origin else None for one in made
        ),
        "server_hello_ms": _column(
            milliseconds(one.server_origin.ns - one.origin.ns) if one.server_origin else None
            for one in made
        ),
        "server_alpn": [answer.alpn if answer else None for answer in answers],
        "alert": _column(one.alert for one in made),
        "alert_by": [one.alert_by for one in made],
        "alert_frame": _column(one.alert_frame for one in made),
        "subject": [leaf.subject if leaf else None for leaf in leaves],
        "issuer": [leaf.issuer if leaf else None for leaf in leaves],
        "not_before": [leaf.not_before if leaf else None for leaf in leaves],
        "not_after": [leaf.not_after if leaf else None for leaf in leaves],
    }
