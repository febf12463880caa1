"""The tables: what was observed, without judgment.

Every column is declared once, here, with its type, unit and meaning; the
reference page and the report's glossary are rendered from these declarations.

Conventions that hold for every table:

* a time is a float of seconds since 1970-01-01 UTC; a span ends in ``_ms`` or
  ``_s``; sizes are octets;
* a missing value means "not seen", never "no" and never zero;
* ``source`` is the name of the file a row was read from, as the report shows
  it (``packets.pcapng``); frame numbers count from 1 within that file, as in
  Wireshark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

type ColumnType = Literal["int", "float", "str", "bool", "list[str]", "list[int]"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type, unit (may be empty) and meaning."""

    name: str
    type: ColumnType
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table: what a row stands for, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _schema(name: str, row: str, *columns: tuple[str, ColumnType, str, str]) -> TableSchema:
    return TableSchema(name, row, tuple(Column(*column) for column in columns))


DNS = _schema(
    "dns",
    "DNS message",
    ("source", "str", "", "file the message was read from"),
    ("frame", "int", "", "frame number in that file; missing for a lookup chatpath itself logged"),
    ("time", "float", "s", "when the message was seen"),
    ("protocol", "str", "", "dns, mdns or llmnr"),
    ("transport", "str", "", "udp or tcp"),
    ("src", "str", "", "sender's address"),
    ("src_port", "int", "", "sender's port"),
    ("dst", "str", "", "receiver's address"),
    ("dst_port", "int", "", "receiver's port"),
    ("id", "int", "", "message id"),
    ("response", "bool", "", "true for a response"),
    ("qname", "str", "", "name asked for, without the final dot, in lower case"),
    ("qtype", "str", "", "type asked for (A, AAAA, HTTPS ...; TYPEn when unknown)"),
    ("rcode", "int", "", "response code as a number (extended by EDNS); missing in a query"),
    ("answers", "list[str]", "", "addresses and CNAME targets of the answer section, in order"),
    ("cnames", "list[str]", "", "CNAME targets of the answer section, in order"),
    ("soa", "list[str]", "", "'owner mname' of each SOA in the authority section"),
    (
        "additional_soa",
        "list[str]",
        "",
        "owner of each SOA in the additional section (an RPZ mark)",
    ),
    ("ede", "list[int]", "", "Extended DNS Error codes (RFC 8914), in order"),
    ("ede_text", "list[str]", "", "EXTRA-TEXT of each Extended DNS Error, untrusted"),
    ("ttl_min", "int", "s", "lowest TTL in the answer section"),
    ("recursion_available", "bool", "", "RA flag of a response"),
    ("authoritative", "bool", "", "AA flag of a response"),
    ("truncated", "bool", "", "TC flag"),
    ("cut", "bool", "", "the message is not whole in the capture (snap length) or is malformed"),
    ("latency_ms", "float", "ms", "response minus its query, where both were seen"),
    ("ip_ttl", "int", "", "IP time to live or hop limit of the packet"),
    ("ip_id", "int", "", "IPv4 identification of the packet"),
)

