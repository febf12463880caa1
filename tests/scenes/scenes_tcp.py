"""Scenes of TCP's health: loss, size limits, shut windows, timers, forged resets, no network."""

from __future__ import annotations

from scapy.layers.inet import IP, TCP
from scapy.packet import Raw
from scene import BAD, WELL, on_wire
from scene_network_parts import hello_of, receive_with_loss, resend, tampered
from scene_visit import reach, visit
from scene_wire import AB_EDGE, EDGE, Connection, Wire


def answers(wire: Wire, begin: float, count: int, *, lost_each: int) -> None:
    """A connection whose answers lose one segment in `lost_each`; 0 loses none."""
    conn = reach(wire, begin, "chatgpt.com", EDGE)
    for index in range(count):
        now = begin + 1 + index * 0.2
        if lost_each and index % lost_each == 0:
            receive_with_loss(conn, now)
        else:
            conn.receive(now, 4000)
    conn.fin(begin + 2 + count * 0.2)


@on_wire("loss-downwards", "network", "tcp.loss", statuses=BAD)
def loss(wire: Wire) -> None:
    for index in range(3):
        answers(wire, index * 12.0, 40, lost_each=3)


@on_wire("loss-severe", "network", "tcp.loss", statuses=BAD, link="cooked")
def loss_severe(wire: Wire) -> None:
    for index in range(3):
        answers(wire, index * 12.0, 40, lost_each=1)


@on_wire("loss-one-in-hundred", "healthy", statuses=WELL)
def loss_little(wire: Wire) -> None:
    for index in range(3):
        answers(wire, index * 12.0, 40, lost_each=30)


@on_wire("large-requests-vanish", "network", "tcp.mtu_blackhole", subject="chatgpt.com")
def mtu(wire: Wire) -> None:
    """Handshakes pass, the full-size segments of a request never arrive."""
    for index in range(3):
        conn = reach(wire, index * 40.0, "chatgpt.com", EDGE, asks=0)
        assert conn.tls
        request = conn.tls.client_data(2600)
        for again in range(5):
            now = index * 40.0 + 1 + 2.0**again - 1
            conn._put(now, "PA", up=True, payload=request[:1380])
            conn.sent -= 1380
    reach(wire, 100, "www.example.org", "93.184.215.14")


@on_wire("large-requests-resent-once", "healthy", statuses=WELL)
def mtu_not(wire: Wire) -> None:
    """A full-size segment is lost once, and the resent one arrives."""
    visit(wire)
    for index in range(3):
        conn = reach(wire, 5 + index * 5.0, "chatgpt.com", EDGE)
        now = 6 + index * 5.0
        conn.send(now, 2600)
        resend(conn, now + 0.01, up=True)
        conn.receive(now + 0.4, 900)
        conn.fin(now + 2)


def shut(wire: Wire, begin: float, seconds: float) -> None:
    """The client shuts its window for some time, in the middle of an answer."""
    conn = reach(wire, begin, "chatgpt.com", EDGE)
    conn.receive(begin + 1, 9000)
    ports = conn.ports
    for moment, window in ((1.001, 0), (1.001 + seconds / 2, 0), (1.001 + seconds, 64240)):
        segment = TCP(
            sport=ports[0], dport=ports[1], flags="A", seq=conn.sent, ack=conn.received,
            window=window,
        )  # fmt: skip
        wire.put(begin + moment, conn.me, conn.server, segment)
    conn.receive(begin + 1.2 + seconds, 9000)
    conn.fin(begin + 2 + seconds)


@on_wire("client-window-shut", "network", "tcp.zero_window", statuses=BAD)
def zero_window(wire: Wire) -> None:
    shut(wire, 0, 6)
    shut(wire, 10, 9)


@on_wire("client-window-shut-for-a-moment", "healthy", statuses=WELL)
def zero_window_short(wire: Wire) -> None:
    shut(wire, 0, 0.3)
    visit(wire, 4)


@on_wire("idle-timer-resets", "network", "tcp.reset_after_idle", statuses=BAD)
def timer(wire: Wire) -> None:
    for index in range(4):
        conn = reach(wire, index * 400.0, "chatgpt.com", EDGE)
        conn.receive(index * 400.0 + 1, 300)
        conn.rst(index * 400.0 + 351 + index)


@on_wire("idle-ends-in-order", "healthy", statuses=WELL)
def timer_not(wire: Wire) -> None:
    """The edge closes idle connections after 400 s with a FIN, as it should."""
    for index in range(4):
        conn = reach(wire, index * 500.0, "chatgpt.com", EDGE)
        conn.receive(index * 500.0 + 1, 300)
        conn.notify(index * 500.0 + 401, up=False)
        conn.fin(index * 500.0 + 401.001, up=False)


@on_wire("resets-of-both-kinds", "network", "tls.sni_blocked", "tcp.reset_injected",
         also=("tcp.reset_injected",))  # fmt: skip
def both_kinds(wire: Wire) -> None:
    """R, RA and RA with stepping numbers right after each ClientHello."""
    for index in range(3):
        tampered(wire, index * 3.0, "chatgpt.com", EDGE, ("R", "RA", "RA"))
    reach(wire, 12, "www.example.org", "93.184.215.14")


