"""Scenes where packets carry HTTP in clear: portals, proxies that refuse, and near-misses."""

from __future__ import annotations

from scene import BLOCKED, WELL, on_wire
from scene_visit import reach, visit
from scene_wire import EDGE, WS_EDGE, Connection, Wire
from scenes_proxy import PROXY, SQUID_PAGE

CHECK, CHECK_EDGE = "connectivitycheck.gstatic.com", "142.250.4.94"
APPLE, APPLE_EDGE = "captive.apple.com", "17.253.83.195"
GATEWAY = "10.20.0.1"
LOGIN = f"302 Found\r\nLocation: http://{GATEWAY}:8880/guest/?id=6c2f&url=x\r\nServer: gw"
FINE = "204 No Content"


def fetched(
    wire: Wire,
    time: float,
    name: str,
    address: str,
    path: str,
    answer: str,
    body: bytes = b"",
    *,
    port: int = 80,
) -> None:
    """A GET in clear and its answer; `answer` is its status and further header lines."""
    if port == 80 and not name[0].isdigit():
        wire.lookup(time, name, address)
    conn = Connection(wire, address, port=port)
    now = conn.open(time + 0.02, 0.012)
    target = path if port == 80 else f"http://{name}{path}"
    conn.up(now, f"GET {target} HTTP/1.1\r\nHost: {name}\r\nCookie: s=1\r\n\r\n".encode())
    length = b"" if answer.startswith("204") else b"Content-Length: %d\r\n" % len(body)
    conn.down(now + 0.03, b"HTTP/1.1 " + answer.encode() + b"\r\n" + length + b"\r\n" + body)
    conn.fin(now + 0.1)


def refused(wire: Wire, time: float, name: str, answer: str, body: bytes = b"") -> None:
    """CONNECT to the proxy and its answer with headers."""
    conn = Connection(wire, PROXY, port=3128)
    now = conn.open(time, 0.002)
    conn.up(now, f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    conn.down(now + 0.02, b"HTTP/1.1 " + answer.encode() + b"\r\n" + length + body)
    conn.fin(now + 0.05)


@on_wire("portal-redirects-the-check", "network", "net.captive_portal", statuses=BLOCKED)
def check_redirected(wire: Wire) -> None:
    """The portal lets lookups pass and nothing else."""
    for index in range(3):
        fetched(wire, 8.0 * index, CHECK, CHECK_EDGE, "/generate_204", LOGIN)
    for index, (name, edge) in enumerate((("chatgpt.com", EDGE), ("ws.chatgpt.com", WS_EDGE))):
        wire.lookup(1 + index, name, edge)
        Connection(wire, edge).unanswered(1.1 + index, 5)


@on_wire("portal-login-page-for-the-check", "network", "net.captive_portal", statuses=BLOCKED)
def check_replaced(wire: Wire) -> None:
    """A page with status 200 where the check's own word should be; TLS is reset."""
    page = b"<html><head><title>Hotel WiFi</title></head><body>Room and name, please</body></html>"
    answer = "200 OK\r\nContent-Type: text/html"
    for index in range(2):
        fetched(wire, 5.0 * index, APPLE, APPLE_EDGE, "/hotspot-detect.html", answer, page)
    for index in range(3):
        wire.lookup(1 + index, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        conn.hello_only(conn.open(1.1 + index), "chatgpt.com")
        conn.rst(1.2 + index)


@on_wire("portal-511-for-any-site", "network", "net.captive_portal", statuses=BLOCKED)
def any_site(wire: Wire) -> None:
    answer = "511 Network Authentication Required\r\nContent-Type: text/html"
    page = b"<html><title>Login required</title></html>"
    fetched(wire, 0, "neverssl.com", "34.223.124.45", "/", answer, page)
    wire.lookup(1, "chatgpt.com", EDGE)
    Connection(wire, EDGE).refused(1.1)
    Connection(wire, EDGE).refused(2.1)


@on_wire("portal-passed-in-packets", "healthy", statuses=WELL)
def passed(wire: Wire) -> None:
    fetched(wire, 0, CHECK, CHECK_EDGE, "/generate_204", LOGIN)
    fetched(wire, 20, CHECK, CHECK_EDGE, "/generate_204", FINE)
    visit(wire, 22)


@on_wire("checks-answered-in-packets", "healthy", statuses=WELL)
def answered(wire: Wire) -> None:
    page = b"<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
    fetched(wire, 0, CHECK, CHECK_EDGE, "/generate_204", FINE)
    answer = "200 OK\r\nContent-Type: text/html"
    fetched(wire, 0.5, APPLE, APPLE_EDGE, "/hotspot-detect.html", answer, page)
    fetched(
        wire, 1, "example.org", "93.184.216.34", "/", "301 Moved\r\nLocation: https://example.org/"
    )
    fetched(
        wire, 1.5, "192.168.1.1", "192.168.1.1", "/", "302 Found\r\nLocation: http://192.168.1.1/ui"
    )
    visit(wire, 2)


@on_wire("proxy-connect-squid", "proxy", "proxy.denied", vendor="Squid", statuses=BLOCKED)
def squid(wire: Wire) -> None:
    answer = (
        "403 Forbidden\r\nServer: squid/6.6\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n"
        "Content-Type: text/html;charset=utf-8"
    )
    for index, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "chatgpt.com")):
        refused(wire, index * 1.0, name, answer, SQUID_PAGE)


