"""What connections say, column by column, ready for the ``tcp`` and ``tls`` tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from analysis.read.packets.address import Peers
from analysis.read.packets.clock import milliseconds, seconds
from analysis.read.packets.hello import is_grease, printable, version_text
from analysis.read.packets.ja4 import ja4
from analysis.read.packets.reassembly import Origin
from analysis.read.packets.resets import Resets
from analysis.read.packets.stream import Stream
from analysis.read.packets.tcp import Streams
from analysis.read.packets.tls import Handshake

_FRAMES = 8

type Columns = dict[str, list[object]]


@dataclass(slots=True)
class Connections:
    """What was found of some connections of a file; plain values that another process may send.

    `tcp` are columns, an entry per connection; `tls` and `cleartext` are rows, whose
    ``stream`` is the connection's place among them. `tunnels` are the frames where data began
    to pass a SOCKS proxy. `messages` are DNS messages, if these were kept for later.
    """

    tcp: Columns
    tls: list[dict[str, object]]
    cleartext: list[dict[str, object]]
    tunnels: list[int]
    messages: list[tuple[bytes, Origin, Peers]] = field(default_factory=list)


def connections(found: Streams) -> Connections:
    """The connections of a share, once the file has ended."""
    streams = found.all
    columns = {name: list(map(value, streams)) for name, value in _COLUMNS.items()}
    resets = [stream.resets for stream in streams]
    for name, of in _RESET.items():
        columns[name] = [None if reset is None else of(reset) for reset in resets]
    spoken = [
        stream.talk.app == "tls" or bool(stream.talk.session.handshakes) for stream in streams
    ]
    columns |= found.records.columns(spoken)
    columns |= _troubles(found, spoken)
    hellos = [
        _handshake(handshake, stream, place)
        for place, stream in enumerate(streams)
        for handshake in stream.talk.session.handshakes
    ]
    plain = [
        {
            **row,
            "stream": place,
            "client": stream.client.address,
            "address": stream.server.address,
            "server_port": stream.server.port,
        }
        for place, stream in enumerate(streams)
        for row in stream.talk.exchanges.rows
    ]
    return Connections(columns, hellos, plain, found.tunnels)


def _troubles(found: Streams, spoken: list[bool]) -> Columns:
    """What happened in each server's longest silence, see `RecordTimes.quiet_gap`."""
    counts: list[object] = []
    frames: list[object] = []
    for place, stream in enumerate(found.all):
        gap = found.records.quiet_gap(place) if spoken[place] else None
        inside = [frame for ns, frame in stream.trouble if gap and gap[0] < ns <= gap[1]]
        counts.append(len(inside) if gap else None)
        frames.append(inside[:_FRAMES] or None)
    return {"quiet_gap_marks": counts, "quiet_gap_frames": frames}


def _timestamps(stream: Stream) -> bool | None:
    client, server = stream.client, stream.server
    both = client.synchronised and server.synchronised
    return client.timestamps and server.timestamps if both else None


