"""A program of the user's that reads in pauses: `python3 -m tests.lab.slow_reader URL S N`.

Its receive buffer is small, and it stops reading for S seconds, N times, amid an answer that is
longer than the buffer; so its window shuts, as with a busy program or an agent that scans.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

_BUFFER = 4096
_READ = 1024
_BETWEEN = 20
"""Reads between two pauses."""


def main() -> int:
    """0 once the whole answer was read."""
    address, seconds, times = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    url = urlsplit(address)
    host = url.hostname or ""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    place = socket.getaddrinfo(host, 443, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # before the handshake, which states how far the window can open
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    plain.connect(place)
    with context.wrap_socket(plain, server_hostname=host) as line:
        line.sendall(
            f"GET {url.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        reads = 0
        while line.recv(_READ):
            reads += 1
            if reads % _BETWEEN == 0 and reads // _BETWEEN <= times:
                # not a wait for anything: this pause is the fault that the scene is about
                time.sleep(seconds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
