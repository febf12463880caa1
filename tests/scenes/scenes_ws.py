"""Scenes of the user's websocket refused, cut or silent, and of its ordinary ends."""

from __future__ import annotations

from scene import BAD, UNCLEAR, WELL, in_flows, on_wire
from scene_flows import Flows, connect, done, item, subscribe
from scene_visit import chatter, reach, upgrade, visit
from scene_wire import EDGE, WS_EDGE, Connection, Wire
from scenes_scripts import SQUID

REFUSED = ("ws.connect_failed", "ws.upgrade_stripped", "proxy.denied")


def _refused(name: str, status: int, *, edge: bool, body: bytes, **headers: str) -> None:
    def draw(flows: Flows) -> None:
        flows.boot()
        for index in range(3):
            flows.socket(
                2.0 + index * 4, status=status, edge=edge, body=body,
                headers={key.replace("_", "-"): value for key, value in headers.items()},
            )  # fmt: skip
        flows.turn(20)

    in_flows(name, "ws", *REFUSED, statuses=BAD, subject="ws.chatgpt.com")(draw)


_refused("ws-403-squid", 403, edge=False, body=SQUID, x_squid_error="ERR_ACCESS_DENIED 0",
         server="squid/6.6", via="1.1 proxy1 (squid/6.6)")  # fmt: skip
_refused("ws-404", 404, edge=False, body=b"<html><title>404 Not Found</title></html>")
_refused("ws-426", 426, edge=False, body=b"Upgrade Required", upgrade="h2c")
_refused("ws-502", 502, edge=False, body=b"<html><title>502 Bad Gateway</title></html>",
         server="nginx")  # fmt: skip
_refused("ws-200-html", 200, edge=False, body=b"<html><title>Access policy</title></html>")


@in_flows("ws-hang", "ws", *REFUSED, statuses=BAD)
def hang(flows: Flows) -> None:
    """The upgrade never gets an answer; the browser gives up after 30 s."""
    flows.boot()
    for index in range(2):
        made = flows.socket(2 + index * 40, status=None, error="Client disconnected.")
        assert made.error
        made.error.timestamp = made.request.timestamp_start + 30
    flows.turn(20)


@in_flows("ws-rst-instead", "ws", *REFUSED, statuses=BAD)
def rst_instead(flows: Flows) -> None:
    flows.boot()
    for index in range(3):
        flows.socket(2 + index * 5, status=None, error="Connection reset by peer")
    flows.turn(20)


@in_flows("ws-cannot-connect", "ws", *REFUSED, "tcp.refused", statuses=BAD)
def cannot_connect(flows: Flows) -> None:
    flows.boot()
    for index in range(3):
        flows.socket(
            2 + index * 5, status=None, connected=False,
            error="[Errno 111] Connect call failed ('104.18.39.21', 443)",
        )  # fmt: skip
    flows.turn(20)


def answer(begin: float, items: range) -> list[tuple[float, bool, object]]:
    """A handed-off turn under way: subscribed, then an item each 0.2 s."""
    messages = [*connect(begin), subscribe(begin + 1)]
    for index, number in enumerate(items):
        messages.append(item(begin + 1.5 + index * 0.2, number))
    return messages


@in_flows("ws-cut-in-answer", "ws", "ws.dropped", statuses=BAD, subject="ws.chatgpt.com")
def cut_in_answer(flows: Flows) -> None:
    """1006 by the server side in the middle of a turn, and again after the reconnect."""
    flows.boot()
    flows.turn(3, handoff=True)
    flows.socket(2, messages=answer(3, range(1, 12)), end=8.0, code=1006, by_client=False)
    again = [*connect(9), subscribe(9.2, 4), item(9.5, 12), item(9.7, 13)]
    flows.socket(8.5, messages=again, end=11.5, code=1006, by_client=False)


@in_flows("ws-cut-once-in-answer", "ws", "ws.dropped", statuses=BAD)
def cut_once(flows: Flows) -> None:
    flows.boot()
    flows.turn(3, handoff=True)
    flows.socket(2, messages=answer(3, range(1, 9)), end=6.4, code=1006, by_client=False)
    flows.add(20, "https://chatgpt.com/backend-api/conversations")


