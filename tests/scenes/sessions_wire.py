"""Sessions as packets: one fault each, from the domain notes."""

from __future__ import annotations

from line import EDGES, Line, Stream, unreachable
from line_tls import alert, openssl_hello, records
from scene import BAD, WELL
from session_scene import as_packets

SERIAL = "2026 10800 3600 604800 60"


@as_packets("packets-pihole-socket", "dns", "dns.sinkhole", vendor=None)
def pihole(line: Line) -> None:
    """A Pi-hole answers the websocket's name with null addresses."""
    line.visit(socket=False)
    for at in (3.0, 5.0, 9.0, 17.0):
        line.lookup(at, "ws.chatgpt.com", ("0.0.0.0",), ttl=2, ede=(15, "gravity"))
        line.lookup(at + 0.001, "ws.chatgpt.com", ("::",), kind="AAAA", ttl=2, ede=(15, "gravity"))
    line.elsewhere(19.0)


@as_packets("packets-umbrella-page", "dns", "dns.sinkhole", vendor="Umbrella", suffix=".pcapng")
def umbrella(line: Line) -> None:
    """Umbrella's block page address for the service's name; its certificate is refused."""
    line.elsewhere(0.0)
    for at in (1.0, 3.0, 8.0):
        line.lookup(at, "chatgpt.com", ("146.112.61.106",), ttl=0)
        stream = Stream(line, "146.112.61.106")
        stream.open(at + 0.02)
        stream.secure("chatgpt.com", issuer=("Cisco", "Cisco Umbrella Primary SubCA"), refuse=True)


@as_packets("packets-fortiguard", "dns", "dns.sinkhole", vendor="Forti")
def fortiguard(line: Line) -> None:
    """FortiGuard's address for the sign-in host; nothing listens there."""
    line.visit(socket=False)
    for at in (3.0, 5.0):
        line.lookup(at, "auth.openai.com", ("208.91.112.55",), ttl=60)
        Stream(line, "208.91.112.55").silent(at + 0.02)
    line.elsewhere(20.0)


@as_packets("packets-quad9", "dns", "dns.nxdomain_filter", vendor="Quad9", link="cooked")
def quad9(line: Line) -> None:
    """Quad9 denies a name it blocks and says that it does no recursion for it."""
    line.resolver = "9.9.9.9"
    line.visit(socket=False)
    for at in (3.0, 6.0, 12.0):
        line.lookup(at, "ws.chatgpt.com", rcode="NXDOMAIN", recursion=False)
        line.lookup(at + 0.001, "ws.chatgpt.com", rcode="NXDOMAIN", recursion=False, kind="AAAA")


@as_packets("packets-rpz", "dns", "dns.nxdomain_filter")
def rpz(line: Line) -> None:
    """A policy zone denies the file host and leaves its SOA in the additional section."""
    line.visit()
    for at in (8.0, 9.5, 14.0):
        line.lookup(
            at,
            "files.oaiusercontent.com",
            rcode="NXDOMAIN",
            extra=f"rpz.corp.example. ns.corp.example. admin.corp.example. {SERIAL}",
            ede=(15, ""),
        )


@as_packets("packets-palo-alto-cname", "dns", "dns.block_cname", vendor="Palo Alto")
def palo_alto(line: Line) -> None:
    """The answer leads to the filter's own name."""
    line.elsewhere(0.0)
    for at in (1.0, 4.0, 9.0):
        line.lookup(at, "chatgpt.com", ("72.5.65.111",), cname="sinkhole.paloaltonetworks.com")
        Stream(line, "72.5.65.111").silent(at + 0.03, tries=3)


@as_packets("packets-forged-answer", "dns", "dns.injected")
def forged(line: Line) -> None:
    """A forged answer comes first, the genuine one after it."""
    line.resolver = "8.8.8.8"
    line.elsewhere(0.0)
    for at in (1.0, 2.5, 6.0):
        port, ident = line.lookup(
            at, "chatgpt.com", ("199.96.58.105",), ttl=120, delay=0.004, reply_ttl=51
        )
        line.lookup(
            at,
            "chatgpt.com",
            EDGES,
            port=port,
            ident=ident,
            asked=False,
            delay=0.033,
            reply_ttl=117,
        )
        Stream(line, "199.96.58.105").silent(at + 0.05, tries=3)


@as_packets("packets-dead-resolver", "dns", "dns.timeout")
def dead(line: Line) -> None:
    """The resolver answers nothing."""
    for at in (0.0, 5.0, 10.0):
        port, ident = line.lookup(at, "chatgpt.com", answered=False)
        for again in (1.0, 3.0):
            line.lookup(at + again, "chatgpt.com", answered=False, port=port, ident=ident)
    line.lookup(16.0, "www.wikipedia.org", answered=False)