@on_wire("proxy-connect-page-names-vendor", "proxy", "proxy.denied", vendor="Zscaler")
def zscaler(wire: Wire) -> None:
    page = b"<html><head><title>Internet Security by Zscaler</title></head><body>No.</body></html>"
    for index in range(2):
        refused(wire, index * 2.0, "chatgpt.com", "403 Forbidden\r\nContent-Type: text/html", page)


@on_wire("proxy-refuses-a-plain-site", "healthy", statuses=WELL)
def plain_site(wire: Wire) -> None:
    """A proxy's page for a site of no concern, and a session that works."""
    answer = "403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Type: text/html"
    fetched(wire, 0, "games.example.org", PROXY, "/", answer, SQUID_PAGE, port=3128)
    reach(wire, 1, "chatgpt.com", EDGE)
    visit(wire, 2)


@on_wire("sinkhole-serves-a-page", "dns", "dns.sinkhole", vendor="Fortinet", statuses=BLOCKED)
def sinkhole_page(wire: Wire) -> None:
    """The block answer's address serves the filter's page in clear and resets TLS."""
    page = b"<html><title>Web Page Blocked!</title><p>FortiGuard Intrusion Prevention</p></html>"
    answer = "403 Forbidden\r\nContent-Type: text/html"
    fetched(wire, 0, "chatgpt.com", "10.9.9.9", "/", answer, page)
    for index in range(2):
        wire.lookup(2 + index * 4, "chatgpt.com", "10.9.9.9")
        conn = Connection(wire, "10.9.9.9")
        conn.hello_only(conn.open(2.1 + index * 4), "chatgpt.com")
        conn.rst(2.2 + index * 4)
    reach(wire, 20, "www.example.org", "93.184.216.34")


@on_wire("plain-request-sent-to-a-block-page", "proxy", "proxy.denied", statuses=BLOCKED,
         never=("net.captive_portal",))  # fmt: skip
def block_redirect(wire: Wire) -> None:
    answer = "302 Found\r\nLocation: http://filter.corp.example/blocked?cat=ai"
    for index in range(2):
        fetched(wire, 3.0 * index, "chatgpt.com", EDGE, "/", answer)


@on_wire("plain-request-sent-to-https", "healthy", statuses=WELL)
def edge_redirect(wire: Wire) -> None:
    answer = (
        "301 Moved Permanently\r\nLocation: https://chatgpt.com/\r\nServer: cloudflare\r\n"
        "CF-RAY: 8f2d1c3b4a5d6e7f-SIN"
    )
    fetched(wire, 0, "chatgpt.com", EDGE, "/", answer)
    visit(wire, 1)


@on_wire("dns-forged-with-another-companys-address", "dns", "dns.sinkhole", statuses=BLOCKED)
def forged(wire: Wire) -> None:
    """Country filters answer with addresses of other large sites, which do not know the name."""
    for index, address in enumerate(("31.13.85.34", "104.244.43.52")):
        wire.lookup(index * 6, "chatgpt.com", address)
        conn = Connection(wire, address)
        conn.hello_only(conn.open(index * 6 + 0.1), "chatgpt.com")
    reach(wire, 20, "www.example.org", "93.184.216.34")


@on_wire("plain-site-leads-to-a-device-at-home", "healthy", statuses=WELL)
def device_at_home(wire: Wire) -> None:
    visit(wire)
    answer = "302 Found\r\nLocation: http://192.168.1.5:32400/web"
    fetched(wire, 50, "media.example.net", "93.184.216.34", "/", answer)


@on_wire("portal-for-every-plain-site", "network", "net.captive_portal", statuses=BLOCKED)
def every_site(wire: Wire) -> None:
    for index, name in enumerate(("neverssl.com", "example.com")):
        fetched(wire, 3.0 * index, name, f"93.184.216.{34 + index}", "/", LOGIN)
    wire.lookup(7, "chatgpt.com", EDGE)
    Connection(wire, EDGE).unanswered(7.1, 5)
