"""Connections and lookups of the journal as rows."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.knowledge.secrets import redact_text
from analysis.model.frames import Row
from analysis.read import fields

_DNS_INTS = ("src_port", "dst_port", "id", "rcode", "ttl_min")
_DNS_TEXTS = ("src", "dst", "qname", "qtype", "transport")
_DNS_FLAGS = ("recursion_available", "authoritative", "truncated")
_DNS_LISTS = ("answers", "cnames", "soa", "additional_soa", "ede_text")


def fill_connection(
    row: dict[str, object], record: Mapping[str, object], time: float | None
) -> None:
    """Put what one event says of a connection into its row."""
    for column in ("host", "address", "via", "subject", "issuer", "root"):
        value = fields.text(record, column, 300)
        if value is not None:
            row[column] = redact_text(value, 300)
    for column in ("tcp_ms", "tls_ms", "not_before", "not_after"):
        if (found := fields.number(record, column)) is not None:
            row[column] = found
    for column in ("port", "local_port"):
        if (found_port := fields.whole(record, column)) is not None:
            row[column] = found_port
    if addresses := fields.texts(record, "addresses"):
        row["addresses"] = addresses
        row.setdefault("address", addresses[0])
    kind = fields.text(record, "e")
    error = fields.text(record, "error", 300)
    match kind:
        case "tls":
            row["tls_version"] = fields.text(record, "version", 30)
            row["alpn"] = fields.text(record, "alpn", 30)
            row["verified"] = fields.flag(record, "verified")
        case "connect_error":
            row["error"], row["error_stage"] = error, fields.text(record, "stage", 10)
        case "tls_error" if fields.text(record, "side") == "client":
            row["client_error"] = error
        case "tls_error":
            row["error"], row["error_stage"] = error, "tls"
        case "disconnected":
            row["ended"] = time
            if error:
                row.setdefault("error", error)


def lookup_row(record: Mapping[str, object], time: float | None, name: str) -> Row:
    """A lookup, or its answer, as a row of the dns table."""
    row: dict[str, object] = {
        "source": name,
        "time": time,
        "protocol": "dns",
        "response": fields.text(record, "e") == "lookup_answer",
        "transport": "udp",
    }
    row.update((key, fields.whole(record, key)) for key in _DNS_INTS)
    row.update((key, value) for key in _DNS_TEXTS if (value := fields.text(record, key, 255)))
    row.update((key, fields.flag(record, key)) for key in _DNS_FLAGS)
    row.update((key, fields.texts(record, key)) for key in _DNS_LISTS)
    row["latency_ms"] = fields.number(record, "latency_ms")
    if row["response"]:
        row["ede"] = fields.wholes(record, "ede")
    return row
