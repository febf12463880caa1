"""The ``tcp`` and ``tls`` tables from the streams of a file."""

from __future__ import annotations

import pandas as pd

from analysis.model.frames import frame_of_rows
from analysis.read.packets.clock import milliseconds, seconds
from analysis.read.packets.hello import is_grease, printable, version_text
from analysis.read.packets.ja4 import ja4
from analysis.read.packets.records import RecordTimes
from analysis.read.packets.resets import Resets
from analysis.read.packets.stream import Stream
from analysis.read.packets.tls import Handshake


def tcp_frame(streams: list[Stream], records: RecordTimes, source: str) -> pd.DataFrame:
    """One row per connection, in order of its number."""
    return frame_of_rows(
        "tcp", [_connection(stream, source) | _records(stream, records) for stream in streams]
    )


def tls_frame(streams: list[Stream], source: str) -> pd.DataFrame:
    """One row per ClientHello, in order of frames."""
    found = [
        (handshake, stream) for stream in streams for handshake in stream.talk.session.handshakes
    ]
    found.sort(key=lambda pair: (pair[0].origin.frame, pair[1].number))
    return frame_of_rows("tls", [_handshake(*pair, source) for pair in found])


def _connection(stream: Stream, source: str) -> dict[str, object]:
    client, server = stream.client, stream.server
    both = client.synchronised and server.synchronised
    return {
        "source": source,
        "stream": stream.number,
        "client": client.address,
        "client_port": client.port,
        "server": server.address,
        "server_port": server.port,
        "packets": stream.packets,
        "bytes": stream.octets,
        "client_payload": client.payload,
        "server_payload": server.payload,
        "client_sent": client.sent,
        "server_sent": server.sent,
        "first_time": seconds(stream.first_ns),
        "last_time": seconds(stream.last_ns),
        "first_frame": stream.first_frame,
        "last_frame": stream.last_frame,
        "syn_frame": stream.syn_frame,
        "synack_frame": stream.synack_frame,
        "syns": stream.syns,
        "syn_rtt_ms": milliseconds(stream.syn_rtt),
        "initial_rtt_ms": milliseconds(stream.initial_rtt or None),
        "retransmissions": client.retransmissions + server.retransmissions,
        "client_retransmissions": client.retransmissions,
        "server_retransmissions": server.retransmissions,
        "fast_retransmissions": stream.fast,
        "spurious_retransmissions": stream.spurious,
        "out_of_order": stream.out_of_order,
        "lost_segments": stream.lost_segments,
        "dup_acks": stream.duplicate_acks,
        "zero_window": client.zero_window + server.zero_window,
        "client_zero_window": client.zero_window,
        "server_zero_window": server.zero_window,
        "client_zero_window_ms": milliseconds(client.shut_until(stream.last_ns)),
        "server_zero_window_ms": milliseconds(server.shut_until(stream.last_ns)),
        "window_full": stream.window_full,
        "keep_alives": stream.keep_alives,
        "client_data_packets": client.data_packets,
        "server_data_packets": server.data_packets,
        "client_max_payload": client.max_payload or None,
        "server_max_payload": server.max_payload or None,
        "client_unacked": client.unacked,
        "server_unacked": server.unacked,
        "client_lost_payload": client.acks.lost_payload,
        "server_ack_ms_min": milliseconds(client.acks.quantile(0)),
        "server_ack_ms_p50": milliseconds(client.acks.quantile(0.5)),
        "server_ack_ms_p95": milliseconds(client.acks.quantile(0.95)),
        "client_ack_ms_p50": milliseconds(server.acks.quantile(0.5)),
        "client_fin": client.fins,
        "server_fin": server.fins,
        "client_rst": client.resets,
        "server_rst": server.resets,
        **_resets(stream.resets),
        "timestamps": client.timestamps and server.timestamps if both else None,
        "synack_ip_ttl": stream.synack_ttl,
        "server_ip_ttl": server.usual_ttl,
        "client_mss": client.mss,
        "server_mss": server.mss,
        "last_payload_time": seconds(stream.last_payload_ns),
        "client_payload_time": seconds(client.payload_ns),
        "server_payload_time": seconds(server.payload_ns),
        "fin_by": stream.fin_by,
        "fin_time": seconds(stream.fin_ns),
        "port_reused": stream.port_reused,
        "interface": stream.interface,
        "app": stream.talk.app,
        "connect_host": stream.talk.connect_host,
        "connect_status": stream.talk.connect_status,
    }


def _resets(resets: Resets | None) -> dict[str, object]:
    """Columns of the first reset; none when there was no reset."""
    if resets is None:
        return {}
    first, after = resets.first, resets.after
    return {
        "reset_by": resets.by,
        "reset_frame": first.frame,
        "reset_time": seconds(first.ns),
        "reset_ip_ttl": first.ttl,
        "reset_ack": resets.ack,
        "reset_ip_id": first.ip_id if first.ip_id >= 0 else None,
        "reset_window": resets.window,
        "reset_frames": resets.frames,
        "reset_kinds": resets.kinds,
        "reset_seqs": resets.seqs,
        "reset_ip_ttls": resets.ttls,
        "after_reset_frame": after.frame if after else None,
        "after_reset_kind": resets.after_kind,
        "after_reset_ip_ttl": after.ttl if after else None,
        "before_reset_ip_id": resets.before_ip_id,
        "client_payload_before_reset": resets.client_payload,
        "server_payload_before_reset": resets.server_payload,
        "reset_timestamp": resets.timestamp,
    }


def _records(stream: Stream, records: RecordTimes) -> dict[str, object]:
    """Columns of the TLS records; none where no TLS was seen."""
    if stream.talk.app != "tls" and not stream.talk.session.handshakes:
        return {}
    spoken = records.of(stream.talk.index)
    if spoken is None:
        return {}
    return {
        "client_records": spoken.client or None,
        "server_records": spoken.server or None,
        "server_record_gap_p50_ms": milliseconds(spoken.gap_p50),
        "server_record_gap_p95_ms": milliseconds(spoken.gap_p95),
        "server_record_gap_max_ms": milliseconds(spoken.gap_max),
        "client_last_record": spoken.client_last or None,
        "server_last_record": spoken.server_last or None,
    }


def _handshake(handshake: Handshake, stream: Stream, source: str) -> dict[str, object]:
    hello, answer, leaf = handshake.hello, handshake.server, handshake.leaf
    client, server = stream.client, stream.server
    if not handshake.from_client:
        client, server = server, client
    delay = None
    if handshake.server_origin is not None:
        delay = milliseconds(handshake.server_origin.ns - handshake.origin.ns)
    return {
        "source": source,
        "frame": handshake.origin.frame,
        "stream": stream.number,
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
