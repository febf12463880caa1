"""Scenes of a DNS filter, one or two per product, and what only looks like one."""

from __future__ import annotations

from scene import BAD, UNCLEAR, WELL, in_flows, on_wire
from scene_flows import Flows
from scene_visit import reach, visit
from scene_wire import AB_EDGE, EDGE, WS_EDGE, Connection, Wire

# --- null and block-page addresses


@on_wire("umbrella-page", "dns", "dns.sinkhole", vendor="Umbrella", subject="chatgpt.com")
def umbrella(wire: Wire) -> None:
    """146.112.61.106 for the site; its own certificate is refused by the browser."""
    for index in range(3):
        now = index * 4.0
        wire.lookup(now, "chatgpt.com", "146.112.61.106", ttl=0)
        wire.lookup(now, "chatgpt.com", "::ffff:146.112.61.106", kind="AAAA", ttl=0)
        conn = Connection(wire, "146.112.61.106")
        after = conn.secure(conn.open(now + 0.02), "chatgpt.com", version12=True)
        conn.notify(after, up=True)
        conn.rst(after + 0.001, up=True)


@on_wire(
    "umbrella-dns-only", "dns", "dns.sinkhole", vendor="Umbrella", link="cooked", suffix=".pcapng"
)
def umbrella_names(wire: Wire) -> None:
    """Only the lookups were captured."""
    for name in ("chatgpt.com", "ws.chatgpt.com", "auth.openai.com"):
        wire.lookup(0.1, name, "146.112.61.104", ttl=0, resolver="208.67.222.222")


@on_wire(
    "pihole-null", "dns", "dns.sinkhole", vendor="Pi-hole", subject="ws.chatgpt.com", statuses=BAD
)
def pihole(wire: Wire) -> None:
    """The site works; the websocket's name is nulled, and Pi-hole says so (EDE 15)."""
    visit(wire, socket=False)
    for index in range(4):
        now = 5 + index * 2.0
        wire.lookup(now, "ws.chatgpt.com", "0.0.0.0", ttl=2, ede=((15, "denylist"),))
        wire.lookup(now, "ws.chatgpt.com", "::", kind="AAAA", ttl=2, ede=((15, "denylist"),))


@on_wire("pihole-null-no-ede", "dns", "dns.sinkhole", subject="cdn.oaistatic.com", statuses=BAD)
def pihole_old(wire: Wire) -> None:
    """0.0.0.0 with Pi-hole's TTL of 2 and the SYN that the browser sends to itself."""
    reach(wire, 0, "chatgpt.com", EDGE)
    for index in range(3):
        wire.lookup(1 + index, "cdn.oaistatic.com", "0.0.0.0", ttl=2)


@on_wire("pihole-nxdomain", "dns", "dns.nxdomain_filter", statuses=BAD, subject="ws.chatgpt.com")
def pihole_nxdomain(wire: Wire) -> None:
    visit(wire, socket=False)
    for index in range(3):
        wire.lookup(5.0 + index, "ws.chatgpt.com", rcode="NXDOMAIN", ede=((15, "gravity"),))


@on_wire("pihole-nodata", "dns", "dns.nxdomain_filter", "dns.ede_filtered", statuses=BAD)
def pihole_nodata(wire: Wire) -> None:
    """No address of either family, EDE 15, and the page loads otherwise."""
    visit(wire, socket=False)
    for index in range(3):
        for kind in ("A", "AAAA"):
            wire.lookup(5.0 + index, "ws.chatgpt.com", kind=kind, ede=((15, "regex"),), ttl=2)


@on_wire("pihole-own-address", "dns", "dns.sinkhole")
def pihole_page(wire: Wire) -> None:
    """The filter's own private address; nothing speaks TLS there."""
    for index in range(3):
        wire.lookup(index * 1.0, "chatgpt.com", "192.168.1.53", ttl=2)
        Connection(wire, "192.168.1.53").refused(index + 0.02)


@on_wire("adguard-cname", "dns", "dns.block_cname", vendor="AdGuard")
def adguard(wire: Wire) -> None:
    for index in range(2):
        wire.lookup(
            index * 1.0, "chatgpt.com", "CNAME ad-block.dns.adguard.com.", "94.140.14.33",
            resolver="94.140.14.14",
        )  # fmt: skip


@on_wire("adguard-family", "dns", "dns.sinkhole", vendor="AdGuard", link="vlan")
def adguard_family(wire: Wire) -> None:
    wire.lookup(0, "chatgpt.com", "94.140.14.35", resolver="94.140.14.15")
    wire.lookup(1, "chatgpt.com", "94.140.14.35", resolver="94.140.14.15")
    Connection(wire, "94.140.14.35").unanswered(1.1)


