"""Packet captures as tables: pcap and pcapng to ``dns``, ``tcp``, ``tls``, ``quic`` and more.

A file is walked in blocks of a few megabytes. Headers are decoded for a whole
block with NumPy; only DNS, handshakes and control packets are looked at one by
one. What is kept grows with the number of connections and messages, not with
the data they carry. A large file is read by two processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.read.packets.helper import helped
from analysis.read.packets.magic import looks_like_packets

if TYPE_CHECKING:
    from analysis.model.frames import Tables

__all__ = ["looks_like_packets", "read_packets"]


def read_packets(
    path: Path, name: str | None = None, *, dns_ports: frozenset[int] = frozenset({53})
) -> Tables:
    """Tables of one capture file, pcap or pcapng, also gzipped.

    `name` is what the ``source`` columns say (default: the file's name);
    `dns_ports` are the ports on which DNS is spoken, beside mDNS and LLMNR on
    theirs. A damaged file gives its sound part, and the source says what is
    wrong. Raises InputError when the file cannot be read, is empty or is no
    capture.
    """
    with helped(path, dns_ports) as helper:
        # NumPy and pandas take long to import: the helper is at work meanwhile
        from analysis.read.packets.reading import read

        return read(path, name or path.name, dns_ports, helper)