_COLUMNS: dict[str, Callable[[Stream], object]] = {
    "client": lambda s: s.client.address,
    "client_port": lambda s: s.client.port,
    "server": lambda s: s.server.address,
    "server_port": lambda s: s.server.port,
    "packets": lambda s: s.packets,
    "bytes": lambda s: s.octets,
    "client_payload": lambda s: s.client.payload,
    "server_payload": lambda s: s.server.payload,
    "client_sent": lambda s: s.client.sent,
    "server_sent": lambda s: s.server.sent,
    "first_time": lambda s: seconds(s.first_ns),
    "last_time": lambda s: seconds(s.last_ns),
    "first_frame": lambda s: s.first_frame,
    "last_frame": lambda s: s.last_frame,
    "syn_frame": lambda s: s.syn_frame,
    "synack_frame": lambda s: s.synack_frame,
    "syns": lambda s: s.syns,
    "syn_rtt_ms": lambda s: milliseconds(s.syn_rtt),
    "initial_rtt_ms": lambda s: milliseconds(s.initial_rtt or None),
    "retransmissions": lambda s: s.client.retransmissions + s.server.retransmissions,
    "client_retransmissions": lambda s: s.client.retransmissions,
    "server_retransmissions": lambda s: s.server.retransmissions,
    "fast_retransmissions": lambda s: s.fast,
    "spurious_retransmissions": lambda s: s.spurious,
    "out_of_order": lambda s: s.out_of_order,
    "lost_segments": lambda s: s.lost_segments,
    "dup_acks": lambda s: s.duplicate_acks,
    "zero_window": lambda s: s.client.zero_window + s.server.zero_window,
    "client_zero_window": lambda s: s.client.zero_window,
    "server_zero_window": lambda s: s.server.zero_window,
    "client_zero_window_ms": lambda s: milliseconds(s.client.shut_until(s.last_ns)),
    "server_zero_window_ms": lambda s: milliseconds(s.server.shut_until(s.last_ns)),
    "window_full": lambda s: s.window_full,
    "keep_alives": lambda s: s.keep_alives,
    "client_data_packets": lambda s: s.client.data_packets,
    "server_data_packets": lambda s: s.server.data_packets,
    "client_max_payload": lambda s: s.client.max_payload or None,
    "server_max_payload": lambda s: s.server.max_payload or None,
    "client_unacked": lambda s: s.client.unacked,
    "server_unacked": lambda s: s.server.unacked,
    "client_lost_payload": lambda s: s.client.acks.lost_payload,
    "client_selected": lambda s: s.client.acks.selected,
    "server_ack_ms_min": lambda s: milliseconds(s.client.acks.quantile(0)),
    "server_ack_ms_p50": lambda s: milliseconds(s.client.acks.quantile(0.5)),
    "server_ack_ms_p95": lambda s: milliseconds(s.client.acks.quantile(0.95)),
    "client_ack_ms_p50": lambda s: milliseconds(s.server.acks.quantile(0.5)),
    "client_fin": lambda s: s.client.fins,
    "server_fin": lambda s: s.server.fins,
    "client_rst": lambda s: s.client.resets,
    "server_rst": lambda s: s.server.resets,
    "timestamps": _timestamps,
    "synack_ip_ttl": lambda s: s.synack_ttl,
    "server_ip_ttl": lambda s: s.server.usual_ttl,
    "client_mss": lambda s: s.client.mss,
    "server_mss": lambda s: s.server.mss,
    "last_payload_time": lambda s: seconds(s.last_payload_ns),
    "client_payload_time": lambda s: seconds(s.client.payload_ns),
    "server_payload_time": lambda s: seconds(s.server.payload_ns),
    "fin_by": lambda s: s.fin_by,
    "fin_time": lambda s: seconds(s.fin_ns),
    "port_reused": lambda s: s.port_reused,
    "interface": lambda s: s.interface,
    "app": lambda s: s.talk.app,
    "connect_host": lambda s: s.talk.connect_host,
    "connect_status": lambda s: s.talk.connect_status,
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


def _handshake(handshake: Handshake, stream: Stream, place: int) -> dict[str, object]:
    hello, answer, leaf = handshake.hello, handshake.server, handshake.leaf
    client, server = stream.client, stream.server
    if not handshake.from_client:
        client, server = server, client
    delay = None
    if handshake.server_origin is not None:
        delay = milliseconds(handshake.server_origin.ns - handshake.origin.ns)
    return {
        "frame": handshake.origin.frame,
        "stream": place,
        "time": seconds(handshake.origin.ns),
        "client": client.address,
        "client_port": client.port,
        "server": server.address,
        "server_port": server.port,
        "sni": hello.sni,
        "alpn": [printable(name) for name in hello.alpn],
        "version": version_text(answer.version if answer else hello.highest_version),
        "ja4": ja4(hello, "t") if hello.whole else None,
        "groups": [group for group in hello.groups if not is_grease(group)],
        "ech": hello.ech,
        "hello_bytes": handshake.octets,
        "hello_segments": handshake.segments,
        "server_hello_frame": handshake.server_origin.frame if handshake.server_origin else None,
        "server_hello_ms": delay,
        "server_alpn": answer.alpn if answer else None,
        "alert": handshake.alert,
        "alert_by": handshake.alert_by,
        "alert_frame": handshake.alert_frame,
        "subject": leaf.subject if leaf else None,
        "issuer": leaf.issuer if leaf else None,
        "not_before": leaf.not_before if leaf else None,
        "not_after": leaf.not_after if leaf else None,
    }