@on_wire("server-speaks-after-the-reset", "network", "tls.sni_blocked", "tcp.reset_injected",
         also=("tcp.reset_injected",))  # fmt: skip
def loses_race(wire: Wire) -> None:
    """The forged reset wins, and the server's own ServerHello arrives behind it."""
    for index in range(2):
        conn, hello = hello_of(wire, index * 3.0, "chatgpt.com", EDGE)
        now = index * 3.0 + 0.13
        received = conn.received
        conn.ttl = 60
        conn.rst(now)
        conn.ttl, conn.received = 57, received
        conn._put(now + 0.012, "PA", up=False, payload=hello)
    reach(wire, 12, "www.example.org", "93.184.215.14")


@on_wire("bare-reset-to-the-syn", "network", "tcp.reset_injected")
def bare(wire: Wire) -> None:
    """No TCP answers a SYN by a reset without ACK."""
    for index in range(3):
        wire.lookup(index * 2.0, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        conn._put(index * 2.0 + 0.1, "S", up=True, mss=1460)
        conn._put(index * 2.0 + 0.12, "R", up=False)
    reach(wire, 8, "www.example.org", "93.184.215.14")


@on_wire("large-hello-dropped", "network", "tls.pq_hello_dropped", subject="chatgpt.com")
def large_hello(wire: Wire) -> None:
    """The post-quantum hello is reset each time; a client with a small one works."""
    for index in range(3):
        tampered(wire, index * 3.0, "chatgpt.com", EDGE, ("RA",), large=True)
    for index in range(2):
        tampered(wire, 12 + index * 3.0, "chatgpt.com", AB_EDGE, (), large=False)


@on_wire("machine-offline-for-20-s", "network", "net.offline_gap", statuses=BAD)
def offline(wire: Wire) -> None:
    """Four connections stop at once, resend in vain for 20 s, and go on together."""
    open_ones = [reach(wire, index * 0.3, "chatgpt.com", EDGE) for index in range(4)]
    for conn in open_ones:
        for second in range(2, 10):
            conn.ask(float(second), 400, 900)
        conn.send(10.0, 400)
        for moment in (12.5, 15.5, 21.0, 30.5):
            resend(conn, moment, up=True)
        for second in range(31, 36):
            conn.ask(float(second), 400, 900)
    gone = [
        (time, packet)
        for time, packet in wire.packets
        if not 10.0 <= time < 30.5 or packet.src == wire.client
    ]
    wire.packets = gone


@on_wire("user-pauses-for-a-minute", "healthy", statuses=WELL)
def pause(wire: Wire) -> None:
    open_ones = [reach(wire, index * 0.3, "chatgpt.com", EDGE) for index in range(4)]
    for conn in open_ones:
        conn.ask(5.0)
        conn.ask(65.0)
        conn.fin(70)


@on_wire("own-reset-with-data-unread", "healthy", statuses=WELL)
def own_reset(wire: Wire) -> None:
    """A tab is closed in the middle of a download: this machine resets it itself."""
    visit(wire)
    for index in range(3):
        conn = reach(wire, 3 + index, "chatgpt.com", EDGE)
        conn.rst(4.5 + index, up=True)
        late = TCP(sport=443, dport=conn.ports[0], flags="PA", seq=conn.received, ack=conn.sent)
        packet = IP(src=EDGE, dst=conn.me, ttl=57) / late / Raw(bytes(900))
        wire.packets.append((4.52 + index, packet))


def answer_with_silence(wire: Wire, silence: float, *, resent: int = 0, asks: bool = False) -> None:
    """A page, then an answer token by token that stands still once and goes on."""
    visit(wire)
    conn = reach(wire, 50, "chatgpt.com", EDGE, lookup=False)
    conn.send(51, 2200)
    now = 51.4
    for index in range(90):
        if index == 45:
            for number in range(resent):
                at = now + (number + 1) * silence / (resent + 1)
                conn.repeat_last(at)
            if asks:
                conn.send(now + silence - 0.3, 2200)
            now += silence
        conn.receive(now, 60 + index % 7)
        now += 0.045 + 0.02 * (index % 3)
    conn.receive(now, 300)
    conn.notify(now + 20, up=True)
    conn.fin(now + 20.01)


@on_wire("answer-stands-still-on-the-path", "stream", "sse.stalled", statuses=BAD)
def stands_still(wire: Wire) -> None:
    """The server sends the same segment again and again before anything new comes."""
    answer_with_silence(wire, 9, resent=4)


@on_wire("answer-of-a-model-that-thinks", "healthy", statuses=WELL)
def thinks(wire: Wire) -> None:
    answer_with_silence(wire, 40)


@on_wire("answer-with-one-lost-segment", "healthy", statuses=WELL)
def thinks_and_loses(wire: Wire) -> None:
    """One segment was sent twice while the model thought."""
    answer_with_silence(wire, 25, resent=1)


@on_wire("answers-with-a-pause-between", "healthy", statuses=WELL)
def reads_between(wire: Wire) -> None:
    """The person reads, then asks again; the idle connection had old segments repeated."""
    answer_with_silence(wire, 60, resent=4, asks=True)