TCP = _schema(
    "tcp",
    "TCP connection (Wireshark's tcp.stream)",
    ("source", "str", "", "file the connection was read from"),
    ("stream", "int", "", "Wireshark's tcp.stream number in that file"),
    ("client", "str", "", "address that sent the SYN, or the first packet seen"),
    ("client_port", "int", "", "its port"),
    ("server", "str", "", "the other address"),
    ("server_port", "int", "", "its port"),
    ("packets", "int", "", "packets seen, both directions"),
    ("bytes", "int", "octets", "frame lengths on the wire, both directions"),
    ("client_payload", "int", "octets", "TCP payload sent by the client"),
    ("server_payload", "int", "octets", "TCP payload sent by the server"),
    (
        "client_sent",
        "int",
        "octets",
        "data the client sent by its sequence numbers, captured or not; missing without its SYN",
    ),
    ("server_sent", "int", "octets", "the same of the server"),
    ("first_time", "float", "s", "first packet"),
    ("last_time", "float", "s", "last packet"),
    ("first_frame", "int", "", "frame of the first packet"),
    ("last_frame", "int", "", "frame of the last packet"),
    ("syn_frame", "int", "", "frame of the first SYN"),
    ("synack_frame", "int", "", "frame of the first SYN-ACK"),
    ("syns", "int", "", "SYNs the client sent"),
    (
        "syn_rtt_ms",
        "float",
        "ms",
        "SYN-ACK minus the SYN before it; missing when the SYN was resent",
    ),
    ("initial_rtt_ms", "float", "ms", "Wireshark's initial RTT: the handshake's ACK minus the SYN"),
    ("retransmissions", "int", "", "Wireshark's tcp.analysis.retransmission, both directions"),
    ("client_retransmissions", "int", "", "of these, sent by the client"),
    ("server_retransmissions", "int", "", "of these, sent by the server"),
    ("fast_retransmissions", "int", "", "of these, Wireshark's tcp.analysis.fast_retransmission"),
    (
        "spurious_retransmissions",
        "int",
        "",
        "of these, Wireshark's tcp.analysis.spurious_retransmission: acknowledged before",
    ),
    ("out_of_order", "int", "", "Wireshark's tcp.analysis.out_of_order"),
    ("lost_segments", "int", "", "previous segment not captured: gaps of the capture"),
    ("dup_acks", "int", "", "duplicate acknowledgements"),
    ("zero_window", "int", "", "zero-window advertisements"),
    ("client_zero_window", "int", "", "of these, sent by the client: it could take no more"),
    ("server_zero_window", "int", "", "of these, sent by the server"),
    ("client_zero_window_ms", "float", "ms", "time the client's window was shut, all told"),
    ("server_zero_window_ms", "float", "ms", "time the server's window was shut, all told"),
    ("window_full", "int", "", "Wireshark's tcp.analysis.window_full"),
    ("keep_alives", "int", "", "Wireshark's tcp.analysis.keep_alive"),
    ("client_data_packets", "int", "", "segments with payload from the client"),
    ("server_data_packets", "int", "", "segments with payload from the server"),
    ("client_max_payload", "int", "octets", "longest payload of a segment from the client"),
    ("server_max_payload", "int", "octets", "longest payload of a segment from the server"),
    (
        "client_unacked",
        "int",
        "octets",
        "data the client sent that the server had not acknowledged at the end",
    ),
    ("server_unacked", "int", "octets", "data the server sent, likewise"),
    (
        "client_lost_payload",
        "int",
        "octets",
        "longest payload that the client resent and that was never acknowledged",
    ),
    (
        "server_ack_ms_min",
        "float",
        "ms",
        "lowest time the server took to acknowledge client data, of the first 32 that were timed",
    ),
    ("server_ack_ms_p50", "float", "ms", "median of these; resent data left out"),
    ("server_ack_ms_p95", "float", "ms", "95th percentile of these"),
    (
        "client_ack_ms_p50",
        "float",
        "ms",
        "median time the client took to acknowledge; never pooled",
    ),
    ("client_fin", "int", "", "FINs sent by the client"),
    ("server_fin", "int", "", "FINs sent by the server side"),
    ("client_rst", "int", "", "resets with the client's address"),
    ("server_rst", "int", "", "resets with the server's address, genuine or forged"),
    (
        "reset_by",
        "str",
        "",
        "client or server: the address on the first reset; missing without one",
    ),
    ("reset_frame", "int", "", "frame of the first reset"),
    ("reset_time", "float", "s", "time of the first reset"),
    ("reset_ip_ttl", "int", "", "IP TTL of the first reset"),
    ("reset_ack", "bool", "", "the first reset carried an ACK"),
    ("reset_ip_id", "int", "", "IPv4 identification of the first reset"),
    ("reset_window", "int", "", "window field of the first reset"),
    (
        "reset_frames",
        "list[int]",
        "",
        "frames of the first 8 resets from the sender of the first one",
    ),
    (
        "reset_kinds",
        "list[str]",
        "",
        "of these: R or RA, with 0 behind it when the sequence number is 0",
    ),
    ("reset_seqs", "list[int]", "", "of these: sequence numbers as on the wire"),
    ("reset_ip_ttls", "list[int]", "", "of these: IP TTL"),
    (
        "after_reset_frame",
        "int",
        "",
        "first segment other than a reset from the same address after its first reset",
    ),
    ("after_reset_kind", "str", "", "synack, data, fin or ack: what that segment is"),
    ("after_reset_ip_ttl", "int", "", "its IP TTL"),
    (
        "before_reset_ip_id",
        "int",
        "",
        "IPv4 identification of the sender's last packet before the reset",
    ),
    ("client_payload_before_reset", "int", "octets", "payload the client had sent by then"),
    ("server_payload_before_reset", "int", "octets", "payload the server had sent by then"),
    ("timestamps", "bool", "", "both SYNs carried the timestamp option (RFC 7323)"),
    ("reset_timestamp", "bool", "", "the first reset carried the timestamp option"),
    ("synack_ip_ttl", "int", "", "IP TTL of the SYN-ACK"),
    ("server_ip_ttl", "int", "", "most frequent IP TTL of the server's other packets"),
    ("client_mss", "int", "octets", "MSS option of the SYN"),
    ("server_mss", "int", "octets", "MSS option of the SYN-ACK"),
    ("last_payload_time", "float", "s", "last packet with payload, either direction"),
    ("client_payload_time", "float", "s", "last packet with payload from the client"),
    ("server_payload_time", "float", "s", "last packet with payload from the server"),
    ("fin_by", "str", "", "client or server: who sent the first FIN; missing without one"),
    ("fin_time", "float", "s", "time of the first FIN"),
    ("port_reused", "bool", "", "the same addresses and ports were used by an earlier connection"),
    (
        "client_records",
        "int",
        "",
        "TLS application-data records from the client that begin a segment, as small ones do",
    ),
    ("server_records", "int", "", "TLS application-data records from the server, likewise"),
    (
        "server_record_gap_p50_ms",
        "float",
        "ms",
        "median time between these records of the server, within 13 %",
    ),
    ("server_record_gap_p95_ms", "float", "ms", "95th percentile of that time, likewise"),
    ("server_record_gap_max_ms", "float", "ms", "longest time between the server's records"),
    (
        "client_last_record",
        "int",
        "octets",
        "length of the last of these records; 19 right after the handshake is an alert",
    ),
    ("server_last_record", "int", "octets", "length of the last of the server's"),
    ("interface", "int", "", "pcapng interface of the first packet"),
    ("app", "str", "", "recognised first bytes: tls, http, connect, socks, dns"),
    ("connect_host", "str", "", "host:port asked of an HTTP or SOCKS proxy on this connection"),
    ("connect_status", "int", "", "status of the last answer to CONNECT on this connection"),
    (
        "leg",
        "str",
        "",
        "in a bundle: browser (to chatpath's proxy), upstream (from it) or other (another program)",
    ),
)