@on_wire("ws-rst-after-traffic", "ws", "ws.dropped", statuses=BAD, subject="ws.chatgpt.com")
def rst_after_traffic(wire: Wire) -> None:
    """As packets: a reset from the service's side among the answer's records."""
    visit(wire, socket=False)
    for index in range(2):
        conn = upgrade(wire, 3 + index * 15)
        last = chatter(conn, 4 + index * 15, 14 + index * 15, 0.2)
        conn.rst(last + 0.1)
    reach(wire, 60, "chatgpt.com", EDGE)


@on_wire("ws-fin-without-notify", "ws", "ws.dropped", statuses=BAD, link="cooked", suffix=".pcapng")
def fin_without_notify(wire: Wire) -> None:
    """A box closes the TCP connection; TLS never said goodbye."""
    visit(wire, socket=False)
    for index in range(2):
        conn = upgrade(wire, 3 + index * 15)
        last = chatter(conn, 4 + index * 15, 14 + index * 15, 0.2)
        conn.fin(last + 0.1, up=False)
    reach(wire, 60, "chatgpt.com", EDGE)


def _idle(seconds: float) -> None:
    def draw_flows(flows: Flows) -> None:
        flows.boot()
        now = 2.0
        for _ in range(3):
            messages = [*connect(now), item(now + 4, 1, topic="conversations")]
            end = now + 4 + seconds
            flows.socket(now, messages=messages, end=end, code=1006, by_client=False)
            now = end + 2
        flows.add(now + 5, "https://chatgpt.com/backend-api/conversations")

    def draw_wire(wire: Wire) -> None:
        visit(wire, socket=False)
        now = 3.0
        for _ in range(3):
            conn = upgrade(wire, now, lookup=now < 4)
            conn.receive(now + 5, 300)
            conn.rst(now + 5 + seconds)
            now += 8 + seconds
        reach(wire, now + 20, "chatgpt.com", EDGE)

    name = f"ws-idle-{seconds:.0f}"
    in_flows(f"{name}-flows", "ws", "ws.idle_timeout", statuses=BAD)(draw_flows)
    on_wire(
        f"{name}-packets", "ws", "ws.idle_timeout", "tcp.reset_after_idle", statuses=BAD
    )(draw_wire)  # fmt: skip


for _seconds in (60, 100, 120, 350):
    _idle(_seconds)


def forged_after(wire: Wire, *ages: float) -> None:
    """Sockets reset by something nearer than the edge, each after its own time of silence."""
    visit(wire, socket=False)
    now = 3.0
    for age in ages:
        conn = upgrade(wire, now, lookup=now < 4)
        conn.receive(now + 5, 300)
        conn.ttl = 251
        conn.rst(now + 5 + age)
        now += 8 + age
    reach(wire, now + 20, "chatgpt.com", EDGE)


@on_wire("ws-idle-timer-of-a-middlebox", "ws", "ws.idle_timeout", statuses=BAD,
         never=("tcp.reset_injected",))  # fmt: skip
def idle_forged(wire: Wire) -> None:
    forged_after(wire, 60, 60.4, 61, 60.1)


@on_wire("ws-forged-resets-at-any-age", "ws", "tcp.reset_injected", statuses=BAD,
         never=("ws.idle_timeout",))  # fmt: skip
def any_age_forged(wire: Wire) -> None:
    forged_after(wire, 22, 47, 71, 34)


@in_flows("ws-items-missing", "ws", "ws.frames_lost", statuses=BAD)
def items_missing(flows: Flows) -> None:
    """Numbered items with gaps, and the turn's end never came."""
    flows.boot()
    flows.turn(3, handoff=True)
    messages = [*connect(3), subscribe(4)]
    numbers = [*range(1, 6), *range(9, 14), *range(17, 20)]
    for index, number in enumerate(numbers):
        messages.append(item(4.5 + index * 0.2, number))
    flows.socket(2, messages=messages, end=60, code=1000, by_client=True)


@in_flows("ws-turn-silent", "ws", "ws.stalled", "ws.frames_lost", statuses=BAD)
def turn_silent(flows: Flows) -> None:
    """Handed off and subscribed, and then nothing at all for four minutes."""
    flows.boot()
    flows.turn(3, handoff=True)
    flows.socket(2, messages=[*connect(3), subscribe(4)], end=250, code=1001, by_client=True)
    flows.add(251, "https://chatgpt.com/backend-api/conversations")


