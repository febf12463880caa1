"""Findings that the other sessions do not draw: two exits, old pages, tools that change requests."""

from __future__ import annotations

from line import Line
from scene import WELL
from session import Session
from session_parts import ASSETS, CSS, SDK, answer_frames, document, handoff_events, sse
from session_scene import as_packets, as_record

OFFICE, TUNNEL, SIX = "198.51.100.20", "203.0.113.77", "2001:db8:77::5"


def trace(session: Session, at: float, exit_: str, place: str, colo: str) -> None:
    """The edge's own page about who asks."""
    lines = (
        f"fl=1\nh=chatgpt.com\nip={exit_}\nts=1\ncolo={colo}\nhttp=http/2\nloc={place}\nwarp=off\n"
    )
    session.ask(at, "/cdn-cgi/trace", mime="text/plain", body=lines.encode())


@as_record("two-families-two-exits", "flows", "vpn", "net.split_egress")
def two_families(session: Session) -> None:
    """The tunnel takes IPv4 alone; IPv6 leaves straight, from another country."""
    session.arrive()
    trace(session, 3.0, TUNNEL, "NL", "AMS")
    trace(session, 9.0, SIX, "ID", "CGK")
    session.turn(12.0)


@as_record("chrome-two-exits-in-turn", "chrome", "vpn", "net.split_egress")
def in_turn(session: Session) -> None:
    """Requests alternate between a proxy's exit and the line's own."""
    session.arrive()
    for number, (exit_, place) in enumerate(((TUNNEL, "NL"), (OFFICE, "ID"), (TUNNEL, "NL"))):
        trace(session, 3.0 + 4 * number, exit_, place, "AMS" if place == "NL" else "CGK")
    session.turn(20.0)


@as_record("two-families-one-place", "flows", "healthy", statuses=WELL)
def one_place(session: Session) -> None:
    session.arrive()
    trace(session, 3.0, OFFICE, "ID", "CGK")
    trace(session, 9.0, SIX, "ID", "CGK")
    session.turn(12.0)


@as_record("tunnel-switched-on-in-between", "flows", "healthy", statuses=WELL)
def switched(session: Session) -> None:
    """First without the tunnel, then with it: one way at any time."""
    session.arrive()
    for at in (3.0, 5.0):
        trace(session, at, OFFICE, "ID", "CGK")
    for at in (40.0, 46.0):
        trace(session, at, TUNNEL, "NL", "AMS")
    session.turn(50.0)


@as_record("chrome-old-page-of-a-worker", "chrome", "browser", "script.stale_build",
           "browser.stale_cache", also=("browser.stale_cache",))  # fmt: skip
def old_page(session: Session) -> None:
    """A service worker answers with last week's page; its files are gone at the edge."""
    old = tuple(path.replace("/cdn/assets/", "/cdn/assets/0") for path in ASSETS[:4])
    session.page(body=document(session.build, scripts=(*old, *ASSETS[4:8])), cached=True)
    for number, path in enumerate((CSS, SDK, *old, *ASSETS[4:8])):
        gone = path in old
        session.asset(
            0.4 + number * 0.01, path, status=404 if gone else 200,
            **({"body": b"Not Found", "mime": "text/plain"} if gone else {}),
        )  # fmt: skip


@as_record("firefox-page-of-the-cache-and-well", "firefox", "healthy", statuses=WELL)
def cached_page(session: Session) -> None:
    session.page(cached=True)
    session.assets()
    session.boot()
    session.turn(6.0)


@as_record("tool-strips-the-sign-in", "flows", "browser", "browser.extension_interferes")
def strips(session: Session) -> None:
    """A privacy tool takes the Authorization header from some calls."""
    session.arrive()
    session.turn(5.0)
    for at in (12.0, 16.0, 24.0):
        made = session.api(at, "conversations?offset=0&limit=28", 401,
                           {"detail": "Access token is missing"})  # fmt: skip
        del made.asked["authorization"]


@as_record("chrome-tool-stops-the-send", "chrome", "browser", "browser.extension_interferes")
def stops(session: Session) -> None:
    session.arrive()
    for at in (6.0, 12.0, 20.0):
        session.ask(
            at, "/backend-api/f/conversation", method="POST", error="client-blocked", status=0
        )