@on_wire("nextdns-null", "dns", "dns.sinkhole", subject="ab.chatgpt.com", statuses=BAD, link="raw")
def nextdns(wire: Wire) -> None:
    """NextDNS nulls the feature flags; everything else is well."""
    reach(wire, 0, "chatgpt.com", EDGE)
    for kind, null in (("A", "0.0.0.0"), ("AAAA", "::")):
        wire.lookup(1, "ab.chatgpt.com", null, kind=kind, ttl=300, resolver="45.90.28.10")
        wire.lookup(2, "ab.chatgpt.com", null, kind=kind, ttl=300, resolver="45.90.28.10")


@on_wire("quad9-ra0", "dns", "dns.nxdomain_filter", vendor="Quad9")
def quad9(wire: Wire) -> None:
    for index in range(3):
        for kind in ("A", "AAAA"):
            wire.lookup(
                index * 1.0, "chatgpt.com", kind=kind, rcode="NXDOMAIN", recursion=False,
                resolver="9.9.9.9",
            )  # fmt: skip


@on_wire("gateway-ede17", "dns", "dns.sinkhole", "dns.ede_filtered", vendor="Cloudflare")
def gateway(wire: Wire) -> None:
    """1.1.1.3: NOERROR, 0.0.0.0 and EDE 17."""
    for kind, null in (("A", "0.0.0.0"), ("AAAA", "::")):
        wire.lookup(
            0, "chatgpt.com", null, kind=kind, ede=((17, "Filtered"),), resolver="1.1.1.3", ttl=60
        )


@on_wire("ede16-refused", "dns", "dns.ede_filtered", "dns.nxdomain_filter", suffix=".pcapng")
def censored(wire: Wire) -> None:
    """The operator says it must censor."""
    for index in range(2):
        wire.lookup(index * 1.0, "chatgpt.com", rcode="REFUSED", ede=((16, "court order 12/2026"),))


@on_wire("ede15-quad101", "dns", "dns.ede_filtered", "dns.nxdomain_filter")
def blocked_text(wire: Wire) -> None:
    for name in ("chatgpt.com", "auth.openai.com"):
        wire.lookup(0.5, name, rcode="NXDOMAIN", ede=((15, "Blocked by policy"),))


@on_wire("cleanbrowsing-soa", "dns", "dns.nxdomain_filter", vendor="CleanBrowsing")
def cleanbrowsing(wire: Wire) -> None:
    for index in range(2):
        wire.lookup(
            index * 1.0, "chatgpt.com", rcode="NXDOMAIN", resolver="185.228.168.168",
            authority="chatgpt.com. cleanbrowsing.rpz.noc.org.",
        )  # fmt: skip


@on_wire("fortinet-page", "dns", "dns.sinkhole", vendor="Forti")
def fortinet(wire: Wire) -> None:
    for index in range(2):
        wire.lookup(index * 3.0, "chatgpt.com", "208.91.112.55", ttl=60)
        conn = Connection(wire, "208.91.112.55")
        conn.hello_only(conn.open(index * 3 + 0.02), "chatgpt.com")
        conn.rst(index * 3 + 0.2)


@on_wire("fortinet-v6", "dns", "dns.sinkhole", vendor="Forti", link="cooked")
def fortinet6(wire: Wire) -> None:
    """Both families over an IPv6 resolver."""
    wire.resolver = "2001:db8:1::1"
    wire.lookup(0, "chatgpt.com", "2001:cdba::3257:9652", kind="AAAA", ttl=60)
    wire.lookup(0, "chatgpt.com", "208.91.112.55", ttl=60)
    Connection(wire, "2001:cdba::3257:9652").unanswered(0.1)
    Connection(wire, "208.91.112.55").unanswered(0.4)


@on_wire("paloalto-cname", "dns", "dns.block_cname", "dns.sinkhole", vendor="Palo Alto")
def paloalto(wire: Wire) -> None:
    for index in range(2):
        wire.lookup(
            index * 1.0, "ws.chatgpt.com", "CNAME sinkhole.paloaltonetworks.com.", "72.5.65.111"
        )
        Connection(wire, "72.5.65.111").unanswered(index + 0.1)


@on_wire("indonesia-cname", "dns", "dns.block_cname", "dns.sinkhole", vendor="Positif")
def internet_positif(wire: Wire) -> None:
    wire.lookup(0, "chatgpt.com", "CNAME internet-positif.org.", "36.86.63.185", ttl=5)
    wire.lookup(2, "chatgpt.com", "CNAME internet-positif.org.", "36.86.63.185", ttl=5)


