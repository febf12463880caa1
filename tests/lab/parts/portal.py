"""A hotel's sign-in portal on the router: no connection reaches the world before the login."""

from __future__ import annotations

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from agent.demo.certificates import write_certificates
from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.nft import Nft
from tests.lab.parts.program import Program

HTTP, HTTPS = 8081, 8444
LOGIN = f"http://{addresses.CLIENT_GATEWAY[0]}/login"
PAGE = """<!DOCTYPE html><html><head><title>Wi-Fi Login</title></head><body>
<h1>Selamat datang di Wi-Fi Hotel Melati</h1>
<form action="/login" method="post"><input name="room"><input name="surname">
<button>Masuk</button></form></body></html>"""


class Portal(Program):
    """Takes over TCP 80 and 443 of the client; UDP 443 is dropped.

    `status` is what plain HTTP gets: 302 leads to LOGIN, 511 (RFC 6585) says why. TLS ends at the
    portal's own certificate, which no client trusts.
    """

    command = "python3"
    package = "python3"
    ready = r"^portal: ready"

    def __init__(self, host: Namespace, *, status: int = 302) -> None:
        super().__init__(host)
        self._status = status
        own = f"ip daddr != {addresses.CLIENT_GATEWAY[0]}"
        self._rules = Nft(
            host,
            ['iifname "lan" udp dport 443 drop'],
            nat=[
                f'iifname "lan" meta nfproto ipv4 tcp dport 80 redirect to :{HTTP}',
                f'iifname "lan" {own} tcp dport 443 redirect to :{HTTPS}',
            ],
        )
        self._ruled = False

    @classmethod
    def why_not(cls) -> str | None:
        return Nft.why_not()

    @classmethod
    def version(cls) -> str:
        return f"http.server of Python {sys.version.split()[0]}"

    def argv(self, folder: Path) -> list[str]:
        files = write_certificates(
            folder, authority=("Hotel Melati", "Wi-Fi Gateway"), hosts=("wifi.melati.example",)
        )
        return self.host.python(
            "tests.lab.parts.portal", str(self._status), files.chain_file, files.key_file
        )

    def started(self, folder: Path) -> None:
        self._rules.__enter__()
        self._ruled = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ruled:
            self._rules.__exit__(kind, error, traceback)
            self._ruled = False
        super().__exit__(kind, error, traceback)


def serve(status: int, chain: str, key: str) -> None:
    """Answer on both ports until the process is ended."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at_home = self.headers.get("Host", "").startswith(addresses.CLIENT_GATEWAY[0])
            self.send_response(200 if at_home else status)
            if not at_home and status == 302:
                self.send_header("Location", LOGIN)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(PAGE.encode())))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing: what is asked here is in the capture."""

    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(chain, key)
    plain = ThreadingHTTPServer(("", HTTP), Answer)
    sealed = ThreadingHTTPServer(("", HTTPS), Answer)
    # the handshake belongs to the thread of the connection, or one client blocks the others
    sealed.socket = secure.wrap_socket(
        sealed.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    print("portal: ready", flush=True)
    sealed.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