@as_packets("packets-slow-resolver", "dns", "dns.slow")
def slow(line: Line) -> None:
    """Every lookup takes more than a second."""
    at = 0.0
    for name in ("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com", "cdn.oaistatic.com"):
        line.lookup(at, name, delay=1.7)
        line.lookup(at + 0.001, name, (), kind="AAAA", delay=1.72)
        stream = line.connect(at + 1.75, name, lookup=False)
        stream.ask(500, 9_000, 0.05)
        at += 3.0


@as_packets("packets-reset-after-hello", "tcp", "tcp.reset_injected", "tls.sni_blocked")
def reset_hello(line: Line) -> None:
    """Each ClientHello with the service's name is answered by resets with another TTL."""
    line.elsewhere(0.0)
    for at in (2.0, 3.0, 6.0, 11.0):
        line.resolve(at, "chatgpt.com")
        stream = Stream(line, EDGES[0])
        stream.open(at + 0.02)
        stream.send(stream.busy, openssl_hello("chatgpt.com"), acked=False)
        for number in range(3):
            stream.reset(stream.busy + 0.004 + number * 0.0004, ttl=251, ident=0, flags="R")
        stream.segment(stream.busy + line.rtt, up=False)


@as_packets("packets-drop-after-hello", "tls", "tls.sni_blocked")
def drop_hello(line: Line) -> None:
    """The hello with the name vanishes; another name at the same address is served."""
    line.elsewhere(0.0)
    other = Stream(line, EDGES[0])
    other.open(1.0)
    other.secure("cdn.jsdelivr.net")
    other.ask(400, 9_000, 0.04)
    for at in (3.0, 12.0):
        line.resolve(at, "chatgpt.com")
        stream = Stream(line, EDGES[0])
        stream.open(at + 0.02)
        hello, first = openssl_hello("chatgpt.com"), stream.mine
        stream.send(stream.busy, hello, acked=False)
        for wait in (0.3, 0.9, 2.1, 4.5):
            stream.segment(stream.busy + wait, hello, up=True, flags="PA", seq=first)


@as_packets("packets-firewall-silent", "tcp", "tcp.unreachable", "net.firewall_ip_block")
def silent(line: Line) -> None:
    """No SYN to the service's addresses is answered; other sites work."""
    line.elsewhere(0.0)
    line.resolve(1.0, "chatgpt.com")
    for at, address in ((1.1, EDGES[0]), (2.1, EDGES[1]), (20.0, EDGES[0])):
        Stream(line, address).silent(at, tries=5)
    line.elsewhere(30.0, "www.bing.com")


@as_packets("packets-router-prohibits", "tcp", "net.firewall_ip_block", "tcp.unreachable")
def prohibited(line: Line) -> None:
    """The router says that it may not carry the connection."""
    line.elsewhere(0.0)
    for at in (1.0, 3.0, 7.0):
        line.resolve(at, "chatgpt.com")
        stream = Stream(line, EDGES[int(at) % 2])
        stream.silent(at + 0.02, tries=1)
        unreachable(line, at + 0.023, stream)


@as_packets("packets-answer-reset", "stream", "sse.cut", "tcp.reset_injected")
def answer_reset(line: Line) -> None:
    """The connection is reset in mid-answer, twice."""
    app = line.visit()["chatgpt.com"]
    app.stream(8.0, [0.06] * 90)
    app.reset(app.busy + 0.03, flags="RA")
    again = line.connect(app.busy + 2.0, "chatgpt.com")
    again.ask(900, 3_000, 0.08)
    again.stream(again.busy + 4.0, [0.05] * 120)
    again.reset(again.busy + 0.02, flags="RA")


@as_packets("packets-tls-alert", "tls", "tls.handshake_failure")
def handshake(line: Line) -> None:
    """The far end answers every hello with handshake_failure."""
    line.elsewhere(0.0)
    for at in (1.0, 2.0, 5.0):
        line.resolve(at, "chatgpt.com")
        stream = Stream(line, EDGES[1])
        stream.open(at + 0.02)
        stream.send(stream.busy, openssl_hello("chatgpt.com"))
        stream.receive(stream.busy + line.rtt, alert(40))
        stream.finish(stream.busy + 0.001, by_client=False)


@as_packets("packets-inspection-refused", "tls", "tls.intercept_breaks", vendor="Zscaler")
def inspected(line: Line) -> None:
    """An app refuses the inspecting product's certificate (TLS 1.2, so it is seen)."""
    line.elsewhere(0.0)
    for at in (1.0, 3.0, 7.0):
        line.resolve(at, "chatgpt.com")
        stream = Stream(line, EDGES[0])
        stream.open(at + 0.02)
        stream.secure(
            "chatgpt.com",
            hello=openssl_hello("chatgpt.com", version12=True),
            issuer=("Zscaler Inc.", "Zscaler Intermediate Root CA (zscaler.net)"),
            version12=True,
            refuse=True,
        )