TLS = _schema(
    "tls",
    "ClientHello",
    ("source", "str", "", "file the handshake was read from"),
    (
        "frame",
        "int",
        "",
        "frame that completed the ClientHello; missing for the proxy's own record",
    ),
    ("stream", "int", "", "tcp.stream it belongs to"),
    ("time", "float", "s", "when the ClientHello was complete"),
    ("client", "str", "", "client address"),
    ("client_port", "int", "", "client port"),
    ("server", "str", "", "server address"),
    ("server_port", "int", "", "server port"),
    ("sni", "str", "", "server_name, in lower case"),
    ("alpn", "list[str]", "", "protocols the client offers"),
    ("version", "str", "", "version the server chose, else the highest offered (TLSv1.3)"),
    ("ja4", "str", "", "JA4 fingerprint of the ClientHello"),
    ("groups", "list[int]", "", "supported groups, GREASE left out"),
    ("ech", "bool", "", "encrypted_client_hello extension present (real or GREASE)"),
    ("hello_bytes", "int", "octets", "length of the ClientHello handshake message"),
    ("hello_segments", "int", "", "TCP segments it took"),
    ("server_hello_frame", "int", "", "frame of the ServerHello"),
    ("server_hello_ms", "float", "ms", "ServerHello minus the last octet of the ClientHello"),
    ("server_alpn", "str", "", "protocol the server chose, where it can be read"),
    ("alert", "int", "", "first alert in clear, as its number"),
    ("alert_by", "str", "", "client or server: who sent that alert"),
    ("alert_frame", "int", "", "its frame"),
    ("subject", "str", "", "subject of the leaf certificate, where visible"),
    ("issuer", "str", "", "issuer of the leaf certificate, where visible"),
    ("not_before", "float", "s", "start of the leaf's validity"),
    ("not_after", "float", "s", "end of the leaf's validity"),
    ("error", "str", "", "handshake error as the proxy reports it"),
    (
        "leg",
        "str",
        "",
        "in a bundle: browser (to chatpath's proxy), upstream (from it) or other (another program)",
    ),
)

