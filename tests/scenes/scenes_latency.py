"""Scenes of a slow tunnel or proxy, and of other slowness."""

from __future__ import annotations

from scapy.layers.inet import UDP
from scapy.packet import Raw
from scene import BAD, UNCLEAR, WELL, in_flows, on_wire
from scene_flows import Flows
from scene_visit import reach, visit
from scene_wire import AB_EDGE, EDGE, WS_EDGE, Connection, Wire

HOSTS = (
    ("chatgpt.com", EDGE),
    ("ab.chatgpt.com", AB_EDGE),
    ("ws.chatgpt.com", WS_EDGE),
    ("cdn.oaistatic.com", "104.18.41.158"),
    ("auth.openai.com", "104.18.41.241"),
)


def wireguard(wire: Wire, server: str = "185.65.135.70") -> None:
    """A WireGuard handshake and some data beside it (types 1, 2 and 4)."""
    port = 51820
    client = wire.client
    initiation = b"\x01\0\0\0" + bytes(range(144))
    response = b"\x02\0\0\0" + bytes(range(88))
    wire.put(0, client, server, UDP(sport=40000, dport=port) / Raw(initiation))
    wire.put(0.03, server, client, UDP(sport=port, dport=40000) / Raw(response))
    for index in range(20):
        data = b"\x04\0\0\0" + bytes([index]) * 124
        wire.put(0.1 + index / 4, client, server, UDP(sport=40000, dport=port) / Raw(data))
        wire.put(0.2 + index / 4, server, client, UDP(sport=port, dport=40000) / Raw(data))


@on_wire("vpn-split-terminator", "latency", "vpn.latency", "proxy.latency", statuses=BAD)
def terminated_locally(wire: Wire) -> None:
    """SYN-ACK within 1 ms, ServerHello after 420 ms, on five connections."""
    for index, (name, address) in enumerate(HOSTS):
        reach(
            wire, index * 0.8, name, address, rtt=0.0006, tls=0.42 + index / 100, wait=0.5,
            mss=1380, server_mss=1380,
        )  # fmt: skip


@on_wire("vpn-and-wireguard", "latency", "vpn.latency", statuses=BAD)
def beside_wireguard(wire: Wire) -> None:
    """The same with WireGuard on the wire: a tunnel, not a proxy."""
    wireguard(wire)
    for index, (name, address) in enumerate(HOSTS[:4]):
        reach(
            wire, index * 0.8, name, address, rtt=0.002, tls=0.36, wait=0.45, mss=1380,
            server_mss=1380,
        )  # fmt: skip


@on_wire("vpn-three", "latency", "vpn.latency", "proxy.latency", statuses=BAD, link="raw")
def three(wire: Wire) -> None:
    """Just the three connections that the rule asks for, on a tunnel interface."""
    for index, (name, address) in enumerate(HOSTS[:3]):
        reach(
            wire, index * 0.8, name, address, rtt=0.0008, tls=0.61, wait=0.7, mss=1360,
            server_mss=1360,
        )  # fmt: skip


@on_wire("vpn-gateway-away", "latency", "vpn.latency", "proxy.latency", statuses=BAD)
def gateway_away(wire: Wire) -> None:
    """A company gateway 12 ms away ends TCP; what lies behind it takes 300 ms more."""
    for index, (name, address) in enumerate(HOSTS):
        reach(
            wire, index * 0.8, name, address, rtt=0.012 + index / 2000, tls=0.3 + index / 50,
            wait=0.4, mss=1360,
        )  # fmt: skip


