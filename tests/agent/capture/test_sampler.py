"""The sampler on the loopback: what it takes, what it leaves, and how it gives up."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import dns.message
import psutil
import pytest

from agent.capture.kernel_filter import session_filter
from agent.capture.pcapng import Interface, PcapngWriter
from agent.capture.progress import Progress
from agent.capture.sampler import SNAP_LENGTH, bulk_kept, wire_length
from agent.capture.sampling import Sampling
from analysis.read.packets import read_packets

PORT = 45353


SECRET = b"not to be kept"


def talk_on_443() -> int:
    """Data in both directions on port 443; its octets each way."""
    record = b"\x17\x03\x03\x40\x00" + SECRET.ljust(16384, b".")
    with socket.create_server(("127.0.0.1", 443)) as server:
        client_side = socket.create_connection(server.getsockname())
        server_side, _ = server.accept()
        with client_side, server_side:
            for sender, receiver in ((client_side, server_side), (server_side, client_side)) * 20:
                sender.sendall(record)
                left = len(record)
                while left:
                    left -= len(receiver.recv(left))
    return 20 * len(record)


def talk() -> tuple[int, int]:
    """Some traffic worth keeping, and much that is not; (TCP port, octets of bulk)."""
    query = dns.message.make_query("sampler.example", "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(20):
            client.sendto(query, ("127.0.0.1", PORT))
    with socket.create_server(("127.0.0.1", 0)) as server:
        client_side = socket.create_connection(server.getsockname())
        server_side, _ = server.accept()
        with client_side, server_side:
            bulk = b"\x17\x03\x03\x40\x00" + bytes(16384)
            for _ in range(50):
                client_side.sendall(bulk)
                left = len(bulk)
                while left:
                    left -= len(server_side.recv(left))
            # a reset instead of a FIN
            client_side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return server.getsockname()[1], 50 * len(bulk)


@pytest.mark.root
def test_keeps_lookups_and_handshakes_and_no_bulk(tmp_path: Path) -> None:
    path = tmp_path / "packets.pcapng"
    sampling = Sampling(path, Progress())

    async def run() -> tuple[int, int]:
        await sampling.start(["lo"], [], [PORT])
        assert sampling.reason is None
        told = await asyncio.to_thread(talk)
        await sampling.stop()
        return told

    port, octets = asyncio.run(run())
    assert sampling.dropped == 0
    assert not sampling.ended_early
    tables = read_packets(path, dns_ports=frozenset({PORT}))
    mine = tables["dns"][tables["dns"]["qname"] == "sampler.example"]
    assert len(mine) == 20
    connection = tables["tcp"][tables["tcp"]["server_port"] == port]
    assert len(connection) == 1
    assert connection["reset_by"].iloc[0] == "client"
    assert connection["synack_frame"].notna().all()
    assert path.stat().st_size < octets / 10


def own_sampler() -> psutil.Process:
    """The sampler's process."""
    (found,) = (
        child for child in psutil.Process().children() if "agent.capture.sampler" in child.cmdline()
    )
    return found


@pytest.mark.root
@pytest.mark.parametrize(
    ("number", "early"),
    [
        pytest.param(signal.SIGINT, False, id="Ctrl-C is for the session"),
        pytest.param(signal.SIGKILL, True, id="killed"),
    ],
)
def test_a_signal_to_the_sampler(tmp_path: Path, number: signal.Signals, early: bool) -> None:
    path = tmp_path / "packets.pcapng"
    sampling = Sampling(path, Progress())

    async def run() -> None:
        await sampling.start(["lo"], [], [PORT])
        assert sampling.reason is None
        own_sampler().send_signal(number)
        await asyncio.to_thread(talk)
        await sampling.stop()

    asyncio.run(run())
    assert sampling.facts()["ended_early"] is early
    lookups = read_packets(path, dns_ports=frozenset({PORT}))["dns"]["qname"]
    assert (lookups == "sampler.example").sum() == (0 if early else 20)


