"""Sessions of the fourth round: files, frames and caches, each beside what only looks like it."""

from __future__ import annotations

import json

from scene import BAD, WELL
from session import STORE, Session
from session_parts import answer_frames
from session_scene import as_record

STORAGE = "https://sdmntprsouthcentralus.oaiusercontent.com/files/"
ESTUARY = "https://chatgpt.com/backend-api/estuary/content?p=fs&cid=1&v=0"
CODEX = "wss://chatgpt.com/backend-api/codex/responses"
EXPIRED = (
    b'<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code><Message>'
    b"Server failed to authenticate the request.</Message><AuthenticationErrorDetail>Signature not "
    b"valid in the specified time frame</AuthenticationErrorDetail></Error>"
)
AZURE = {"server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0", "x-ms-version": "2025-07-05"}


def _stored(session: Session, at: float, number: int, end: str, *, fresh: bool) -> None:
    """A stored file by its signed link, whose end `end` names."""
    name = f"00000000-0000-4000-8000-{number:012d}"
    session.ask(
        at,
        f"{STORAGE}{name}/raw?se={end}&sp=r&sv=2025-07-05&sr=b&sig=c2lnbmF0dXJl{number}",
        status=200 if fresh else 403,
        body=b"\x89PNG" * 900 if fresh else EXPIRED,
        mime="image/png" if fresh else "application/xml",
        headers=AZURE | ({} if fresh else {"x-ms-error-code": "AuthenticationFailed"}),
        resource="image",
        peer=STORE,
        edge=False,
    )


OLD = ("2026-10-04T08%3A11%3A02Z", "2026-10-04T08%3A12%3A40Z")
NEW = ("2026-10-06T09%3A00%3A00Z", "2026-10-06T09%3A00%3A01Z")


@as_record("fourth-links-expired", "flows", "file", "file.link_expired", statuses=BAD)
def links_expired(session: Session) -> None:
    """Two links that somebody kept are over; a fresh link of one file works."""
    session.arrive()
    _stored(session, 20.0, 1, OLD[0], fresh=False)
    _stored(session, 31.0, 2, OLD[1], fresh=False)
    _stored(session, 44.0, 3, NEW[0], fresh=True)


@as_record("fourth-links-renewed", "flows", "healthy", statuses=WELL)
def links_renewed(session: Session) -> None:
    """The page renews by itself the links of an old conversation's images."""
    session.arrive()
    for number in (0, 1):
        _stored(session, 20.0 + number, number, OLD[number], fresh=False)
        _stored(session, 20.3 + number, number, OLD[number], fresh=False)
    for number in (0, 1):
        _stored(session, 22.0 + number, 7 + number, NEW[number], fresh=True)
    session.turn(30.0)


def _download(session: Session, at: float, name: str, length: int, came: int, **more: int) -> None:
    short = came < length
    session.ask(
        at,
        f"{ESTUARY}&id=file_{name}&sig=00ff{name}",
        status=more.get("status", 200),
        body=b"z" * came,
        mime="application/zip",
        headers={"content-length": str(length)},
        length=length,
        receive=4.0,
        resource="document",
        error="incomplete" if short else None,
    )


@as_record("fourth-download-cut", "flows", "file", "file.download_cut", statuses=BAD)
def download_cut(session: Session) -> None:
    """A large archive ends early twice; a small table comes whole."""
    session.arrive()
    _download(session, 20.0, "a1", 400_000, 170_000)
    _download(session, 40.0, "a2", 400_000, 168_000)
    _download(session, 60.0, "b1", 2_300, 2_300)


@as_record("fourth-download-resumed", "flows", "healthy", statuses=WELL)
def download_resumed(session: Session) -> None:
    """The browser asks for the rest of a file whose download broke, and another comes again."""
    session.arrive()
    _download(session, 20.0, "a1", 400_000, 170_000)
    _download(session, 25.0, "a1", 230_000, 230_000, status=206)
    _download(session, 40.0, "b1", 120_000, 11_000)
    _download(session, 46.0, "b2", 120_000, 120_000)


def _turns(at: float, holes: tuple[int, ...]) -> list[tuple[float, bool, str]]:
    """Three answers one after another on one socket, the middle one with holes."""
    frames = []
    for number in range(3):
        without = holes if number == 1 else ()
        frames += answer_frames(at + number * 30, f"conversation-turn-{number}", 24, 0.2, without)
    return frames


@as_record("fourth-frames-lost-in-one-turn", "flows", "ws", "ws.frames_lost", statuses=BAD)
def frames_lost(session: Session) -> None:
    """Each answer counts its items from one: those of a whole answer fill no other's holes."""
    session.arrive(socket=False)
    session.socket(4.0, messages=_turns(6.0, (9, 10, 11, 17)))


@as_record("fourth-frames-whole", "flows", "healthy", statuses=WELL)
def frames_whole(session: Session) -> None:
    """The same answers with nothing lost."""
    session.arrive(socket=False)
    session.socket(4.0, messages=_turns(6.0, ()))


