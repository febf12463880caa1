"""Sessions of the third round as browsers and mitmproxy record them.

First drawn from the domain notes by somebody who had not read the detectors;
faults and what only looks like them stand side by side.
"""

from __future__ import annotations

import json

import session_pages as pages
from scene import BAD, DOWN, WELL
from session import Session
from session_parts import CSS, MODULES, SDK, answer_frames, document
from session_scene import as_record

HTML = "text/html; charset=utf-8"
TOPIC = "conversation-turn-77ab"
OWN = {"edge": False, "mime": "text/html"}
"""An answer that something other than the service gives."""

POLICY_PAGE = (
    b"<html><head><title>Web Page Blocked</title></head><body><h1>Web Page Blocked</h1><p>Access "
    b"to the web page you were trying to visit has been blocked in accordance with company policy. "
    b"Please contact your system administrator.</p><p><b>Category:</b> ai</p></body></html>"
)
USAGE_PAGE = (
    b"<html><head><title>Web Filter Violation</title></head><body><h3>Web Page Blocked</h3><p>You "
    b"have tried to access a web page which is in violation of your Internet usage policy.</p>"
    b"</body></html>"
)
UPLOAD_PAGE = (
    b"<html><title>Internet Security by Zscaler</title><p>Your organization does not allow this "
    b"upload.</p></html>"
)


# --- faults


@as_record("third-socket-timer-untold", "chrome", "ws", "ws.idle_timeout")
def socket_timer(session: Session) -> None:
    """Chrome tells of a socket's end only how long its entry lasted: 300 s of silence each time."""
    session.arrive(socket=False)
    session.turn(4.0)
    at = 12.0
    for number in range(4):
        frames = answer_frames(at + 0.5, TOPIC, words=3 + number)
        last = frames[-1][0]
        session.socket(at, messages=frames, ended=last + 300.1 + number * 0.1)
        at = last + 302.0


@as_record("third-sockets-left-untold", "chrome", "healthy", statuses=WELL)
def sockets_untold(session: Session) -> None:
    """The same entries, each ended by the page at an age of its own."""
    session.arrive(socket=False)
    at = 5.0
    for age in (12.0, 95.0, 260.0, 41.0):
        frames = answer_frames(at + 0.5, TOPIC, words=4)
        last = frames[-1][0]
        session.socket(at, messages=frames, ended=last + age)
        at = last + age + 1.0
        session.turn(at)
        at += 8.0


@as_record("third-handshake-fails-chrome", "chrome", "tls", "tls.handshake_failure")
def handshake_chrome(session: Session) -> None:
    """Something on the path breaks the handshake with this host alone."""
    for at in (0.0, 4.0, 9.0):
        session.page(at, status=0, error="tls", body=b"")
    session.ask(12.0, "https://www.wikipedia.org/", resource="document", body=b"<html>", **OWN)


@as_record("third-handshake-fails-flows", "flows", "tls", "tls.handshake_failure")
def handshake_flows(session: Session) -> None:
    """The same as mitmproxy's own connection meets it."""
    for at in (0.0, 4.0, 9.0):
        session.page(at, status=0, error="tls", body=b"")


@as_record("third-handshake-fails-once", "chrome", "healthy", statuses=WELL)
def handshake_once(session: Session) -> None:
    """One handshake fails and the next try works."""
    session.page(0.0, status=0, error="tls", body=b"")
    session.page(0.5, status=0, error="tls", body=b"")
    session.arrive(1.5)
    session.turn(6.0)


@as_record("third-authority-flows", "flows", "tls", "tls.intercept_breaks")
def authority(session: Session) -> None:
    """The proxy's own connection meets a certificate that no public authority signed."""
    for at in (0.0, 5.0):
        session.page(at, status=0, error="authority", body=b"")
        session.ask(at + 0.2, "https://ab.chatgpt.com/v1/initialize", status=0, error="authority")


@as_record("third-script-policy-page", "flows", "script", "script.replaced", vendor="Palo Alto")
def policy_page(session: Session) -> None:
    """A firewall's page of its own wording stands for one script."""
    session.page()
    session.assets(0.4, without=(MODULES[3],))
    session.asset(0.5, MODULES[3], status=200, body=POLICY_PAGE, **OWN)
    session.telemetry(3.0)


@as_record("third-page-usage-policy", "chrome", "proxy", "proxy.denied", vendor="Forti")
def usage_page(session: Session) -> None:
    """A filter that names no product, with its maker's sentence."""
    for at in (0.0, 4.0, 9.0):
        session.page(at, status=403, body=USAGE_PAGE, **OWN)


@as_record("third-upload-page", "flows", "file", "proxy.denied", vendor="Zscaler",
           statuses=BAD, also=("file.upload_host_blocked",))  # fmt: skip
def upload_page(session: Session) -> None:
    """The gateway answers the upload with a page of its own; all else works."""
    session.arrive()
    for at in (8.0, 14.0):
        where = "https://sdmntprwestus3.oaiusercontent.com/files/1/raw?se=2026-10-07T20%3A00%3A00Z&sig=x"
        session.api(at, "files", body={"status": "success", "upload_url": where}, method="POST")
        session.ask(at + 0.3, where, method="PUT", posted=b"x" * 900, status=403,
                    body=UPLOAD_PAGE, **OWN)  # fmt: skip
        session.api(at + 1.0, "files/file-1/upload-failed", method="POST")
    session.turn(20.0)


@as_record("third-check-host-refused", "flows", "network", "tcp.refused",
           also=("bot.challenge",))  # fmt: skip
