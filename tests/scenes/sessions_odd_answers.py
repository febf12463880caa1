"""Sessions whose answers have a good status and nothing in them, or refuse one thing only.

Beside each stands what looks like it: an answer that a websocket goes on with, a
retry that heals, a file that is refused beside a page that is refused as a whole.
"""

from __future__ import annotations

from typing import Any

from scene import BLOCKED, WELL
from session import Session
from session_parts import ASSETS
from session_scene import as_record

REFUSED = (
    b"<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center>"
    b"<hr><center>cloudflare</center></body></html>"
)
CLOSED = {"detail": {"code": "deactivated_workspace", "message": "This workspace is deactivated."}}
OFFER = "/realtime/wm?dcid=0"


def sends(session: Session, body: bytes, mime: str, times: tuple[float, ...], **more: Any) -> None:
    """Messages that are answered at once with `body`."""
    session.arrive()
    for at in times:
        session.turn(at, body=body, mime=mime, took=0.004, **more)


@as_record("send-answered-with-empty-stream", "flows", "stream", "sse.cut")
def empty_stream(session: Session) -> None:
    sends(session, b"", "text/event-stream; charset=utf-8", (6, 15, 28))


@as_record("firefox-send-answered-with-empty-stream", "firefox", "stream", "sse.cut")
def empty_stream_har(session: Session) -> None:
    """A gateway answers in the service's name."""
    mime = "text/event-stream"
    sends(session, b"", mime, (6, 15, 28), edge=False, headers={"via": "1.1 gw"})


@as_record("send-answered-with-empty-json", "flows", "service", "service.api_error")
def empty_json(session: Session) -> None:
    sends(session, b"{}", "application/json", (6, 15))


@as_record("chrome-send-answered-with-null", "chrome", "service", "service.api_error")
def null(session: Session) -> None:
    sends(session, b"null", "application/json", (6, 15))


@as_record("chrome-send-answered-with-a-page", "chrome", "stream", "sse.cut")
def page(session: Session) -> None:
    """Something rewrites the stream to a page and leaves the edge's marks on it."""
    body = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body></body></html>"
    sends(session, body, "text/html; charset=utf-8", (6, 15, 28))


@as_record("send-empty-once", "flows", "healthy", statuses=WELL)
def empty_once(session: Session) -> None:
    """The page itself asks again and gets its answer."""
    sends(session, b"", "text/event-stream; charset=utf-8", (6,))
    session.turn(7.5)


@as_record("chrome-streams-not-exported", "chrome", "healthy", statuses=WELL)
def not_exported(session: Session) -> None:
    """The export holds no octet of answers that took their time to arrive."""
    session.arrive()
    for at in (6, 25, 50):
        session.turn(at, body=b"", took=7.0)


@as_record("chrome-empty-and-the-socket-goes-on", "chrome", "healthy", statuses=WELL)
def socket_goes_on(session: Session) -> None:
    """Hand-offs whose short streams the export left out; the answers come by websocket."""
    items = [
        (at, False, '[{"type":"message","topic_id":"conversation-turn-1"}]') for at in (7, 8, 20)
    ]
    session.page()
    session.assets()
    session.boot()
    session.socket(2.6, messages=items)
    for at in (6, 19):
        session.turn(at, body=b"", took=0.004)


def voice(session: Session, status: int, body: bytes, mime: str, times: tuple[int, ...]) -> None:
    session.arrive()
    session.turn(6)
    for at in times:
        session.ask(
            at, OFFER, method="POST", status=status, body=body, mime=mime, resource="fetch",
            wait=0.2,
        )  # fmt: skip


@as_record("voice-offer-refused", "flows", "voice", "service.api_error")
def voice_refused(session: Session) -> None:
    voice(session, 400, b'{"detail":"Invalid SDP offer"}', "application/json", (20, 27))


@as_record("safari-voice-forbidden", "safari", "voice", "service.api_error")
def voice_forbidden(session: Session) -> None:
    voice(session, 403, b'{"detail":"Voice is not available"}', "application/json", (20, 27, 41))


@as_record("voice-limit", "flows", "limits", "rate.limited")
def voice_limit(session: Session) -> None:
    body = b'{"detail":{"code":"rate_limit_exceeded","clears_in":3600,"message":"Voice limit"}}'
    voice(session, 429, body, "application/json", (20, 27))


@as_record("voice-starts", "flows", "healthy", statuses=WELL)
def voice_starts(session: Session) -> None:
    voice(session, 201, b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n", "application/sdp", (20,))


@as_record("voice-offer-refused-once", "flows", "healthy", statuses=WELL)
def voice_once(session: Session) -> None:
    voice(session, 409, b'{"detail":"Session exists"}', "application/json", (20,))
    session.ask(21, OFFER, method="POST", status=201, mime="application/sdp", resource="fetch")


@as_record("edge-refuses-one-script", "chrome", "script", "script.replaced",
           never=("ip.reputation_block",))  # fmt: skip
def one_script(session: Session) -> None:
    session.page()
    session.assets(without=(ASSETS[1],))
    session.asset(0.5, ASSETS[1], status=403, body=REFUSED, mime="text/html")
    session.boot()


@as_record("edge-refuses-every-file", "flows", "edge", "ip.reputation_block")
def every_file(session: Session) -> None:
    """The document came from a cache before; the address is refused all that it asks for."""
    session.page()
    for number, path in enumerate(ASSETS):
        session.asset(0.5 + number * 0.01, path, status=403, body=REFUSED, mime="text/html")


@as_record("edge-refuses-the-page", "safari", "edge", "ip.reputation_block")
def the_page(session: Session) -> None:
    for at in (0, 6):
        session.page(at, status=403, body=REFUSED)


def refused_calls(session: Session, status: int, body: object, at: float = 1.3) -> None:
    for number, path in enumerate(("me", "models", "settings/user", "conversations?offset=0")):
        session.api(at + number * 0.1, path, status, body)


@as_record("workspace-closed", "flows", "account", "account.state", statuses=BLOCKED)
def workspace_closed(session: Session) -> None:
    session.page()
    session.assets()
    refused_calls(session, 403, CLOSED)


@as_record("account-closed", "chrome", "account", "account.state", statuses=BLOCKED)
def account_closed(session: Session) -> None:
    session.page()
    session.ask(
        3, "https://auth.openai.com/api/accounts/authorize/continue", method="POST", status=403,
        body=b'{"error":{"code":"account_deactivated","message":"It has been deactivated."}}',
        mime="application/json", resource="fetch",
    )  # fmt: skip


@as_record("workspace-closed-other-chosen", "flows", "healthy", statuses=WELL)
def other_workspace(session: Session) -> None:
    """The person changes to another workspace, which works."""
    session.page()
    session.assets()
    refused_calls(session, 403, CLOSED)
    session.boot(20.0)
    session.turn(26.0)
