"""Packets of machines whose browser is set to a proxy: dead ones, mute ones, and near-misses.

A browser with a proxy asks the proxy to look names up, so that a dead one
leaves packets in which nothing names ChatGPT.
"""

from __future__ import annotations

from line import EDGES, Line, Stream
from line_tls import chromium_hello, finish, records, server_flight
from scene import WELL
from session_scene import as_packets

PROXY = "10.1.1.8"
SPARE = "10.1.1.9"
SQUID = (
    b"Server: squid/6.6\r\nMime-Version: 1.0\r\nContent-Type: text/html;charset=utf-8\r\n"
    b"X-Squid-Error: ERR_CONNECT_FAIL 110\r\nVia: 1.1 gw01 (squid/6.6)\r\n"
)
NAMES = ("chatgpt.com", "ab.chatgpt.com", "chatgpt.com", "auth.openai.com", "ws.chatgpt.com")


def asked(
    line: Line, at: float, name: str, status: str | None, *, head: bytes = b"", port: int = 3128
) -> Stream:
    """CONNECT to the proxy, answered with `status`, or never."""
    stream = Stream(line, PROXY, port)
    stream.rtt = 0.002
    ready = stream.open(at)
    request = f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\nProxy-Connection: keep-alive\r\n"
    sent = stream.send(ready, request.encode() + b"\r\n")
    stream.busy = sent
    if status is not None:
        body = b"" if status.startswith("200") else b"Content-Length: 0\r\n"
        answer = b"HTTP/1.1 " + status.encode() + b"\r\n" + head + body + b"\r\n"
        stream.receive(sent + 0.03, answer)
    return stream


def tunnelled(line: Line, at: float, name: str, *, port: int = 3128) -> Stream:
    """A session with the far end through the proxy."""
    stream = asked(line, at, name, "200 Connection established", port=port)
    hello = chromium_hello(name)
    sent = stream.send(stream.busy + 0.001, hello)
    came = stream.receive(sent + 0.028, server_flight(hello))
    sent = stream.send(came + 0.001, finish())
    stream.receive(sent + 0.026, records(220))
    for _ in range(6):
        stream.ask(700, 5_000, 0.09, far=0.02)
    return stream


def knocks(line: Line, place: str, port: int, times: int, *, answer: bool, at: float = 0.5) -> None:
    """A browser's tries at a proxy that is not there."""
    for number in range(times):
        stream = Stream(line, place, port)
        when = at + number * 1.7
        if answer:
            stream.refused(when, after=0.001, ttl=63)
        else:
            stream.silent(when)


@as_packets("proxy-refuses-tcp-by-name", "proxy", "proxy.dead_setting")
def refuses_by_name(line: Line) -> None:
    """The proxy's program has ended: its name is found, its port is closed."""
    line.lookup(0.1, "proxy.corp.example", (PROXY,))
    knocks(line, PROXY, 8080, 9, answer=True)


@as_packets("proxy-silent-by-address", "proxy", "proxy.dead_setting")
def silent_by_address(line: Line) -> None:
    """The machine left the office; the proxy's address leads nowhere at home."""
    line.lookup(0.1, "time.windows.com", ("20.101.57.9",))
    knocks(line, PROXY, 3128, 6, answer=False)


@as_packets("socks-left-behind", "proxy", "proxy.dead_setting", link="cooked")
def socks(line: Line) -> None:
    """A tunnel's program is gone, its SOCKS setting stays."""
    line.client = "127.0.0.1"
    knocks(line, "127.0.0.1", 1080, 12, answer=True)


@as_packets("proxy-takes-and-never-answers", "proxy", "proxy.dead_setting")
def mute(line: Line) -> None:
    for number, name in enumerate(NAMES):
        stream = asked(line, number * 9.0, name, None)
        stream.finish(number * 9.0 + 31.0)


@as_packets("proxy-dies-in-the-session", "proxy", "proxy.dead_setting")
def dies(line: Line) -> None:
    for number, name in enumerate(NAMES):
        tunnelled(line, number * 0.4, name)
    knocks(line, PROXY, 3128, 9, answer=True, at=20.0)


@as_packets("proxy-bad-gateway", "proxy", "proxy.denied", vendor="Squid")
def bad_gateway(line: Line) -> None:
    for number, name in enumerate(NAMES):
        head = SQUID if number else b"Via: 1.1 gw01 (squid/6.6)\r\n"
        asked(line, number * 3.0, name, "503 Service Unavailable", head=head)


