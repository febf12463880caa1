"""Scenes of the network alone, as tcpdump on the user's machine would save them."""

from __future__ import annotations

import os
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw
from scene import BAD, UNCLEAR, WELL, on_wire
from scene_visit import chatter, reach, upgrade, visit
from scene_wire import AB_EDGE, EDGE, EDGE6, WS_EDGE, Connection, Wire

OTHER = "93.184.215.14"
LIMITED = frozenset({"impaired"})


def elsewhere(wire: Wire, time: float) -> None:
    """The control: another site works."""
    reach(wire, time, "www.example.com", OTHER)


def forged(conn: Connection, time: float, *, ttl: int, seq: int = 0, flags: str = "R") -> None:
    """A reset in the server's name from somewhere else on the path."""
    segment = TCP(
        sport=conn.ports[1],
        dport=conn.ports[0],
        flags=flags,
        seq=conn.received + seq,
        ack=conn.sent if "A" in flags else 0,
        window=0,
    )
    conn.wire.packets.append((time, IP(src=conn.server, dst=conn.me, ttl=ttl, id=0) / segment))


@on_wire("pk-unreachable", "network", "tcp.unreachable", "net.firewall_ip_block")
def unreachable(wire: Wire) -> None:
    elsewhere(wire, 0)
    wire.lookup(1, "chatgpt.com", EDGE)
    for at in (1.1, 1.3, 20):
        Connection(wire, EDGE).unanswered(at, 5)
    elsewhere(wire, 30)


@on_wire("pk-firewall-addresses", "network", "net.firewall_ip_block", "tcp.unreachable")
def firewall(wire: Wire) -> None:
    elsewhere(wire, 0)
    names = (("chatgpt.com", EDGE), ("ab.chatgpt.com", AB_EDGE), ("ws.chatgpt.com", WS_EDGE))
    for index, (name, address) in enumerate(names):
        wire.lookup(1 + index, name, address)
        for at in (1.1, 10, 30):
            Connection(wire, address).unanswered(at + index, 4)
    elsewhere(wire, 50)


@on_wire("pk-refused", "network", "tcp.refused", "net.firewall_ip_block", "tcp.reset_injected")
def refused(wire: Wire) -> None:
    elsewhere(wire, 0)
    wire.lookup(1, "chatgpt.com", EDGE)
    for at in (1.1, 1.4, 3, 9):
        Connection(wire, EDGE).refused(at, 0.018)