@on_wire("indonesia-address", "dns", "dns.sinkhole", vendor="Telkom", link="raw")
def telkom(wire: Wire) -> None:
    """Telkom's block page address, and its certificate refused."""
    wire.lookup(0, "chatgpt.com", "36.86.63.185", resolver="203.130.193.74", ttl=5)
    conn = Connection(wire, "36.86.63.185")
    conn.hello_only(conn.open(0.05), "chatgpt.com")
    conn.rst(0.2)


@on_wire("rpz-additional", "dns", "dns.nxdomain_filter")
def rpz(wire: Wire) -> None:
    """BIND's response policy zone: its SOA stands in the additional section."""
    for name in ("chatgpt.com", "ws.chatgpt.com"):
        for kind in ("A", "AAAA"):
            wire.lookup(0.2, name, kind=kind, rcode="NXDOMAIN", additional="rpz.corp.example.")


@on_wire("pfblockerng", "dns", "dns.sinkhole", vendor="pfBlocker")
def pfblocker(wire: Wire) -> None:
    for index in range(2):
        wire.lookup(index * 1.0, "chatgpt.com", "10.10.10.1", ttl=60)
        conn = Connection(wire, "10.10.10.1")
        after = conn.secure(conn.open(index + 0.02, 0.001), "chatgpt.com", version12=True)
        conn.rst(after, up=True)


@on_wire("loopback-answer", "dns", "dns.sinkhole", link="loopback")
def to_loopback(wire: Wire) -> None:
    wire.client, wire.resolver = "127.0.0.1", "127.0.0.53"
    wire.lookup(0, "chatgpt.com", "127.0.0.1", ttl=0)
    Connection(wire, "127.0.0.1").refused(0.1, 0.0001)


@on_wire("nxdomain-by-other", "dns", "dns.nxdomain_filter", statuses=BAD)
def disagree(wire: Wire) -> None:
    """The first resolver denies the name, the second gives it."""
    for index in range(3):
        for kind in ("A", "AAAA"):
            wire.lookup(
                index * 1.0, "ws.chatgpt.com", kind=kind, rcode="NXDOMAIN", resolver="10.0.0.53"
            )
    wire.lookup(4, "ws.chatgpt.com", WS_EDGE, resolver="8.8.8.8")
    reach(wire, 5, "chatgpt.com", EDGE)


@on_wire("sinkhole-over-tcp", "dns", "dns.sinkhole", suffix=".pcapng")
def over_tcp(wire: Wire) -> None:
    wire.lookup(0, "chatgpt.com", "0.0.0.0", over_tcp=True, ttl=2)
    wire.lookup(1, "chatgpt.com", "0.0.0.0", over_tcp=True, ttl=2)


@on_wire("sinkhole-among-others", "dns", "dns.sinkhole", vendor="Umbrella")
def among_others(wire: Wire) -> None:
    """Other sites work on the same machine; only OpenAI's are filtered."""
    for index, name in enumerate(("www.example.org", "cdn.example.net")):
        reach(wire, index * 1.0, name, f"93.184.215.{14 + index}")
    for index, name in enumerate(("chatgpt.com", "chat.openai.com")):
        wire.lookup(3.0 + index, name, "146.112.61.110", ttl=0)


@in_flows("flows-null-address", "dns", "dns.sinkhole", statuses=BAD)
def flows_null(flows: Flows) -> None:
    """mitmproxy's own words when the name leads to 0.0.0.0."""
    for index in range(4):
        flows.add(
            index * 2.0, "https://chatgpt.com/", None, dest="document", connected=False,
            error="[Errno 111] Connect call failed ('0.0.0.0', 443)",
        )  # fmt: skip


@in_flows("flows-no-such-name", "dns", "dns.nxdomain_filter", "dns.timeout",
          "dns.resolver_failing", statuses=BAD)  # fmt: skip
def flows_no_name(flows: Flows) -> None:
    """The name is denied, other sites work."""
    flows.add(0.1, "https://www.example.org/", kind="text/html", body=b"<html></html>", edge=False)
    for index in range(4):
        flows.add(
            1 + index * 2.0, "https://chatgpt.com/", None, dest="document", connected=False,
            error="[Errno -2] Name or service not known",
        )  # fmt: skip


# --- what only looks like a filter