def through_proxies() -> tuple[int, int, int]:
    """What clients say to an HTTP and to two SOCKS proxies; the ports of these."""
    talks = (
        (
            b"CONNECT chatgpt.com:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n",
            b"HTTP/1.1 403 Filtered\r\nServer: tinyproxy/1.11.1\r\nConnection: close\r\n\r\n"
            + b"x" * 400,
        ),
        (b"\5\1\0", b"\5\0", b"\5\1\0\3\13chatgpt.com\1\xbb", b"\5\2\0\1\0\0\0\0\0\0"),
        (
            b"\5\1\2", b"\5\2", b"\1\4user\6secret", b"\1\0",
            b"\5\1\0\3\13chatgpt.com\1\xbb", b"\5\4\0\1\0\0\0\0\0\0",
        ),
    )  # fmt: skip
    ports = []
    for words in talks:
        with socket.create_server(("127.0.0.1", 0)) as server:
            client_side = socket.create_connection(server.getsockname())
            server_side, _ = server.accept()
            with client_side, server_side:
                for number, word in enumerate(words):
                    sender, receiver = (server_side, client_side)[:: 1 if number % 2 else -1]
                    sender.sendall(word)
                    left = len(word)
                    while left:
                        left -= len(receiver.recv(left))
            ports.append(server.getsockname()[1])
    return ports[0], ports[1], ports[2]


@pytest.mark.root
def test_keeps_what_a_proxy_answers_and_no_login(tmp_path: Path) -> None:
    path = tmp_path / "packets.pcapng"
    sampling = Sampling(path, Progress())

    async def run() -> tuple[int, int, int]:
        await sampling.start(["lo"], [], [PORT])
        assert sampling.reason is None
        told = await asyncio.to_thread(through_proxies)
        await sampling.stop()
        return told

    http, plain, login = asyncio.run(run())
    tables = read_packets(path)
    tcp = {row["server_port"]: row for row in tables["tcp"].to_dict("records")}
    assert tcp[http]["connect_status"] == 403
    (head,) = tables["cleartext"][tables["cleartext"]["server_port"] == http].to_dict("records")
    assert head["server"] == "tinyproxy/1.11.1"
    for port, code in ((plain, 2), (login, 4)):
        assert (tcp[port]["connect_host"], tcp[port]["socks_reply"]) == ("chatgpt.com:443", code)
    assert b"secret" not in path.read_bytes()
    assert b"c2VjcmV0" not in path.read_bytes()


@pytest.mark.root
def test_keeps_the_headers_of_every_segment_to_a_network_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "packets.pcapng"
    sampling = Sampling(path, Progress())

    async def run() -> int:
        await sampling.start(["lo"], [], [PORT], whole=["127.0.0.0/8"])
        assert sampling.reason is None
        told = await asyncio.to_thread(talk_on_443)
        await sampling.stop()
        return told

    octets = asyncio.run(run())
    tcp = read_packets(path)["tcp"]
    connection = tcp[tcp["server_port"] == 443].iloc[0]
    assert connection["client_payload"] == connection["client_sent"] == octets
    assert connection["server_payload"] == connection["server_sent"] == octets
    assert connection["client_records"] == connection["server_records"] == 20
    assert connection["client_unacked"] == 0
    assert SECRET not in path.read_bytes()
    assert sampling.facts()["whole"] == ["127.0.0.0/8"]


def _segment(payload: bytes, *, flags: int = 0x18, ports: tuple[int, int] = (443, 40000)) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", *ports, 1, 1, 0x50, flags, 9000, 0, 0) + payload
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
    )
    return bytes(12) + b"\x08\x00" + ip + tcp