def _closed(code: int) -> None:
    def draw(flows: Flows) -> None:
        flows.boot()
        flows.turn(3, handoff=True)
        for index in range(2):
            begin = 2 + index * 20.0
            messages = answer(begin + 1, range(1 + index * 9, 10 + index * 9))
            flows.socket(begin, messages=messages, end=begin + 6, code=code, by_client=False)
        flows.add(60, "https://chatgpt.com/backend-api/conversations")

    in_flows(f"ws-closed-{code}", "ws", "ws.closed_by_server", statuses=BAD | {"down"})(draw)


for _code in (1008, 1011, 4003):
    _closed(_code)


@on_wire("ws-blackholed", "ws", "ws.connect_failed", "tcp.unreachable", "tls.sni_blocked",
         "ws.dropped", statuses=BAD)  # fmt: skip
def blackholed(wire: Wire) -> None:
    """The site works; the ClientHello for ws.chatgpt.com is answered by a reset each time."""
    visit(wire, socket=False)
    for index in range(3):
        wire.lookup(3.0 + index, "ws.chatgpt.com", WS_EDGE)
        conn = Connection(wire, WS_EDGE)
        conn.hello_only(conn.open(3.1 + index), "ws.chatgpt.com")
        conn.rst(3.15 + index)


@on_wire("ws-upgrade-swallowed-packets", "ws", *REFUSED, "ws.stalled", "ws.dropped", statuses=BAD)
def swallowed(wire: Wire) -> None:
    """TLS works, the upgrade is sent and nothing ever comes back; the page tries again."""
    visit(wire, socket=False)
    for index in range(2):
        begin = 3 + index * 40.0
        wire.lookup(begin, "ws.chatgpt.com", WS_EDGE)
        conn = Connection(wire, WS_EDGE)
        now = conn.secure(conn.open(begin + 0.02), "ws.chatgpt.com")
        conn.send(now + 0.01, 780)
        conn.fin(now + 30)
    reach(wire, 90, "chatgpt.com", EDGE)


@on_wire("ws-refused-packets", "ws", "ws.connect_failed", "tcp.refused", statuses=BAD)
def refused(wire: Wire) -> None:
    """A firewall refuses the websocket's addresses, by a reset to the SYN."""
    visit(wire, socket=False)
    for index in range(4):
        wire.lookup(3.0 + index * 2, "ws.chatgpt.com", WS_EDGE)
        Connection(wire, WS_EDGE).refused(3.05 + index * 2)


@in_flows("ws-cut-by-proxy-1006-idle-none", "ws", "ws.dropped", statuses=BAD)
def cut_without_code(flows: Flows) -> None:
    """mitmproxy saw no close code at all, twice, with an answer due."""
    flows.boot()
    flows.turn(3, handoff=True)
    for index in range(2):
        begin = 2 + index * 20.0
        messages = answer(begin + 1, range(1 + index * 9, 10 + index * 9))
        flows.socket(begin, messages=messages, end=begin + 5, code=None, by_client=False)
    flows.add(60, "https://chatgpt.com/backend-api/conversations")


# --- ordinary ends


def _ended(name: str, code: int | None, by_client: bool | None, end: float | None) -> None:
    def draw(flows: Flows) -> None:
        flows.boot()
        flows.turn(3, handoff=True)
        flows.socket(
            2, messages=[*answer(3, range(1, 15)), done(9, 15)], end=end, code=code,
            by_client=by_client,
        )  # fmt: skip
        flows.turn(12)

    in_flows(name, "healthy", statuses=WELL)(draw)


_ended("ws-closed-1000", 1000, True, 60)
_ended("ws-closed-1001", 1001, True, 60)
_ended("ws-drained-1001", 1001, False, 60)
_ended("ws-open-at-end", None, None, None)
_ended("ws-tab-closed", 1006, True, 30)


@on_wire("ws-cut-by-capture-end", "healthy", statuses=WELL)
def cut_by_end(wire: Wire) -> None:
    """The capture ends in the middle of the answer."""
    visit(wire, socket=False)
    conn = upgrade(wire, 3)
    chatter(conn, 4, 30, 0.2)