@on_wire("pk-reset-injected", "network", "tcp.reset_injected", "tls.sni_blocked")
def injected(wire: Wire) -> None:
    """Two resets with another TTL right after the hello; the genuine answer comes later."""
    elsewhere(wire, 0)
    for at in (1, 3, 8):
        wire.lookup(at, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.open(at + 0.02, 0.04)
        conn.hello_only(now, "chatgpt.com")
        forged(conn, now + 0.006, ttl=119)
        forged(conn, now + 0.007, ttl=119, seq=1460, flags="RA")
        conn.down(now + 0.045, bytes.fromhex("160303005a0200005603") + bytes(80))


@on_wire("pk-sni-control", "network", "tls.sni_blocked", "tcp.reset_injected")
def sni_control(wire: Wire) -> None:
    """One name is cut after its hello, another name at the same address works."""
    reach(wire, 0, "www.example.com", EDGE)
    for at in (2, 4, 9):
        wire.lookup(at, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.open(at + 0.02)
        conn.hello_only(now, "chatgpt.com")
        conn.rst(now + 0.018)
    reach(wire, 15, "www.example.com", EDGE)


@on_wire("pk-sni-silent", "network", "tls.sni_blocked", "tls.pq_hello_dropped", "tcp.mtu_blackhole")
def sni_silent(wire: Wire) -> None:
    """The hello is never acknowledged."""
    reach(wire, 0, "www.example.com", EDGE)
    for at in (2, 15, 30):
        wire.lookup(at, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.open(at + 0.02)
        start = conn.sent
        for again in (0, 0.3, 0.9, 2.1, 4.5):
            conn.sent = start
            conn.hello_only(now + again, "chatgpt.com")
        conn._put(now + 9, "FA", up=True)


@on_wire("pk-mtu", "network", "tcp.mtu_blackhole", statuses=BAD)
def mtu(wire: Wire) -> None:
    """Small segments pass, full ones are sent again and again and never acknowledged."""
    for at, (name, address) in ((0, ("chatgpt.com", EDGE)), (12, ("ab.chatgpt.com", AB_EDGE))):
        wire.lookup(at, name, address)
        conn = Connection(wire, address)
        now = conn.secure(conn.open(at + 0.02), name)
        conn.ask(now + 0.1, 300, 400)
        conn.send(now + 0.4, 200)
        start = conn.sent
        for again in (0, 0.25, 0.75, 1.75, 3.75, 7.75):
            conn.sent = start
            conn._put(now + 1 + again, "PA", up=True, payload=bytes(1400))
    elsewhere(wire, 5)


@on_wire("pk-loss", "network", "tcp.loss", statuses=LIMITED)
def loss(wire: Wire) -> None:
    """Every eighth segment of the service arrives a second time, late."""
    visit(wire)
    for at in (45, 60):
        conn = reach(wire, at, "chatgpt.com", EDGE, asks=1)
        now = at + 1.0
        for number in range(240):
            begin = conn.received
            if number % 8 == 5:  # lost before us: the next one leaves a gap, and it comes again
                conn.received += 1380
                gap = begin
                conn._put(now, "PA", up=False, payload=bytes(1380))
                for again in range(3):
                    segment = TCP(sport=conn.ports[0], dport=443, flags="A", seq=conn.sent, ack=gap)
                    wire.put(now + 0.001 * (again + 1), conn.me, conn.server, segment)
                end = conn.received
                conn.received = gap
                conn._put(now + 0.06, "PA", up=False, payload=bytes(1380))
                conn.received = end
                conn._put(now + 0.061, "A", up=True)
                now += 0.07
            else:
                conn.down(now, bytes(1380))
                now += 0.01


@on_wire("pk-zero-window", "device", "tcp.zero_window", statuses=LIMITED)
def zero_window(wire: Wire) -> None:
    visit(wire)
    conn = reach(wire, 45, "chatgpt.com", EDGE, asks=1)
    for round_ in range(4):
        now = 50 + round_ * 8.0
        conn.down(now, bytes(1380))
        for probe in range(4):
            shut = TCP(
                sport=conn.ports[0],
                dport=443,
                flags="A",
                seq=conn.sent,
                ack=conn.received,
                window=0,
            )
            wire.put(now + 0.1 + probe * 1.2, conn.me, conn.server, shut)
            conn._put(now + 0.6 + probe * 1.2, "A", up=False)
        conn._put(now + 6, "A", up=True)


@on_wire("pk-idle-350", "network", "tcp.reset_after_idle", "ws.idle_timeout", statuses=LIMITED)
def idle(wire: Wire) -> None:
    """The websocket's connection is reset after 350 s of silence, four times."""
    visit(wire, socket=False)
    for number in range(4):
        conn = upgrade(wire, 50 + number * 400)
        last = chatter(conn, 52 + number * 400, 60 + number * 400, every=3)
        conn.rst(last + 350.2)


@on_wire("pk-ipv6", "network", "net.ipv6_broken", statuses=LIMITED)
def ipv6(wire: Wire) -> None:
    """IPv6 is tried first and never answers; IPv4 follows after two seconds."""
    for index, (name, address) in enumerate(
        (("chatgpt.com", EDGE), ("ab.chatgpt.com", AB_EDGE)) * 2
    ):
        at = index * 8.0
        wire.lookup(at, name, EDGE6, kind="AAAA")
        wire.lookup(at, name, address)
        Connection(wire, EDGE6).unanswered(at + 0.05, 3)
        reach(wire, at + 2.1, name, address, lookup=False)


@on_wire("pk-quic-blocked", "network", statuses=WELL, also=("quic.blocked",))
def quic_blocked(wire: Wire) -> None:
    """HTTP/3 gets no answer; TCP works at once."""
    _quic(wire, 0.1, "chatgpt.com", EDGE)
    visit(wire)


def _quic(wire: Wire, at: float, name: str, address: str) -> None:
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection

    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name=name)
    connection = QuicConnection(configuration=configuration)
    connection.connect((address, 443), now=0.0)
    initial = connection.datagrams_to_send(now=0.0)[0][0]
    port = next(wire.ports)
    for again in (0, 0.3, 0.9):
        wire.put(at + again, wire.client, address, UDP(sport=port, dport=443) / Raw(initial))


@on_wire("pk-handshake-alert", "tls", "tls.handshake_failure")
def handshake_alert(wire: Wire) -> None:
    for at in (0, 2, 7):
        wire.lookup(at, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.open(at + 0.02)
        conn.hello_only(now, "chatgpt.com")
        conn.down(now + 0.02, b"\x15\x03\x03\x00\x02\x02\x28")
        conn.fin(now + 0.021, up=False)
    elsewhere(wire, 10)


@on_wire("pk-unknown-ca", "tls", "tls.cert_invalid", "tls.intercept_breaks")
def unknown_ca(wire: Wire) -> None:
    """TLS 1.2: the client refuses the certificate it is shown."""
    for at in (0, 2, 7):
        wire.lookup(at, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.open(at + 0.02)
        conn.secure(now, "chatgpt.com", version12=True)
        alert = b"\x15\x03\x03\x00\x02\x02\x30"
        last = [item for item in wire.packets if item[0] > now + conn.rtt + 0.0025]
        for item in last:  # nothing follows the certificate but the alert
            wire.packets.remove(item)
        conn.up(now + 0.024, alert)
        conn.fin(now + 0.025)
    elsewhere(wire, 12)


@on_wire("pk-voice", "voice", "voice.udp_blocked", statuses=LIMITED)
def voice(wire: Wire) -> None:
    visit(wire)
    for number in range(8):
        request = struct.pack(">HHI", 1, 0, 0x2112A442) + os.urandom(12)
        payload = UDP(sport=51999, dport=3478) / Raw(request)
        wire.put(45 + number * 0.5, wire.client, "20.184.36.134", payload)


@on_wire("pk-hosts-file", "device", "dns.hosts_file")
def hosts_file(wire: Wire) -> None:
    """The name goes to an address of the local network without any lookup."""
    wire.lookup(0, "www.example.com", OTHER)
    reach(wire, 0.5, "www.example.com", OTHER, lookup=False)
    for at in (1, 3, 9):
        conn = Connection(wire, "192.168.1.77")
        now = conn.open(at, 0.001)
        conn.hello_only(now, "chatgpt.com")
        conn.rst(now + 0.002)
    wire.lookup(12, "ab.chatgpt.com", AB_EDGE)
    reach(wire, 12.1, "ab.chatgpt.com", AB_EDGE, lookup=False)


@on_wire("pk-offline-gap", "device", "net.offline_gap", statuses=LIMITED)
def offline_gap(wire: Wire) -> None:
    """Everything on the machine stops for 25 s and goes on together."""
    conns = [
        reach(wire, index * 0.3, name, address, asks=1)
        for index, (name, address) in enumerate(
            (("chatgpt.com", EDGE), ("ab.chatgpt.com", AB_EDGE), ("www.example.com", OTHER))
        )
    ]
    socket = upgrade(wire, 2)
    for second in range(4, 60):
        if not 20 <= second < 45:
            for conn in (*conns, socket):
                conn.receive(second + 0.1, 300)
        elif second in (22, 25, 31, 40):
            for conn in conns:
                before = conn.sent
                conn._put(second + 0.2, "PA", up=True, payload=bytes(100))
                if second != 40:
                    conn.sent = before


@on_wire("pk-icmp-prohibited", "network", "tcp.unreachable", "net.firewall_ip_block", "tcp.refused")
def icmp(wire: Wire) -> None:
    """A router says administratively prohibited to every SYN."""
    elsewhere(wire, 0)
    wire.lookup(1, "chatgpt.com", EDGE)
    for at in (1.1, 3, 8):
        port = next(wire.ports)
        syn = TCP(sport=port, dport=443, flags="S", seq=100, window=64240, options=[("MSS", 1460)])
        wire.put(at, wire.client, EDGE, syn)
        inner = IP(src=wire.client, dst=EDGE, ttl=60) / syn
        wire.put(
            at + 0.002, "192.168.1.1", wire.client, ICMP(type=3, code=13) / Raw(bytes(inner)[:28])
        )


# --- well


@on_wire("pk-healthy", "none", statuses=WELL)
def healthy(wire: Wire) -> None:
    visit(wire)
    elsewhere(wire, 10)


@on_wire("pk-healthy-eyeballs", "none", statuses=WELL)
def eyeballs(wire: Wire) -> None:
    """IPv6 wins; the losing IPv4 attempts are reset by the browser."""
    for at, name in ((0, "chatgpt.com"), (3, "ab.chatgpt.com")):
        wire.lookup(at, name, EDGE6, kind="AAAA")
        wire.lookup(at, name, EDGE)
        reach(wire, at + 0.05, name, EDGE6, lookup=False)
        loser = Connection(wire, EDGE)
        now = loser.open(at + 0.3)
        loser.rst(now + 0.001, up=True, ack=False)


@on_wire("pk-healthy-preconnect", "none", statuses=WELL)
def preconnect(wire: Wire) -> None:
    """Connections opened ahead and never used, closed by the server after a while."""
    visit(wire)
    for at in (5, 6):
        conn = Connection(wire, EDGE)
        now = conn.secure(conn.open(at), "chatgpt.com")
        conn.notify(now + 20, up=False)
        conn.fin(now + 20.01, up=False)


@on_wire("pk-healthy-own-reset", "none", statuses=WELL)
def own_reset(wire: Wire) -> None:
    """The tab is closed while data is still coming in."""
    visit(wire)
    conn = reach(wire, 45, "chatgpt.com", EDGE)
    conn.fin(50)
    conn.down(50.01, bytes(500))
    conn.rst(50.02, up=True, ack=False)


@on_wire("pk-healthy-some-loss", "none", statuses=WELL)
def some_loss(wire: Wire) -> None:
    """Two segments of four hundred are sent again."""
    visit(wire)
    conn = reach(wire, 45, "chatgpt.com", EDGE, asks=1)
    now = 46.0
    for number in range(400):
        if number in (100, 250):
            begin = conn.received
            conn.down(now, bytes(1380))
            conn.received = begin
            conn._put(now + 0.3, "PA", up=False, payload=bytes(1380))
            now += 0.4
        else:
            conn.down(now, bytes(1380))
        now += 0.01


@on_wire("pk-healthy-wireguard", "none", statuses=WELL, also=("vpn.detected",))
def wireguard(wire: Wire) -> None:
    """The tunnel's own packets beside the session inside it."""
    peer = "198.51.100.9"
    init = b"\x01\0\0\0" + os.urandom(144)
    reply = b"\x02\0\0\0" + os.urandom(88)
    wire.put(0, wire.client, peer, UDP(sport=51820, dport=51820) / Raw(init))
    wire.put(0.03, peer, wire.client, UDP(sport=51820, dport=51820) / Raw(reply))
    for number in range(40):
        data = b"\x04\0\0\0" + os.urandom(4) + struct.pack("<Q", number) + os.urandom(112)
        wire.put(0.1 + number * 0.2, wire.client, peer, UDP(sport=51820, dport=51820) / Raw(data))
    visit(wire, 1.0, rtt=0.035)


@on_wire("pk-healthy-late-start", "none", statuses=UNCLEAR)
def late_start(wire: Wire) -> None:
    """The capture began in the middle: no lookups, no handshakes."""
    visit(wire)
    wire.packets = [item for item in wire.packets if item[0] > 3.6]


@on_wire("pk-healthy-slow", "none", statuses=WELL)
def slow(wire: Wire) -> None:
    """A far but sound path: everything takes 160 ms."""
    visit(wire, rtt=0.16, tls=0.165)


@on_wire("pk-healthy-quiet-socket", "none", statuses=WELL)
def quiet_socket(wire: Wire) -> None:
    """The websocket is silent for two minutes and goes on."""
    visit(wire, socket=False)
    conn = upgrade(wire, 3)
    chatter(conn, 4, 10, every=2)
    chatter(conn, 130, 150, every=4)
    conn.notify(155, up=True)
    conn.fin(155.1)