@pytest.mark.parametrize(
    ("frame", "kept"),
    [
        pytest.param(_segment(b"\x17\x03\x03" + bytes(900)), 59, id="a data record"),
        pytest.param(_segment(bytes(1400)), 59, id="the middle of one"),
        pytest.param(_segment(b"\x16\x03\x01" + bytes(900)), None, id="a handshake"),
        pytest.param(_segment(b"\x15\x03\x03\0\2\2\x28"), None, id="an alert"),
        pytest.param(_segment(b""), None, id="an acknowledgement"),
        pytest.param(_segment(b"", flags=2), None, id="a SYN"),
        pytest.param(_segment(b"\1" * 400, ports=(40000, 443)), None, id="the rest of a hello"),
        pytest.param(_segment(b"\1" * 1400, ports=(40000, 443)), 59, id="an upload"),
        pytest.param(_segment(bytes(900), ports=(80, 40000)), None, id="another port"),
        pytest.param(_segment(b"\5\0"), None, id="a proxy's short word"),
        pytest.param(_segment(b"HTTP/1.1 403 " + bytes(900)), None, id="a proxy's answer"),
        pytest.param(_segment(b"\x17" * 90)[:40], None, id="cut in its header"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_what_is_kept_of_a_segment(frame: bytes, kept: int | None) -> None:
    assert bulk_kept(frame, 1) == kept
    assert bulk_kept(frame[14:], 101) == (None if kept is None else kept - 14)


def test_without_an_interface_it_says_why_and_leaves_an_empty_capture(tmp_path: Path) -> None:
    path = tmp_path / "packets.pcapng"
    sampling = Sampling(path, Progress())
    asyncio.run(sampling.start([], [], [53]))
    assert sampling.reason == "no network interface with a default route was found"
    assert sampling.facts()["sampled"] is False
    assert len(read_packets(path)["tcp"]) == 0


def test_an_interface_that_is_not_there(tmp_path: Path) -> None:
    sampling = Sampling(tmp_path / "packets.pcapng", Progress())

    async def run() -> None:
        await sampling.start(["nosuchinterface0"], [], [53])
        await sampling.stop()

    asyncio.run(run())
    assert sampling.reason


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pcapng_opens_in_wireshark(tmp_path: Path, tshark: str, count: int) -> None:
    path = tmp_path / "written.pcapng"
    writer = PcapngWriter(path, [Interface("lo", 1, "port 53")], SNAP_LENGTH)
    query = dns.message.make_query("written.example", "A", id=7).to_wire()
    udp = struct.pack("!HHHH", 4242, 53, 8 + len(query), 0) + query
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
    )
    frame = bytes(12) + b"\x08\x00" + ip + udp
    writer.write([(0, 1_700_000_000_123_456_789 + i, frame, len(frame)) for i in range(count)])
    writer.statistics(0, 1_700_000_001_000_000_000, count, 2)
    writer.close()
    fields = ["frame.time_epoch", "dns.qry.name", "frame.interface_name"]
    command = [tshark, "-nr", str(path), "-T", "fields", *(x for f in fields for x in ("-e", f))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(rows) == count
    if rows:
        assert rows[0] == ["1700000000.123456789", "written.example", "lo"]


@pytest.mark.parametrize("length", [SNAP_LENGTH, 9000, 60000])
def test_wire_length_of_a_cut_packet(length: int) -> None:
    ip = struct.pack("!BBH", 0x45, 0, length - 14) + bytes(SNAP_LENGTH)
    frame = bytes(12) + b"\x08\x00" + ip
    assert wire_length(frame[:SNAP_LENGTH], 1) == length


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump to compile filters")
def test_the_filter_compiles() -> None:
    done = subprocess.run(
        ["tcpdump", "-ddd", "-y", "EN10MB", session_filter([53, 5353])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) < 4096  # BPF_MAXINSNS


TUN = """
import fcntl, socket, struct, subprocess, sys
from pathlib import Path
import dns.message
from agent.capture.pcapng import PcapngWriter
from agent.capture.sampler import SNAP_LENGTH, Sampler, open_taps

with open("/dev/net/tun", "r+b", buffering=0) as tun:
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun9", 0x1001))  # TUNSETIFF, no header
    for words in ("address add 10.9.0.1/24 dev tun9", "link set tun9 up"):
        subprocess.run(["ip", *words.split()], check=True)
    taps = open_taps(["tun9"], [53], [])
    writer = PcapngWriter(Path(sys.argv[1]), [tap.interface for tap in taps], SNAP_LENGTH)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(dns.message.make_query("tunnel.example", "A").to_wire(), ("10.9.0.2", 53))
    Sampler(taps, writer).drain(0)
    writer.close()
"""


@pytest.mark.root
@pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="needs /dev/net/tun")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare (util-linux)")
def test_packets_of_a_tunnel_device_begin_with_their_ip_header(tmp_path: Path) -> None:
    out = tmp_path / "packets.pcapng"
    subprocess.run(["unshare", "--net", sys.executable, "-c", TUN, out], check=True)
    rows = read_packets(out)["dns"]
    assert list(rows["qname"]) == ["tunnel.example"]