@as_packets("packets-tunnel-slow", "latency", "vpn.latency")
def tunnel(line: Line) -> None:
    """TCP ends next door within a millisecond; all data takes 420 ms more."""
    line.rtt = 0.0007
    line.visit(far=0.42)
    for at in (20.0, 24.0, 28.0, 33.0):
        app = line.connect(at, "chatgpt.com", far=0.42)
        app.ask(600, 4_000, 0.06, far=0.42)


@as_packets("packets-ipv6-dead", "network", "net.ipv6_broken")
def ipv6(line: Line) -> None:
    """Every connection first waits for IPv6, which is never answered."""
    at = 0.0
    for name in ("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com", "chatgpt.com"):
        line.lookup(at, name)
        line.lookup(at + 0.001, name, ("2606:4700:4405::ac40:9bd1",), kind="AAAA")
        Stream(line, "2606:4700:4405::ac40:9bd1").silent(at + 0.02, tries=3)
        app = line.connect(at + 0.33, name, lookup=False)
        app.ask(600, 5_000, 0.06)
        at += 6.0


@as_packets("packets-healthy", "healthy", statuses=WELL)
def healthy(line: Line) -> None:
    """A visit, an answer, an orderly end."""
    app = line.visit()["chatgpt.com"]
    app.stream(8.0, [0.05] * 150)
    app.finish(app.busy + 3.0)
    line.elsewhere(20.0)


@as_packets("packets-thinking", "healthy", statuses=WELL, suffix=".pcapng")
def thinking(line: Line) -> None:
    """A minute of silence before the answer flows."""
    app = line.visit()["chatgpt.com"]
    app.stream(8.0, [0.1, 0.1, 58.0, *[0.04] * 120])
    app.finish(app.busy + 5.0)


@as_packets("packets-stopped", "healthy", statuses=WELL)
def stopped(line: Line) -> None:
    """The page is closed in mid-answer: the browser resets its own connection."""
    app = line.visit()["chatgpt.com"]
    app.stream(8.0, [0.06] * 40)
    app.finish(app.busy + 0.01)
    app.receive(app.busy + 0.03, records(140), acked=False)
    app.reset(app.busy + 0.04, up=True)


@as_packets("packets-idle-reset", "healthy", statuses=WELL)
def idle(line: Line) -> None:
    """After minutes of nothing to say a connection is reset by the far side."""
    streams = line.visit(socket=False)
    app = streams["chatgpt.com"]
    app.stream(6.0, [0.06] * 60)
    app.reset(app.busy + 400.0, flags="RA")
    line.connect(app.busy + 420.0, "chatgpt.com").ask(600, 4_000, 0.07)


@as_packets("packets-inspected-fine", "healthy", statuses=WELL)
def inspected_fine(line: Line) -> None:
    """A product re-signs everything, and all works."""
    hello = {"version12": True, "issuer": ("Fortinet", "FGT60FTK20012345")}
    at = 0.0
    for name in ("chatgpt.com", "ab.chatgpt.com", "auth.openai.com"):
        app = line.connect(at, name, hello=openssl_hello(name, version12=True), **hello)
        app.ask(600, 9_000, 0.06)
        at += 1.0


@as_packets("packets-telemetry-blocked", "healthy", statuses=WELL)
def telemetry(line: Line) -> None:
    """Only an error reporter's name is blocked."""
    line.visit()
    for at in (2.0, 3.0, 9.0):
        line.lookup(at, "o33249.ingest.sentry.io", ("0.0.0.0",), ttl=2)


@as_packets("packets-one-servfail", "healthy", statuses=WELL)
def servfail(line: Line) -> None:
    """One SERVFAIL that the retry heals."""
    line.lookup(0.0, "chatgpt.com", rcode="SERVFAIL")
    line.visit(0.4)


@as_packets("packets-sinkhole-and-slow-tunnel", "two", "dns.sinkhole", statuses=BAD)
def two(line: Line) -> None:
    """The websocket's name is sunk, and a slow tunnel is used besides."""
    line.rtt = 0.0006
    line.visit(socket=False, far=0.3)
    for at in (4.0, 6.0, 10.0):
        line.lookup(at, "ws.chatgpt.com", ("0.0.0.0",), ttl=2)
        line.lookup(at + 0.001, "ws.chatgpt.com", ("::",), kind="AAAA", ttl=2)
    for at in (20.0, 24.0, 28.0):
        line.connect(at, "chatgpt.com", far=0.3).ask(600, 4_000, 0.06, far=0.3)