QUIC = _schema(
    "quic",
    "QUIC connection",
    ("source", "str", "", "file the connection was read from"),
    ("frame", "int", "", "frame of the first client Initial"),
    ("time", "float", "s", "its time"),
    ("client", "str", "", "client address"),
    ("client_port", "int", "", "client port"),
    ("server", "str", "", "server address"),
    ("server_port", "int", "", "server port"),
    ("version", "str", "", "QUIC version as in the long header (0x00000001)"),
    ("sni", "str", "", "server_name from the decrypted Initial"),
    ("alpn", "list[str]", "", "protocols offered"),
    ("ja4", "str", "", "JA4 fingerprint with the q prefix"),
    ("answered", "bool", "", "a packet came back from the server"),
    ("client_packets", "int", "", "packets from the client"),
    ("server_packets", "int", "", "packets from the server"),
    ("answer_ms", "float", "ms", "first packet from the server minus the first Initial"),
    ("last_time", "float", "s", "last packet, either direction"),
    ("retry", "bool", "", "the server sent a Retry"),
    ("offered_versions", "list[str]", "", "versions in the server's Version Negotiation packet"),
)

UDP = _schema(
    "udp",
    "conversation of a recognised protocol over UDP or straight over IP, other than DNS and QUIC",
    ("source", "str", "", "file the conversation was read from"),
    ("frame", "int", "", "frame of its first packet"),
    ("time", "float", "s", "its time"),
    ("last_time", "float", "s", "last packet, either direction"),
    (
        "protocol",
        "str",
        "",
        "stun, dtls, wireguard, openvpn, ike, esp, ah, gre, ipip, l2tp, pptp or ntp",
    ),
    ("client", "str", "", "address that sent the first packet"),
    ("client_port", "int", "", "its port; missing without ports"),
    ("server", "str", "", "the other address"),
    ("server_port", "int", "", "its port"),
    ("client_packets", "int", "", "packets from the client"),
    ("server_packets", "int", "", "packets from the server"),
    ("client_bytes", "int", "octets", "frame lengths from the client"),
    ("server_bytes", "int", "octets", "frame lengths from the server"),
    ("requests", "int", "", "requests of it, such as STUN binding requests or handshake starts"),
    ("responses", "int", "", "answers to these"),
    ("answered", "bool", "", "a packet came back"),
    ("answer_ms", "float", "ms", "first answer minus the first request"),
)

ICMP = _schema(
    "icmp",
    "ICMP or ICMPv6 error message",
    ("source", "str", "", "file the message was read from"),
    ("frame", "int", "", "frame number in that file"),
    ("time", "float", "s", "when it was seen"),
    ("src", "str", "", "who sent it"),
    ("dst", "str", "", "who was told"),
    ("type", "int", "", "ICMP type (ICMPv6 for IPv6 addresses)"),
    ("code", "int", "", "ICMP code"),
    ("mtu", "int", "octets", "next-hop MTU of a packet-too-big message"),
    ("protocol", "str", "", "tcp, udp or icmp: what the packet in question carried"),
    ("client", "str", "", "source of the packet in question"),
    ("client_port", "int", "", "its port"),
    ("server", "str", "", "destination of the packet in question"),
    ("server_port", "int", "", "its port"),
)