@as_record("fourth-frames-numbered-by-socket", "flows", "healthy", statuses=WELL)
def frames_by_socket(session: Session) -> None:
    """One numbering runs over the whole socket, whose answers come at the same time."""
    session.arrive(socket=False)
    both = answer_frames(6.0, "conversation-turn-a", 40, 0.2, tuple(range(14, 19)))
    for when, up, text in answer_frames(6.1, "conversation-turn-b", 40, 0.2)[2:]:
        if any(f'"stream_item_id": "{n + 1}"' in text for n in range(14, 19)):
            both.append((when, up, text))
    session.socket(4.0, messages=sorted(both))


def _codex(session: Session, at: float, turns: int, error: str | None, ended: float) -> None:
    """A command-line client's websocket: one request and its events per turn."""
    frames = []
    for turn in range(turns):
        begun = at + 20.0 + turn * (ended - at - 60.0) / turns
        frames.append((begun, True, json.dumps({"type": "response.create", "model": "gpt-5"})))
        kinds = ["response.created", *["response.output_text.delta"] * 14, "response.completed"]
        for number, kind in enumerate(kinds):
            event = json.dumps({"type": kind, "sequence_number": number})
            frames.append((begun + 0.6 + number * 0.1, False, event))
    if error:
        said = {"type": "error", "status": 400, "error": {"code": error, "message": "…"}}
        frames.append((ended - 0.05, False, json.dumps(said)))
    session.socket(
        at, url=CODEX, named=False, messages=frames, ended=ended, close=(1000, "", bool(not error))
    )


@as_record("fourth-socket-time-over", "flows", "healthy", statuses=WELL)
def socket_time_over(session: Session) -> None:
    """After an hour the service says so and closes; the client goes on with another socket."""
    _codex(session, 1.0, 9, "websocket_connection_limit_reached", 3601.0)
    _codex(session, 3601.4, 4, None, 4600.0)


@as_record("fourth-socket-overloaded", "flows", "service", "service.overloaded", statuses=BAD)
def socket_overloaded(session: Session) -> None:
    """The same messages tell of a model at capacity."""
    _codex(session, 1.0, 2, "server_is_overloaded", 200.0)


@as_record("fourth-firefox-cache", "firefox", "healthy", statuses=WELL)
def firefox_cache(session: Session) -> None:
    """Half of the scripts are in Firefox's cache, which has no octets of them to tell of."""
    session.arrive()
    for number, made in enumerate(session.exchanges):
        made.cached = made.resource in ("script", "stylesheet") and number % 2 == 0
    session.turn(9.0)


def _read_all(session: Session, at: float, pause: float, number: int, allowed: int) -> None:
    """Every conversation of the list, one after another; the service limits them at some point."""
    for n in range(number):
        limited = n >= allowed
        session.api(
            at + n * pause,
            f"conversation/{session.uuid()}",
            429 if limited else 200,
            {"detail": "Too many requests"} if limited else {"title": "t", "mapping": {}},
        )


@as_record("fourth-export-storm", "flows", "limits", "rate.retry_storm", statuses=BAD)
def export_storm(session: Session) -> None:
    """An extension reads all conversations at a constant pace and does not mind the limit."""
    session.arrive()
    _read_all(session, 10.0, 0.7, 150, 60)
    session.turn(90.0, status=429, body=b'{"detail":"Too many requests"}', mime="application/json")


@as_record("fourth-export-slow", "flows", "healthy", statuses=WELL)
def export_slow(session: Session) -> None:
    """The same reading at its end meets no limit."""
    session.arrive()
    _read_all(session, 10.0, 0.7, 60, 60)
    session.turn(70.0)


VPN_PAGE = (
    "<html><head><title>Unable to load site</title></head><body><h1>Unable to load site</h1>"
    "<p>If you are using a VPN, try turning it off. IP: {address}</p></body></html>"
)


def _trace(session: Session, at: float, host: str, address: str, place: str) -> None:
    text = f"fl=1\nh={host}\nip={address}\nts=1\ncolo=AMS\nloc={place}\nwarp=off\ngateway=off\n"
    session.ask(at, f"https://{host}/cdn-cgi/trace", body=text.encode(), mime="text/plain")


def _refused(session: Session, at: float, address: str) -> None:
    session.page(at, status=403, body=VPN_PAGE.format(address=address).encode())


@as_record("fourth-refused-beside-the-tunnel", "flows", "vpn", "net.split_egress", statuses=BAD)
def refused_beside_the_tunnel(session: Session) -> None:
    """The tunnel carries IPv4 alone: the page is asked over IPv6, whose exit is refused."""
    for at in (0.0, 6.0, 15.0):
        _refused(session, at, "2a02:6b8:c02::77")
    _trace(session, 20.0, "chatgpt.com", "2a02:6b8:c02::77", "RU")
    _trace(session, 21.0, "ab.chatgpt.com", "185.65.134.20", "SE")
    session.flags(23.0)


@as_record("fourth-refused-by-both-exits", "flows", "vpn", "ip.reputation_block", statuses=BAD)
def refused_by_both_exits(session: Session) -> None:
    """The tunnel's exit changes, and each of them is refused."""
    for at, address, place in ((0.0, "185.65.134.20", "SE"), (30.0, "193.138.7.9", "CH")):
        _refused(session, at, address)
        _trace(session, at + 3.0, "chatgpt.com", address, place)