def through_connect(
    wire: Wire, time: float, name: str, *, rtt: float, proxy: float, far: float
) -> None:
    """CONNECT through 10.1.1.8:3128; `proxy` until its 200, `far` to the service."""
    conn = Connection(wire, "10.1.1.8", port=3128)
    now = conn.open(time, rtt)
    conn.up(now, f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
    conn.down(now + proxy, b"HTTP/1.1 200 Connection established\r\n\r\n")
    now = conn.secure(now + proxy + 0.001, name, far)
    for _ in range(3):
        now = conn.ask(now + 0.05, wait=far + 0.05)


@on_wire("connect-proxy-slow", "latency", "proxy.latency", statuses=BAD)
def connect_slow(wire: Wire) -> None:
    for index, (name, _) in enumerate(HOSTS):
        through_connect(wire, index * 1.2, name, rtt=0.002, proxy=0.35, far=0.55)


@on_wire("connect-proxy-fast", "healthy", statuses=WELL)
def connect_fast(wire: Wire) -> None:
    for index, (name, _) in enumerate(HOSTS):
        through_connect(wire, index * 0.8, name, rtt=0.002, proxy=0.021, far=0.024)


def through_socks(wire: Wire, time: float, name: str, *, rtt: float, far: float) -> None:
    conn = Connection(wire, "10.1.1.9", port=1080)
    now = conn.open(time, rtt)
    conn.up(now, b"\x05\x01\x00")
    conn.down(now + rtt, b"\x05\x00")
    request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name.encode() + (443).to_bytes(2)
    conn.up(now + rtt + 0.001, request)
    conn.down(now + rtt + far, b"\x05\x00\x00\x01\0\0\0\0\0\0")
    now = conn.secure(now + rtt + far + 0.001, name, far)
    for _ in range(2):
        now = conn.ask(now + 0.05, wait=far + 0.05)


@on_wire("socks-slow", "latency", "proxy.latency", statuses=BAD)
def socks_slow(wire: Wire) -> None:
    for index, (name, _) in enumerate(HOSTS[:4]):
        through_socks(wire, index * 1.5, name, rtt=0.001, far=0.5)


@on_wire("socks-fast", "healthy", statuses=WELL)
def socks_fast(wire: Wire) -> None:
    for index, (name, _) in enumerate(HOSTS[:4]):
        through_socks(wire, index * 0.8, name, rtt=0.001, far=0.03)


@in_flows("proxy-in-flows-slow", "latency", "proxy.latency", statuses=BAD)
def flows_proxy_slow(flows: Flows) -> None:
    """mitmproxy behind an upstream proxy that is near and slow."""
    flows.via, flows.tcp, flows.tls = ("10.1.1.8", 3128), 0.002, 0.7
    flows.boot()
    flows.turn(3)
    for index, (name, _) in enumerate(HOSTS):
        flows.add(4 + index, f"https://{name}/x", wait=0.8)


@in_flows("vpn-in-flows-slow", "latency", "vpn.latency", "proxy.latency", statuses=BAD)
def flows_vpn_slow(flows: Flows) -> None:
    """TCP ends within 1 ms at a public address, TLS takes 500 ms."""
    flows.tcp, flows.tls = 0.0007, 0.5
    flows.boot()
    flows.turn(4)
    for index, (name, _) in enumerate(HOSTS):
        flows.add(6 + index, f"https://{name}/x", wait=0.6)


# --- slow, but not the tunnel's doing; or a tunnel that does no harm


@on_wire(
    "far-but-direct", "healthy", statuses=UNCLEAR | BAD, never=("vpn.latency", "proxy.latency")
)
def far(wire: Wire) -> None:
    """A long path: SYN-ACK and ServerHello take the same 190 ms."""
    visit(wire, rtt=0.19, tls=0.195, wait=0.28)


@on_wire("one-slow-connection", "healthy", statuses=WELL)
def one_slow(wire: Wire) -> None:
    visit(wire)
    reach(wire, 2, "auth.openai.com", "104.18.41.241", rtt=0.018, tls=0.6)


@on_wire("slow-service", "healthy", statuses=UNCLEAR | BAD, never=("vpn.latency", "proxy.latency"))
def slow_service(wire: Wire) -> None:
    """Handshakes are fast; the first bytes of answers take 4 s."""
    for index, (name, address) in enumerate(HOSTS):
        reach(wire, index * 0.5, name, address, wait=4.0, asks=2)


@on_wire("vpn-fine", "healthy", statuses=WELL)
def vpn_fine(wire: Wire) -> None:
    """WireGuard is up, MSS 1380, and nothing is slow."""
    wireguard(wire)
    visit(wire, rtt=0.031, mss=1380, server_mss=1380)


@on_wire("local-terminator-fast", "healthy", statuses=WELL)
def local_fast(wire: Wire) -> None:
    """A security agent ends TCP on the machine; TLS takes an everyday 35 ms."""
    visit(wire, rtt=0.0005, tls=0.035)


@on_wire("slow-tls-two-only", "healthy", statuses=UNCLEAR, never=("vpn.latency", "proxy.latency"))
def two_only(wire: Wire) -> None:
    """Two connections are too few to lay the delay at the tunnel's door."""
    for index, (name, address) in enumerate(HOSTS[:2]):
        reach(wire, index * 0.8, name, address, rtt=0.0008, tls=0.4)


@in_flows("far-in-flows", "healthy", statuses=UNCLEAR | BAD, never=("vpn.latency", "proxy.latency"))
def flows_far(flows: Flows) -> None:
    """mitmproxy's TLS time of a direct path of 180 ms: one round trip and a little."""
    flows.tcp, flows.tls = 0.18, 0.195
    flows.boot()
    flows.turn(4)
    flows.socket(3, messages=[], end=60, code=1000, by_client=True)


@in_flows("proxy-in-flows-fast", "healthy", statuses=WELL)
def flows_proxy_fast(flows: Flows) -> None:
    flows.via, flows.tcp, flows.tls = ("10.1.1.8", 3128), 0.002, 0.035
    flows.boot()
    flows.turn(3)


@on_wire("hauled-by-segment-size", "latency", "vpn.latency", statuses=BAD)
def hauled_by_size(wire: Wire) -> None:
    """On a tunnel's own interface: every site is 280 ms away, and every SYN offers 1380."""
    for index, (name, address) in enumerate(HOSTS):
        reach(wire, index * 1.4, name, address, rtt=0.28, tls=0.284, wait=0.36, mss=1380,
              server_mss=1380)  # fmt: skip
    reach(wire, 8, "www.example.org", "93.184.215.14", rtt=0.31, tls=0.32, mss=1380)


@on_wire("far-by-pppoe", "healthy", statuses=UNCLEAR | BAD, never=("vpn.latency",))
def far_by_pppoe(wire: Wire) -> None:
    """A long way over a line whose frames are eight octets shorter, and no tunnel."""
    visit(wire, rtt=0.28, tls=0.284, wait=0.36, mss=1452, server_mss=1452)


@on_wire("far-with-and-without-tunnel", "healthy", statuses=UNCLEAR | BAD, never=("vpn.latency",))
def far_both(wire: Wire) -> None:
    """ChatGPT by a tunnel, the rest without: both are far, so the line is."""
    visit(wire, rtt=0.28, tls=0.284, wait=0.36, mss=1380, server_mss=1380)
    reach(wire, 12, "www.example.org", "93.184.215.14", rtt=0.27, tls=0.28)


@on_wire("far-tunnel-once", "healthy", statuses=UNCLEAR, never=("vpn.latency",))
def far_once(wire: Wire) -> None:
    """Two connections do not show a path."""
    for index, (name, address) in enumerate(HOSTS[:2]):
        reach(wire, index * 1.4, name, address, rtt=0.28, tls=0.284, mss=1380, server_mss=1380)
