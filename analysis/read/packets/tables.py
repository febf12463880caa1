"""The ``tcp`` and ``tls`` tables from the streams of a file."""

from __future__ import annotations

import pandas as pd

from analysis.model.frames import frame_of_rows
from analysis.read.packets.clock import milliseconds, seconds
from analysis.read.packets.hello import is_grease, printable, version_text
from analysis.read.packets.ja4 import ja4
from analysis.read.packets.stream import Stream
from analysis.read.packets.tls import Handshake


def tcp_frame(streams: list[Stream], source: str) -> pd.DataFrame:
    """One row per connection, in order of its number."""
    return frame_of_rows("tcp", [_connection(stream, source) for stream in streams])


def tls_frame(streams: list[Stream], source: str) -> pd.DataFrame:
    """One row per ClientHello, in order of frames."""
    found = [
        (handshake, stream) for stream in streams for handshake in stream.talk.session.handshakes
    ]
    found.sort(key=lambda pair: (pair[0].origin.frame, pair[1].number))
    return frame_of_rows("tls", [_handshake(*pair, source) for pair in found])


def _connection(stream: Stream, source: str) -> dict[str, object]:
    client, server, reset = stream.client, stream.server, stream.reset
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
        "retransmissions": stream.retransmissions,
        "out_of_order": stream.out_of_order,
        "lost_segments": stream.lost_segments,
        "dup_acks": stream.duplicate_acks,
        "zero_window": stream.zero_window,
        "client_fin": client.fins,
        "server_fin": server.fins,
        "client_rst": client.resets,
        "server_rst": server.resets,
        "reset_by": stream.reset_by,
        "reset_frame": reset.frame if reset else None,
        "reset_time": seconds(reset.ns) if reset else None,
        "reset_ip_ttl": reset.ttl if reset else None,
        "synack_ip_ttl": stream.synack_ttl,
        "server_ip_ttl": server.usual_ttl,
        "client_mss": client.mss,
        "server_mss": server.mss,
        "last_payload_time": seconds(stream.last_payload_ns),
        "client_payload_time": seconds(client.payload_ns),
        "server_payload_time": seconds(server.payload_ns),
        "fin_by": stream.fin_by,
        "fin_time": seconds(stream.fin_ns),
        "app": stream.talk.app,
        "connect_host": stream.talk.connect_host,
        "connect_status": stream.talk.connect_status,
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
