"""The ``dns`` table: one row per message, with the delay between query and response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.model.frames import frame_of_columns
from analysis.read.packets.address_columns import address_column
from analysis.read.packets.block import Ints
from analysis.read.packets.dns import Message
from analysis.read.packets.dns_rows import MDNS, PROTOCOLS, TRANSPORTS, DnsPackets, DnsRows

if TYPE_CHECKING:
    import numpy.typing as npt

_QR, _AA, _TC, _RA = 0x8000, 0x0400, 0x0200, 0x0080


def dns_frame(rows: DnsRows, source: str) -> pd.DataFrame:
    """The table, in order of frames."""
    packets = rows.packets()
    if packets is None:
        return frame_of_columns("dns", {})
    response = packets.flags & _QR != 0
    return frame_of_columns(
        "dns",
        {
            "source": [source] * len(packets.frame),
            "frame": packets.frame,
            "time": pa.array(packets.ns / 1e9, mask=packets.ns == 0),
            "protocol": _words(PROTOCOLS, packets.protocol),
            "transport": _words(TRANSPORTS, packets.transport),
            "src": address_column(packets.version, packets.src_high, packets.src_low),
            "src_port": packets.src_port,
            "dst": address_column(packets.version, packets.dst_high, packets.dst_low),
            "dst_port": packets.dst_port,
            "id": packets.id,
            "response": response,
            "recursion_available": pa.array(packets.flags & _RA != 0, mask=~response),
            "authoritative": pa.array(packets.flags & _AA != 0, mask=~response),
            "truncated": packets.flags & _TC != 0,
            "latency_ms": _latencies(packets, _questions(rows.messages)[packets.message]),
            "ip_ttl": packets.ttl,
            "ip_id": pa.array(packets.ip_id, mask=packets.ip_id < 0),
            **_contents(rows.messages, packets.message),
        },
    )


def _questions(messages: list[Message]) -> Ints:
    """One number per distinct question, for each distinct message."""
    numbers: dict[tuple[str | None, str | None], int] = {}
    return np.array([numbers.setdefault((m.qname, m.qtype), len(numbers)) for m in messages])


def _contents(messages: list[Message], which: Ints) -> dict[str, pa.Array]:
    """The columns that messages determine, for the messages numbered `which`."""
    columns: dict[str, tuple[list[object], pa.DataType]] = {
        "qname": ([m.qname for m in messages], pa.string()),
        "qtype": ([m.qtype for m in messages], pa.string()),
        "rcode": ([m.rcode if m.response else None for m in messages], pa.int64()),
        "answers": ([m.answers for m in messages], pa.list_(pa.string())),
        "cnames": ([m.cnames for m in messages], pa.list_(pa.string())),
        "soa": ([m.soa for m in messages], pa.list_(pa.string())),
        "additional_soa": ([m.additional_soa for m in messages], pa.list_(pa.string())),
        "ede": ([m.ede for m in messages], pa.list_(pa.int64())),
        "ede_text": ([m.ede_text for m in messages], pa.list_(pa.string())),
        "ttl_min": ([m.ttl_min for m in messages], pa.int64()),
        "cut": ([not m.whole for m in messages], pa.bool_()),
    }
    index = pa.array(which)
    return {name: pa.array(*column).take(index) for name, column in columns.items()}


def _words(words: tuple[str, ...], which: Ints) -> pa.Array:
    return pa.array(words).take(pa.array(which))


def _latencies(packets: DnsPackets, question: Ints) -> npt.NDArray[np.float64]:
    """Milliseconds from the latest query of the same client, port, id and question; else NaN.

    The server's address is not part of the match, so that a forged answer from
    elsewhere has a delay too. mDNS has no such pairs.
    """
    response = packets.flags & _QR != 0
    high = np.where(response, packets.dst_high, packets.src_high)
    low = np.where(response, packets.dst_low, packets.src_low)
    port = np.where(response, packets.dst_port, packets.src_port)
    keys = (question, port << 16 | packets.id, low, high, packets.protocol)
    order = np.lexsort(keys)  # stable: frames stay in order within a key
    fresh = np.zeros(len(order), np.bool_)
    fresh[0] = True
    for key in keys:
        fresh[1:] |= key[order][1:] != key[order][:-1]
    place = np.arange(len(order))
    begin = np.maximum.accumulate(np.where(fresh, place, 0))
    query = np.maximum.accumulate(np.where(response[order], -1, place))
    ns = packets.ns[order]
    delay = ns - ns[np.maximum(query, 0)]
    paired = (query >= begin) & response[order] & (delay >= 0)
    paired &= packets.protocol[order] != PROTOCOLS.index(MDNS)
    out = np.full(len(order), np.nan)
    out[order] = np.where(paired, delay / 1e6, np.nan)
    return out