@on_wire("ws-client-closes", "healthy", statuses=WELL)
def client_closes(wire: Wire) -> None:
    """The tab is closed: close frame, close_notify, FIN, and a reset for what still came."""
    visit(wire, socket=False)
    conn = upgrade(wire, 3)
    chatter(conn, 4, 20, 0.5)
    conn.send(20, 30)
    conn.receive(20.03, 30)
    conn.notify(20.04, up=True)
    conn.fin(20.041, up=True)
    conn.rst(20.08, up=True, ack=False)


@on_wire("ws-drained-packets", "healthy", statuses=WELL)
def drained(wire: Wire) -> None:
    """The service restarts: its close frame, the client's, close_notify, its FIN."""
    visit(wire, socket=False)
    for index in range(2):
        begin = 3 + index * 40.0
        conn = upgrade(wire, begin)
        last = chatter(conn, begin + 1, begin + 30, 2)
        conn.receive(last + 3, 30)
        conn.send(last + 3.02, 34)
        conn.notify(last + 3.04, up=False)
        conn.fin(last + 3.041, up=False)


@on_wire("ws-sampled", "healthy", statuses=WELL)
def sampled(wire: Wire) -> None:
    """Only handshakes and ends were captured: the FINs say nothing of what went before."""
    visit(wire, socket=False)
    for index in range(2):
        begin = 3 + index * 40.0
        conn = upgrade(wire, begin)
        conn.fin(chatter(conn, begin + 1, begin + 5 + 20 * index, 2) + 3, up=False)
        wire.packets = [
            (time, packet)
            for time, packet in wire.packets
            if time < begin + 0.2 or len(packet) < 80
        ]


@on_wire("ws-quiet-packets", "healthy", statuses=WELL)
def quiet_packets(wire: Wire) -> None:
    """An open websocket on which only the client's presence goes out, without an echo."""
    visit(wire, socket=False)
    conn = upgrade(wire, 3)
    for moment in (20, 50, 80):
        conn.send(moment, 60)
    conn.notify(120, up=True)
    conn.fin(120.01)


@in_flows("ws-thinking", "healthy", statuses=WELL)
def thinking(flows: Flows) -> None:
    """A thinking model is silent for a minute, then answers to the end."""
    flows.boot()
    flows.turn(3, handoff=True)
    messages = [*connect(3), subscribe(4), item(4.5, 1), item(5, 2)]
    messages += [item(66 + index * 0.2, 3 + index) for index in range(20)]
    messages.append(done(71, 23))
    flows.socket(2, messages=messages, end=100, code=1000, by_client=True)
    flows.turn(80)


@in_flows("ws-still-thinking", "healthy", statuses=WELL)
def still_thinking(flows: Flows) -> None:
    """The capture stops 40 s into the silence of a thinking model."""
    flows.boot()
    flows.turn(3, handoff=True)
    flows.socket(2, messages=[*connect(3), subscribe(4), item(4.5, 1), item(5, 2)])
    flows.add(45, "https://chatgpt.com/backend-api/sentinel/ping", method="POST")


@in_flows("ws-quiet-day", "healthy", statuses=WELL)
def quiet(flows: Flows) -> None:
    """No handed-off turn at all: the socket stays silent, as it should, and closes in order."""
    flows.boot()
    flows.turn(3)
    flows.socket(2, messages=connect(2.5), end=900, code=1000, by_client=True)


@in_flows("ws-repeats", "healthy", statuses=WELL)
def repeats(flows: Flows) -> None:
    """After a clean reconnect the service repeats items that the client has already."""
    flows.boot()
    flows.turn(3, handoff=True)
    flows.socket(2, messages=answer(3, range(1, 8)), end=6.5, code=1001, by_client=False)
    messages = [*connect(7), subscribe(7.2, 4)]
    messages += [item(7.5 + index * 0.2, 4 + index) for index in range(10)]
    messages.append(done(10, 14))
    flows.socket(6.8, messages=messages, end=60, code=1000, by_client=True)


@in_flows("ws-one-502-healed", "healthy", statuses=UNCLEAR)
def healed(flows: Flows) -> None:
    """One 502 of the edge, then the socket opens and carries the turn."""
    flows.boot()
    flows.socket(2, status=502, body=b"<html><title>502 Bad Gateway</title></html>")
    flows.turn(4, handoff=True)
    flows.socket(
        3, messages=[*answer(4, range(1, 10)), done(9, 10)], end=60, code=1000, by_client=True
    )