@as_record("chrome-tool-stops-telemetry", "chrome", "healthy", statuses=WELL)
def stops_telemetry(session: Session) -> None:
    session.arrive()
    session.turn(6.0)
    for at in (7.0, 9.0, 14.0):
        session.ask(
            at, "/ces/v1/t", method="POST", error="client-blocked", status=0, resource="ping"
        )


def handed_off(session: Session, ended: float, frames: list[tuple[float, bool, str]]) -> None:
    """A turn whose answer comes by websocket."""
    topic = "conversation-turn-7"
    session.page()
    session.assets()
    session.boot()
    session.turn(6.0, body=sse(handoff_events("c1", topic)), took=0.3)
    session.socket(2.6, messages=frames, ended=ended, close=(1001, "", True))


@as_record("socket-silent-after-subscribing", "flows", "websocket", "ws.stalled")
def silent_socket(session: Session) -> None:
    handed_off(session, 420.0, answer_frames(7.6, "conversation-turn-7")[:2])


@as_record("chrome-socket-stops-in-the-text", "chrome", "websocket", "ws.stalled", "ws.frames_lost")
def stops_in_text(session: Session) -> None:
    frames = answer_frames(7.6, "conversation-turn-7", words=30)[:18]
    handed_off(session, 190.0, frames)


@as_record("socket-thinks-and-answers", "flows", "healthy", statuses=WELL)
def thinks(session: Session) -> None:
    """A minute of thought before the first word."""
    topic = "conversation-turn-7"
    frames = answer_frames(7.6, topic)
    late = [frames[0], frames[1], *((at + 70.0, mine, text) for at, mine, text in frames[2:])]
    handed_off(session, 120.0, late)


@as_record("inspected-by-zscaler-and-well", "flows", "healthy", statuses=WELL,
           also=("tls.intercepted",))  # fmt: skip
def inspected(session: Session) -> None:
    session.issuer = ("Zscaler Inc.", "Zscaler Intermediate Root CA (zscalertwo.net)")
    session.arrive()
    session.turn(6.0)


@as_record("status-page-unreachable-and-well", "chrome", "healthy", statuses=WELL,
           also=("service.status_unknown",))  # fmt: skip
def no_status(session: Session) -> None:
    session.arrive()
    session.turn(6.0)
    for at in (10.0, 14.0):
        session.ask(at, "https://status.openai.com/api/v2/summary.json", error="timeout", status=0)


@as_record("challenged-behind-the-recorder", "flows", "edge", "bot.challenge",
           also=("capture.own_effect",))  # fmt: skip
def challenged(session: Session) -> None:
    body = b"<html><title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/h/b/x>"
    for at in (0.0, 5.0, 11.0):
        session.page(at, status=403, body=body, headers={"cf-mitigated": "challenge"})


@as_packets("begun-before-the-capture", "healthy", statuses=WELL, also=("capture.lossy",))
def begun_before(line: Line) -> None:
    streams = line.visit()
    app = streams["chatgpt.com"]
    app.stream(app.busy + 1.0, [0.05] * 40)
    other = line.connect(app.busy + 1.0, "chatgpt.com")
    for _ in range(8):
        other.ask(600, 5_000, 0.05)
    line.packets = [item for item in line.packets if item[0] > 1.5]


@as_packets("network-switches-encrypted-lookups-off", "healthy", statuses=WELL,
            also=("dns.doh_policy",))  # fmt: skip
def canary(line: Line) -> None:
    line.lookup(0.0, "use-application-dns.net", rcode="NXDOMAIN")
    line.visit(0.5)


@as_packets("one-entry-of-the-list-denied", "dns", "dns.sinkhole", "dns.nxdomain_filter",
            also=("allowlist.missing_entry",))  # fmt: skip
def one_entry(line: Line) -> None:
    """The filter knows every name but the one that files come from."""
    line.visit(0.0)
    for at in (6.0, 8.0, 14.0):
        line.lookup(at, "files.oaiusercontent.com", (), rcode="NXDOMAIN",
                    soa="oaiusercontent.com. localhost. root.localhost. 1 60 60 60 60")  # fmt: skip