@on_wire("telemetry-nulled", "healthy", statuses=WELL)
def telemetry(wire: Wire) -> None:
    visit(wire)
    for name in ("o33249.ingest.sentry.io", "browser-intake-datadoghq.com", "api.oaistatsig.com"):
        for kind, null in (("A", "0.0.0.0"), ("AAAA", "::")):
            wire.lookup(6, name, null, kind=kind, ttl=2, ede=((15, "gravity"),))


@on_wire("aaaa-nodata", "healthy", statuses=WELL)
def aaaa_nodata(wire: Wire) -> None:
    visit(wire)
    for name in ("chatgpt.com", "ws.chatgpt.com", "ab.chatgpt.com"):
        wire.lookup(0, name, kind="AAAA", authority="chatgpt.com. ns1.cloudflare.com.")
        wire.lookup(0, name, kind="HTTPS", authority="chatgpt.com. ns1.cloudflare.com.")


@on_wire("cname-chain", "healthy", statuses=WELL)
def cname_chain(wire: Wire) -> None:
    visit(wire, socket=False)
    wire.lookup(
        5, "auth-cdn.oaistatic.com", "CNAME auth-cdn.oaistatic.com.cdn.cloudflare.net.",
        "CNAME edge.example.azurefd.net.", "104.18.41.158",
    )  # fmt: skip
    reach(wire, 5.1, "auth-cdn.oaistatic.com", "104.18.41.158", lookup=False)


@on_wire("split-dns-private", "healthy", statuses=WELL)
def split_dns(wire: Wire) -> None:
    """A company's private address for the name, behind which TLS and the page work."""
    for index, name in enumerate(("chatgpt.com", "ws.chatgpt.com", "ab.chatgpt.com")):
        reach(wire, index * 0.5, name, f"10.20.30.{40 + index}", rtt=0.004, tls=0.008)


@on_wire("fake-ip", "healthy", statuses=WELL)
def fake_ip(wire: Wire) -> None:
    """A local proxy's fake addresses with working TLS."""
    wire.resolver = "198.18.0.2"
    for index, name in enumerate(("chatgpt.com", "ws.chatgpt.com", "ab.chatgpt.com")):
        reach(wire, index * 0.5, name, f"198.18.0.{20 + index}", rtt=0.0004, tls=0.03)


@on_wire("servfail-healed", "healthy", statuses=WELL)
def servfail(wire: Wire) -> None:
    wire.lookup(0, "chatgpt.com", rcode="SERVFAIL", ede=((22, ""),))
    visit(wire, 0.5)


@on_wire("one-answer-lost", "healthy", statuses=WELL)
def answer_lost(wire: Wire) -> None:
    """One question without an answer, asked again a second later."""
    wire.lookup(0, "chatgpt.com", answered=False)
    visit(wire, 1.0)


@on_wire("retired-name", "healthy", statuses=WELL)
def retired(wire: Wire) -> None:
    """A name that no longer exists, and one mistyped, beside a session that works."""
    visit(wire)
    for name in ("chatgpt.con", "chatgtp.example", "old-host.openai.com"):
        wire.lookup(8, name, rcode="NXDOMAIN", authority="com. a.gtld-servers.net.")


@on_wire("search-domain", "healthy", statuses=WELL)
def search_domain(wire: Wire) -> None:
    """The stub tries the company's search domain first."""
    for name in ("chatgpt.com.corp.example", "ws.chatgpt.com.corp.example"):
        wire.lookup(0, name, rcode="NXDOMAIN", authority="corp.example. ns.corp.example.")
    visit(wire, 0.2)


@on_wire("other-filter", "healthy", statuses=UNCLEAR)
def other_site(wire: Wire) -> None:
    """A filter for advertising; ChatGPT is not in the capture at all."""
    reach(wire, 0, "www.example.org", "93.184.215.14")
    wire.lookup(1, "ads.example.net", "0.0.0.0", ttl=2, ede=((15, "gravity"),))


@on_wire("address-rotates", "healthy", statuses=WELL)
def rotates(wire: Wire) -> None:
    """Two resolvers, two different good addresses; the answers come twice."""
    wire.lookup(0, "chatgpt.com", EDGE, resolver="8.8.8.8")
    wire.lookup(0, "chatgpt.com", AB_EDGE, resolver="1.1.1.1")
    visit(wire, 0.2)


@on_wire("stale-ede", "healthy", statuses=WELL)
def stale(wire: Wire) -> None:
    """EDE 3: the resolver gives an old answer because it cannot reach upstream."""
    wire.lookup(0, "chatgpt.com", EDGE, ede=((3, "stale"),), ttl=30)
    visit(wire, 0.2, lookup=False)