def check_host(session: Session) -> None:
    """The edge asks for a check, and the host that makes it is refused: one root."""
    session.arrive()
    for at in (6.0, 12.0, 19.0):
        session.ask(at, "https://auth.openai.com/log-in", status=403, mime=HTML,
                    resource="document", body=pages.CHALLENGE,
                    headers={"cf-mitigated": "challenge"})  # fmt: skip
        session.ask(at + 0.2, "https://challenges.cloudflare.com/turnstile/v0/api.js",
                    resource="script", status=0, error="refused")  # fmt: skip


@as_record("third-answer-fails-inside", "flows", "service", "service.overloaded",
           "sse.server_error", statuses=BAD | DOWN)  # fmt: skip
def fails_inside(session: Session) -> None:
    """The API begins a stream and ends it with response.failed."""
    body = (
        b'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n'
        b'event: response.failed\ndata: {"type":"response.failed","sequence_number":1,"response":'
        b'{"status":"failed","error":{"code":"server_is_overloaded","message":"At capacity."}}}\n\n'
    )
    for at in (0.0, 9.0, 25.0):
        session.ask(at, "https://api.openai.com/v1/responses", method="POST", body=body,
                    mime="text/event-stream", posted=b'{"stream":true}')  # fmt: skip


@as_record("third-old-page-from-disk", "chrome", "script", "script.stale_build")
def old_page(session: Session) -> None:
    """The page of an old build comes from the disk; its scripts are gone from the service."""
    session.page(body=document("prod-" + "0a1b2c3d" * 5), cached=True)
    session.asset(0.3, CSS)
    session.asset(0.35, SDK)
    for number, path in enumerate(MODULES):
        gone = number >= 5
        session.asset(0.4 + number * 0.01, path, status=404 if gone else 200,
                      **({"mime": HTML, "body": b"<html>404</html>"} if gone else {}))  # fmt: skip
    session.boot()


# --- healthy


@as_record("third-conversation-gone", "flows", "healthy", statuses=WELL)
def conversation_gone(session: Session) -> None:
    """An old link leads nowhere, and a new conversation works."""
    session.arrive()
    session.api(5.0, "conversation/68f0-gone", 404, {"detail": "Conversation not found"})
    session.turn(8.0)


@as_record("third-check-passed", "chrome", "healthy", statuses=WELL)
def check_passed(session: Session) -> None:
    """The edge asks for a check first, and the browser passes it."""
    session.page(0.0, status=403, body=pages.CHALLENGE, headers={"cf-mitigated": "challenge"})
    session.ask(0.5, "https://challenges.cloudflare.com/turnstile/v0/api.js", resource="script",
                mime="application/javascript", body=b"let a=1;")  # fmt: skip
    session.arrive(4.0)
    session.turn(10.0)


@as_record("third-password-mistyped", "firefox", "healthy", statuses=WELL)
def mistyped(session: Session) -> None:
    """Signed out, a wrong password, then the right one."""
    session.page()
    session.assets()
    session.api(1.0, "/api/auth/session", body={})
    session.api(1.2, "me", 401, {"detail": "Access token is missing"})
    where = "https://auth.openai.com/api/accounts/password/verify"
    wrong = json.dumps({"error": {"code": "invalid_credentials", "message": "Incorrect"}}).encode()
    session.ask(8.0, where, method="POST", status=401, body=wrong)
    session.ask(15.0, where, method="POST", body=b'{"ok":true}')
    session.arrive(18.0)
    session.turn(24.0)


@as_record("third-guest", "chrome", "healthy", statuses=WELL)
def guest(session: Session) -> None:
    """Somebody who is not signed in asks a question."""
    session.page()
    session.assets()
    session.api(1.0, "/api/auth/session", body={})
    session.ask(1.2, "/backend-anon/models", body=b'{"models":[]}')
    session.ask(4.0, "/backend-anon/sentinel/chat-requirements", method="POST",
                body=b'{"token":"x"}')  # fmt: skip
    answer = session.turn(5.0, guard=False)
    answer.url = "https://chatgpt.com/backend-anon/f/conversation"


@as_record("third-limit-waited-out", "flows", "healthy", statuses=WELL)
def waited_out(session: Session) -> None:
    """The API asks a script to wait two seconds; it does, and goes on."""
    limit = {
        "error": {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Slow"}
    }
    where = "https://api.openai.com/v1/responses"
    session.ask(0.0, where, method="POST", status=429, body=json.dumps(limit).encode(),
                headers={"retry-after": "2"})  # fmt: skip
    for at in (2.4, 6.0, 11.0):
        session.ask(at, where, method="POST", mime="text/event-stream", receive=2.0, body=(
            b'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n'
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
            b'"delta":"x","sequence_number":1}\n\n'
            b'event: response.completed\ndata: {"type":"response.completed","sequence_number":2,'
            b'"response":{"status":"completed"}}\n\n'))  # fmt: skip


@as_record("third-socket-restarted", "flows", "healthy", statuses=WELL)
def socket_restarted(session: Session) -> None:
    """The service restarts the socket's server once, and the page opens another."""
    session.arrive(socket=False)
    session.socket(3.0, ended=40.0, close=(1012, "service restart", False))
    session.socket(40.6, ended=90.0, close=(1001, "", True))
    session.turn(60.0)


@as_record("third-help-pages-checked", "chrome", "healthy", statuses=WELL)
def help_checked(session: Session) -> None:
    """The help pages ask for a check that nobody passes; the app works."""
    session.arrive()
    session.ask(5.0, "https://help.openai.com/en/", status=403, mime=HTML, body=pages.CHALLENGE,
                resource="document", headers={"cf-mitigated": "challenge"})  # fmt: skip
    session.turn(9.0)