@as_packets("proxy-502-without-a-name", "proxy", "proxy.denied")
def unnamed_502(line: Line) -> None:
    for number, name in enumerate(NAMES):
        asked(line, number * 3.0, name, "502 Bad Gateway").finish(number * 3.0 + 0.1)


@as_packets("proxy-wants-a-login", "proxy", "proxy.auth_required")
def login(line: Line) -> None:
    head = b"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\nConnection: close\r\n"
    for number, name in enumerate(NAMES):
        stream = asked(line, number * 3.0, name, "407 Proxy Authentication Required", head=head)
        stream.finish(number * 3.0 + 0.1, by_client=False)


@as_packets("proxy-first-choice-dead", "healthy", statuses=WELL)
def spare(line: Line) -> None:
    """The configuration names two proxies; the second one carries the session."""
    knocks(line, SPARE, 8080, 4, answer=True)
    for number, name in enumerate(NAMES):
        tunnelled(line, 1.0 + number * 1.8, name)


@as_packets("proxy-comes-back", "healthy", statuses=WELL)
def comes_back(line: Line) -> None:
    """The proxy starts anew: two tries are refused, and then all is well."""
    knocks(line, PROXY, 3128, 3, answer=True)
    for number, name in enumerate(NAMES):
        tunnelled(line, 6.0 + number * 0.8, name)


@as_packets("test-server-not-running", "healthy", statuses=WELL)
def test_server(line: Line) -> None:
    """A developer's tool keeps asking for a server on a port that proxies use as well."""
    knocks(line, "10.1.4.20", 8080, 14, answer=True)
    line.visit(1.0)


@as_packets("test-server-and-sinkhole", "dns", "dns.sinkhole")
def test_server_and_sinkhole(line: Line) -> None:
    knocks(line, "10.1.4.20", 8080, 14, answer=True)
    for number in range(3):
        line.lookup(number * 4.0, "chatgpt.com", ("0.0.0.0",))
    line.elsewhere(5.0)


@as_packets("printer-refuses-beside-other-sites", "healthy", statuses=frozenset({"insufficient"}))
def printer(line: Line) -> None:
    """Nothing of ChatGPT at all, and a printer whose web page is off."""
    line.elsewhere(0.2)
    knocks(line, "10.1.4.21", 8080, 5, answer=True)
    line.elsewhere(3.0, "outlook.office.com")
    line.elsewhere(8.0, "www.bing.com")


@as_packets("proxy-login-in-steps", "healthy", statuses=WELL)
def steps(line: Line) -> None:
    """NTLM takes two refusals per connection before the proxy lets it through."""
    for number, name in enumerate(NAMES[:3]):
        head = b"Proxy-Authenticate: NTLM TlRMTVNTUAACAAAA\r\n"
        asked(line, number * 2.0, name, "407 Proxy Authentication Required", head=head)
        tunnelled(line, number * 2.0 + 0.5, name)
    line.lookup(0.4, "ocsp.digicert.com", (EDGES[0],))


def unknown(line: Line, name: str, times: int) -> None:
    """A resolver at home, which knows no name of the office."""
    root = ". a.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400"
    for number in range(times):
        line.lookup(0.5 + number * 2.0, name, (), rcode="NXDOMAIN", soa=root)
        line.lookup(0.5003 + number * 2.0, name, (), kind="AAAA", rcode="NXDOMAIN", soa=root)


@as_packets("proxy-of-the-office-at-home", "proxy", "proxy.dead_setting",
            subject="webproxy.corp.example")  # fmt: skip
def at_home(line: Line) -> None:
    """The browser asks for its proxy again and again; the system's own updates work."""
    unknown(line, "webproxy.corp.example", 7)
    line.elsewhere(4.0, "outlook.office.com")


@as_packets("proxy-of-the-office-at-home-not-used", "healthy", statuses=WELL)
def not_used(line: Line) -> None:
    """Some program still asks for the proxy; the browser does without."""
    unknown(line, "webproxy.corp.example", 7)
    line.visit(3.0)


@as_packets("wpad-asked-for-in-vain", "healthy", statuses=frozenset({"insufficient"}))
def wpad(line: Line) -> None:
    unknown(line, "wpad.corp.example", 9)
    line.elsewhere(4.0, "outlook.office.com")
