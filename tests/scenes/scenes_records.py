"""Scenes of streams inside TLS, of which packets show only the records and TCP's care for them."""

from __future__ import annotations

from scene import BAD, WELL, on_wire
from scene_visit import chatter, reach, upgrade, visit
from scene_wire import EDGE, Connection, Wire


def lost_ping(conn: Connection, begin: float, tries: int) -> None:
    """A small record of the client that is sent again and again and never acknowledged."""
    assert conn.tls
    ping = conn.tls.client_data(40)
    for again in range(tries):
        conn._put(begin + 0.3 * (2.0**again - 1), "PA", up=True, payload=ping)
        conn.sent -= len(ping)


@on_wire("ws-path-dies", "ws", "ws.dropped", statuses=BAD, subject="ws.chatgpt.com")
def path_dies(wire: Wire) -> None:
    """Twice the way goes dead under the open websocket; a new connection works at once."""
    visit(wire, socket=False)
    for index in range(2):
        begin = 50.0 + index * 70
        conn = upgrade(wire, begin)
        lost_ping(conn, chatter(conn, begin + 1, begin + 12, 2) + 1, 7)
        reach(wire, begin + 20, "chatgpt.com", EDGE)
    upgrade(wire, 190)
    reach(wire, 200, "chatgpt.com", EDGE)


@on_wire("ws-ping-resent-once", "healthy", statuses=WELL)
def ping_resent(wire: Wire) -> None:
    """A ping is lost and its repetition arrives; the page opens another socket later."""
    visit(wire, socket=False)
    conn = upgrade(wire, 50)
    last = chatter(conn, 51, 62, 2)
    assert conn.tls
    ping = conn.tls.client_data(40)
    conn._put(last + 1, "PA", up=True, payload=ping)
    conn.sent -= len(ping)
    conn.up(last + 1.3, ping)
    conn.receive(last + 1.4, 40)
    conn.notify(last + 3, up=True)
    conn.fin(last + 3.01)
    visit(wire, 80)