ACTIVITY = _schema(
    "activity",
    "second with packets",
    ("source", "str", "", "file"),
    ("time", "float", "s", "start of the second"),
    ("packets", "int", "", "packets seen in it"),
    ("bytes", "int", "octets", "their lengths on the wire"),
    ("connections", "int", "", "TCP connections and UDP conversations with a packet in it"),
    ("senders", "int", "", "distinct addresses that sent something"),
)

HTTP = _schema(
    "http",
    "HTTP exchange",
    ("source", "str", "", "file the exchange was read from"),
    ("flow", "str", "", "flow id, as in mitmproxy"),
    ("started", "float", "s", "first octet of the request"),
    ("method", "str", "", "request method"),
    ("scheme", "str", "", "https, http, wss or ws"),
    ("host", "str", "", "host name asked for, in lower case"),
    ("port", "int", "", "port"),
    ("path", "str", "", "path and query; secret values are masked"),
    ("http_version", "str", "", "version on the client's side (HTTP/2.0)"),
    ("status", "int", "", "response status; missing when no response came"),
    ("content_type", "str", "", "media type of the response, without parameters"),
    ("request_bytes", "int", "octets", "request body"),
    ("response_bytes", "int", "octets", "response body as it arrived"),
    ("request_end", "float", "s", "last octet of the request"),
    ("response_start", "float", "s", "first octet of the response"),
    ("ended", "float", "s", "last octet of the response, or the failure"),
    ("ttfb_ms", "float", "ms", "first octet of the response minus last octet of the request"),
    ("total_ms", "float", "ms", "end minus start"),
    ("error", "str", "", "why the exchange failed, as the recorder saw it"),
    ("connection", "str", "", "id of the upstream connection, see connections"),
    ("request_accept", "str", "", "Accept request header"),
    (
        "request_dest",
        "str",
        "",
        "Sec-Fetch-Dest request header (document, script, style, empty ...)",
    ),
    ("referer", "str", "", "Referer without its query"),
    ("upgrade", "str", "", "Upgrade request header, in lower case"),
    ("cookie_bytes", "int", "octets", "size of the Cookie request header; never its content"),
    ("request_header_bytes", "int", "octets", "size of all request headers"),
    ("content_length", "int", "octets", "Content-Length of the response"),
    ("server", "str", "", "Server response header"),
    ("via", "str", "", "Via response header"),
    ("cf_ray", "str", "", "cf-ray response header: Cloudflare's edge answered"),
    ("cf_mitigated", "str", "", "cf-mitigated response header"),
    ("request_id", "str", "", "x-request-id or x-oai-request-id of the response"),
    ("location", "str", "", "Location response header without its query"),
    ("retry_after", "str", "", "Retry-After response header"),
    ("from_cache", "bool", "", "served without the network (browser cache or service worker)"),
    ("headers", "list[str]", "", "other response headers that name a product, as 'name: value'"),
    ("date", "float", "s", "Date response header"),
    ("error_code", "str", "", "machine-readable code in the response body"),
    ("error_type", "str", "", "error type in the response body (api_error ...)"),
    ("error_message", "str", "", "masked message or detail text of a JSON error, at most 300 long"),
    ("error_param", "str", "", "parameter a JSON error names"),
    ("job_state", "str", "", "state a JSON body gives for a job, container or file (failed ...)"),
    ("file_bytes", "int", "octets", "file_size that the request or the response declares"),
    ("signed_until", "float", "s", "expiry of a signed link, from its parameters"),
    ("cookie_conflicts", "int", "", "cookie names sent more than once with different values"),
    ("set_cookies", "int", "", "Set-Cookie headers of the response; never their content"),
    ("authorized", "bool", "", "an Authorization header was sent; never its content"),
    ("user_agent", "str", "", "User-Agent request header"),
    ("address", "str", "", "server address that answered, where known"),
    (
        "egress",
        "str",
        "",
        "exit address that a trace page states, as a name per capture (egress-1)",
    ),
    (
        "trace",
        "list[str]",
        "",
        "other lines of a /cdn-cgi/trace page (colo=, loc=, warp=, gateway=)",
    ),
    (
        "status_page",
        "list[str]",
        "",
        "what a status page states: 'indicator major', 'ChatGPT: outage'",
    ),
    ("initiator", "str", "", "what made the browser ask: a URL without query, parser or script"),
    ("redirected_from", "str", "", "flow id of the exchange that redirected here"),
    (
        "body_excerpt",
        "str",
        "",
        "masked start of an error or foreign page: its title and visible text",
    ),
)

