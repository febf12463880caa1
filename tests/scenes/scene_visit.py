"""Pieces of a session as packets: a page's connections, the user's websocket."""

from __future__ import annotations

from scene_wire import AB_EDGE, EDGE, WS_EDGE, Connection, Wire


def reach(
    wire: Wire,
    time: float,
    name: str,
    address: str,
    *,
    rtt: float = 0.018,
    tls: float | None = None,
    wait: float = 0.09,
    asks: int = 3,
    lookup: bool = True,
    mss: int = 1460,
    server_mss: int = 1400,
    answer: int = 4000,
) -> Connection:
    """Look a name up, connect, shake hands and exchange `asks` requests."""
    if lookup:
        wire.lookup(time, name, address, kind="AAAA" if ":" in address else "A")
    conn = Connection(wire, address, mss=mss, server_mss=server_mss)
    now = conn.secure(conn.open(time + 0.02, rtt), name, tls)
    for _ in range(asks):
        now = conn.ask(now + 0.05, wait=wait, answer=answer)
    return conn


def visit(
    wire: Wire,
    time: float = 0.0,
    *,
    rtt: float = 0.018,
    tls: float | None = None,
    wait: float = 0.09,
    lookup: bool = True,
    mss: int = 1460,
    server_mss: int = 1400,
    socket: bool = True,
) -> None:
    """A whole healthy visit: page, flags, assets, and a websocket closed in order."""
    given = {"rtt": rtt, "tls": tls, "wait": wait, "lookup": lookup}
    sizes = {"mss": mss, "server_mss": server_mss}
    for index, (name, address) in enumerate(
        (
            ("chatgpt.com", EDGE),
            ("ab.chatgpt.com", AB_EDGE),
            ("cdn.oaistatic.com", "104.18.41.158"),
        )
    ):
        conn = reach(wire, time + index * 0.7, name, address, **given, **sizes)  # type: ignore[arg-type]
        conn.notify(time + 40 + index, up=True)
        conn.fin(time + 40.01 + index)
    if socket:
        conn = upgrade(wire, time + 3, rtt=rtt, tls=tls, lookup=lookup, **sizes)
        chatter(conn, time + 4, 30, every=3)
        conn.notify(time + 35, up=True)
        conn.fin(time + 35.01)


def upgrade(
    wire: Wire,
    time: float,
    *,
    address: str = WS_EDGE,
    rtt: float = 0.018,
    tls: float | None = None,
    lookup: bool = True,
    mss: int = 1460,
    server_mss: int = 1400,
    answer: int = 260,
) -> Connection:
    """The websocket's connection up to its 101."""
    if lookup:
        wire.lookup(time, "ws.chatgpt.com", address)
    conn = Connection(wire, address, mss=mss, server_mss=server_mss)
    now = conn.secure(conn.open(time + 0.02, rtt), "ws.chatgpt.com", tls)
    conn.ask(now + 0.01, 780, answer, wait=rtt + 0.03)
    conn.send(now + 0.2, 90)
    conn.receive(now + 0.25, 120)
    return conn


def chatter(conn: Connection, begin: float, end: float, every: float) -> float:
    """Frames of the service now and then; gives the time of the last."""
    now = begin
    last = begin
    while now < end:
        conn.receive(now, 300)
        last = now
        now += every
    return last
