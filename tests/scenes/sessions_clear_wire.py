"""Packets in which a ClientHello on port 443 is answered with HTTP in clear, and near-misses."""

from __future__ import annotations

from line import HOSTS, Line, Stream
from line_tls import chromium_hello, openssl_hello
from scene import WELL
from session_scene import as_packets

NAMES = ("chatgpt.com", "chatgpt.com", "ws.chatgpt.com", "auth.openai.com")
FORTINET = (
    b"<!DOCTYPE html><html><head><title>Web Filter Violation</title></head><body>"
    b"<h1>FortiGuard Intrusion Prevention - Access Blocked</h1><h2>Web Page Blocked!</h2>"
    b"<p>The page you have requested has been blocked, because the URL is banned.</p></body></html>"
)
BARE = b"<html><body><h1>400 Bad request</h1>Your browser sent an invalid request.</body></html>"
SQUID = (
    b"<html><head><title>ERROR: The requested URL could not be retrieved</title></head><body>"
    b"Invalid Request</body></html>"
)


def answered(
    line: Line, at: float, name: str, status: str, head: bytes = b"", body: bytes = b""
) -> Stream:
    """A hello, an answer in clear from a box a few milliseconds away, and its FIN."""
    at = line.resolve(at, name)
    stream = Stream(line, HOSTS[name][line.seed % len(HOSTS[name])])
    ready = stream.open(at)
    stream.rtt = 0.004
    sent = stream.send(ready, chromium_hello(name))
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    came = stream.receive(
        sent + 0.004, b"HTTP/1.1 " + status.encode() + b"\r\n" + head + length + body
    )
    stream.finish(came + 0.0002, by_client=False)
    return stream


def all_names(line: Line, status: str, head: bytes = b"", body: bytes = b"") -> None:
    for number, name in enumerate(NAMES):
        answered(line, number * 2.1, name, status, head, body)


@as_packets("hello-answered-with-a-block-page", "proxy", "proxy.denied", vendor="Fortinet")
def block_page(line: Line) -> None:
    all_names(line, "403 Forbidden", b"Content-Type: text/html\r\n", FORTINET)
    line.elsewhere(9.0)


@as_packets("hello-answered-with-200-page", "proxy", "proxy.denied")
def page(line: Line) -> None:
    body = b"<html><title>Notice</title><p>The site you want is not for working hours.</p></html>"
    all_names(line, "200 OK", b"Content-Type: text/html; charset=utf-8\r\n", body)
    line.elsewhere(9.0)


@as_packets("hello-answered-with-a-redirect-to-blocked", "proxy", "proxy.denied")
def redirect(line: Line) -> None:
    where = b"Location: http://filter.corp.example/blocked?url=chatgpt.com&cat=ai\r\n"
    all_names(line, "302 Found", where)
    line.elsewhere(9.0)


@as_packets("hello-answered-by-a-portal", "network", "net.captive_portal")
def portal(line: Line) -> None:
    """The hotel's gateway redirects whatever it gets."""
    all_names(
        line, "302 Moved Temporarily", b"Location: http://10.20.0.1:8880/guest/s/default/\r\n"
    )


@as_packets("hello-answered-with-511", "network", "net.captive_portal")
def login(line: Line) -> None:
    body = b"<html><title>Login required</title></html>"
    all_names(line, "511 Network Authentication Required", b"Content-Type: text/html\r\n", body)


@as_packets("hello-answered-with-400", "network", "tls.handshake_failure")
def bad_request(line: Line) -> None:
    """A transparent device hands port 443 to something that expects plain requests."""
    all_names(line, "400 Bad request", b"Content-Type: text/html\r\n", BARE)
    line.elsewhere(9.0)


@as_packets("hello-answered-by-squid", "proxy", "proxy.denied", vendor="Squid")
def squid(line: Line) -> None:
    head = b"Server: squid/6.6\r\nX-Squid-Error: ERR_INVALID_REQ 0\r\nContent-Type: text/html\r\n"
    all_names(line, "400 Bad Request", head, SQUID)


@as_packets("hello-of-telemetry-answered-in-clear", "healthy", statuses=WELL)
def telemetry(line: Line) -> None:
    """A filter answers for a host whose loss nobody notices."""
    line.visit(0.0)
    for number in range(3):
        name = "o33249.ingest.sentry.io"
        answered(
            line, 2.0 + number, name, "403 Forbidden", b"Content-Type: text/html\r\n", FORTINET
        )


@as_packets("hello-answered-in-clear-once-then-well", "healthy", statuses=WELL)
def portal_passed(line: Line) -> None:
    """Before the guest has signed in to the network, and after."""
    where = b"Location: http://10.20.0.1:8880/guest/s/default/\r\n"
    answered(line, 0.0, "chatgpt.com", "302 Found", where)
    line.visit(40.0)


@as_packets("tls-on-a-plain-port-elsewhere", "healthy", statuses=WELL)
def plain_port(line: Line) -> None:
    """Some program's hello to a plain port of its own server gets a 400, as it must."""
    line.visit(0.0)
    stream = Stream(line, "10.1.4.20", 8080)
    sent = stream.send(stream.open(3.0), openssl_hello("build.corp.example"))
    stream.receive(sent + 0.002, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    stream.finish(sent + 0.01, by_client=False)


@as_packets("hello-answered-with-a-page-once", "healthy", statuses=WELL)
def once(line: Line) -> None:
    """The filter did not know the machine yet; the next connection is let through."""
    answered(line, 0.0, "chatgpt.com", "403 Forbidden", b"Content-Type: text/html\r\n", FORTINET)
    line.visit(2.0)