WS = _schema(
    "ws",
    "websocket",
    ("source", "str", "", "file the websocket was read from"),
    ("flow", "str", "", "flow id, as in mitmproxy"),
    ("host", "str", "", "host name"),
    ("path", "str", "", "path; secret values are masked"),
    ("connection", "str", "", "id of the upstream connection, see connections"),
    ("requested", "float", "s", "first octet of the upgrade request"),
    ("opened", "float", "s", "when the upgrade was answered with 101; missing when it was not"),
    ("status", "int", "", "status of the answer to the upgrade"),
    ("ended", "float", "s", "end of the websocket; missing while it was open at the end"),
    ("close_code", "int", "", "close code (RFC 6455); 1006 when no close frame was seen"),
    ("close_reason_bytes", "int", "octets", "length of the close reason; its text is not kept"),
    ("closed_by", "str", "", "client or server: who ended it first"),
    ("clean", "bool", "", "a close frame was seen"),
    ("client_frames", "int", "", "data frames from the client"),
    ("server_frames", "int", "", "data frames from the server"),
    ("client_pings", "int", "", "pings from the client"),
    ("server_pings", "int", "", "pings from the server"),
    ("client_pongs", "int", "", "pongs from the client"),
    ("server_pongs", "int", "", "pongs from the server"),
    ("subscribed", "int", "", "turn topics the client subscribed to"),
    ("completed", "int", "", "turn topics that ended properly"),
    ("idle_before_end_s", "float", "s", "silence of data and control frames before the end"),
    ("longest_gap_s", "float", "s", "longest silence between two frames"),
    ("error", "str", "", "why the websocket failed, as the recorder saw it"),
)

WS_FRAMES = _schema(
    "ws_frames",
    "websocket message or control frame",
    ("source", "str", "", "file"),
    ("flow", "str", "", "flow id of the websocket"),
    ("time", "float", "s", "when it passed the recorder"),
    ("from_client", "bool", "", "direction"),
    ("opcode", "int", "", "1 text, 2 binary, 8 close, 9 ping, 10 pong"),
    ("size", "int", "octets", "payload length"),
    ("kind", "str", "", "message type words, such as message/stream-item, reply, subscribe"),
    ("topic", "str", "", "topic, ids replaced by a number per capture"),
    ("sequence", "int", "", "sequence number, where the frame carries one"),
    ("items", "list[str]", "", "stream item ids, masked but still distinct and in order"),
    ("subscribed", "list[str]", "", "masked turn topics the frame subscribes to"),
    ("turn_end", "list[str]", "", "masked turn topics the frame ends"),
)

SSE = _schema(
    "sse",
    "streamed response body",
    ("source", "str", "", "file"),
    ("flow", "str", "", "flow id, as in mitmproxy"),
    ("host", "str", "", "host name"),
    ("path", "str", "", "path; secret values are masked"),
    ("started", "float", "s", "first octet of the request"),
    ("first_chunk", "float", "s", "first chunk"),
    ("last_chunk", "float", "s", "last chunk"),
    ("chunks", "int", "", "chunks as they arrived"),
    ("bytes", "int", "octets", "octets of all chunks"),
    ("events", "int", "", "SSE events"),
    ("ttft_ms", "float", "ms", "first chunk minus request"),
    ("gap_p50_ms", "float", "ms", "median gap between chunks"),
    ("gap_p95_ms", "float", "ms", "95th percentile of the gaps"),
    ("gap_max_ms", "float", "ms", "longest gap"),
    ("span_ms", "float", "ms", "last chunk minus first chunk"),
    ("last_250ms_share", "float", "", "share of the octets that arrived in the last 250 ms"),
    ("handoff", "bool", "", "the stream announced that the answer goes on over the websocket"),
    ("complete", "bool", "", "message_stream_complete or [DONE] was seen"),
    ("end", "str", "", "complete, done, handoff, cut, cancelled, error or open"),
    ("error", "str", "", "why it ended early, as the recorder saw it"),
    ("content_length", "int", "octets", "Content-Length, which a stream should not have"),
    ("via", "str", "", "Via response header"),
    ("http_version", "str", "", "version on the client's side"),
    ("event_types", "list[str]", "", "distinct event types, in order of first appearance"),
)

CHUNKS = _schema(
    "chunks",
    "chunk of a streamed body",
    ("source", "str", "", "file"),
    ("flow", "str", "", "flow id"),
    ("time", "float", "s", "when it passed the recorder"),
    ("size", "int", "octets", "its length"),
)

RESOURCES = _schema(
    "resources",
    "script or style the page names",
    ("source", "str", "", "file"),
    ("page", "str", "", "flow id of the document that names it"),
    ("page_url", "str", "", "address of that document"),
    ("url", "str", "", "address of the script or style; secret values are masked"),
    ("host", "str", "", "its host name"),
    ("kind", "str", "", "script, style or preload"),
    ("needed", "bool", "", "the page cannot work without it, by the hosts table"),
    ("integrity", "bool", "", "the page gives a hash for it"),
    (
        "outcome",
        "str",
        "",
        "loaded, cached, never_asked, failed, replaced, gone, refused or pending",
    ),
    ("flow", "str", "", "flow id of the request, where there was one"),
    ("status", "int", "", "its status"),
    ("error", "str", "", "its error"),
)

CONNECTIONS = _schema(
    "connections",
    "connection that the recorder made or carried",
    ("source", "str", "", "file"),
    ("connection", "str", "", "id"),
    ("flow", "str", "", "flow id of the first exchange it carried or was to carry"),
    ("started", "float", "s", "when the connection was begun"),
    ("host", "str", "", "name that was to be reached"),
    ("port", "int", "", "port"),
    ("address", "str", "", "address that was reached or tried"),
    ("addresses", "list[str]", "", "addresses the name resolved to, where known"),
    ("local_port", "int", "", "port on this machine, which names the connection in the packets"),
    ("via", "str", "", "upstream proxy as host:port, where one was used"),
    ("dns_ms", "float", "ms", "name lookup for it, as a browser's HAR tells it"),
    ("tcp_ms", "float", "ms", "TCP handshake"),
    ("tls_ms", "float", "ms", "TLS handshake"),
    ("tls_version", "str", "", "TLS version"),
    ("alpn", "str", "", "protocol chosen by the server"),
    ("intercepted", "bool", "", "false when the connection passed untouched"),
    ("issuer", "str", "", "issuer of the upstream leaf certificate"),
    ("subject", "str", "", "subject of the upstream leaf certificate"),
    ("root", "str", "", "issuer of the last certificate the server sent"),
    ("not_before", "float", "s", "start of the leaf's validity"),
    ("not_after", "float", "s", "end of the leaf's validity"),
    ("verified", "bool", "", "the chain and name were verified"),
    ("error", "str", "", "why it failed"),
    ("error_stage", "str", "", "dns, tcp, tls or proxy: where it failed"),
    ("client_error", "str", "", "TLS error on the browser's side of the proxy"),
    ("ended", "float", "s", "when it was closed"),
    ("closed_by", "str", "", "client or server"),
)

MARKERS = _schema(
    "markers",
    "remark typed by the person at the machine",
    ("source", "str", "", "file"),
    ("time", "float", "s", "when it was typed"),
    ("text", "str", "", "the remark"),
)

HOST = _schema(
    "host",
    "fact about the machine or the capture",
    ("source", "str", "", "file"),
    (
        "section",
        "str",
        "",
        "os, interface, route, resolver, proxy, agent, tunnel, clock, network, capture",
    ),
    ("name", "str", "", "which fact"),
    ("value", "str", "", "its value"),
)

SCHEMAS: dict[str, TableSchema] = {
    schema.name: schema
    for schema in (
        DNS,
        TCP,
        TLS,
        QUIC,
        UDP,
        ICMP,
        ACTIVITY,
        HTTP,
        WS,
        WS_FRAMES,
        SSE,
        CHUNKS,
        RESOURCES,
        CONNECTIONS,
        MARKERS,
        HOST,
    )
}
