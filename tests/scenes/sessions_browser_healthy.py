"""Healthy and near-healthy sessions, and sessions with two faults, that a browser saved as HAR."""

from __future__ import annotations

import json

import session_pages as pages
from scene import UNCLEAR
from session import Session
from session_parts import ASSETS, MODULES, answer_frames, handoff_events, item, sse, text_events
from session_scene import as_record

HTML = "text/html; charset=utf-8"
TELEMETRY = (
    "https://o33249.ingest.sentry.io/api/4504/envelope/?sentry_key=x",
    "https://browser-intake-datadoghq.com/api/v2/rum?ddsource=browser",
    "https://www.googletagmanager.com/gtag/js?id=G-9",
    "https://bat.bing.com/bat.js",
    "https://chatgpt.com/ces/v1/t",
)


@as_record("chrome-adblock-telemetry-only", "chrome", "none", also=("script.telemetry_blocked",))
def chrome_adblock(session: Session) -> None:
    """Only telemetry is blocked, by an extension: harmless."""
    session.protocol = "h3"
    session.page()
    session.assets()
    session.boot()
    session.socket(3.0)
    for number, url in enumerate(TELEMETRY * 3):
        kind = "script" if url.endswith(".js") else "ping"
        session.ask(2.0 + number, url, status=0, error="client-blocked", resource=kind)
    session.turn(9.0)
    session.turn(30.0, words=140, took=9.0)


@as_record("firefox-one-502-healed", "firefox", "none")
def firefox_healed(session: Session) -> None:
    """One 502, healed by a retry; stored files answer 304."""
    session.language = "id-ID"
    session.page()
    for number, path in enumerate(ASSETS):
        session.asset(
            0.4 + number * 0.01,
            path,
            status=304 if number % 2 else 200,
            body=b"" if number % 2 else b"export{}",
        )
    session.boot()
    session.api(
        4.0,
        "conversations?offset=28&limit=28&order=updated",
        502,
        pages.cloudflare(502, "502: Bad gateway"),
        mime=HTML,
    )
    session.api(
        5.1, "conversations?offset=28&limit=28&order=updated", body={"items": [], "total": 31}
    )
    session.socket(3.0)
    session.turn(9.0)


@as_record("safari-stop-button", "safari", "none")
def safari_stop(session: Session) -> None:
    """The reader stops the answer: the call is cancelled after stop_conversation."""
    session.arrive()
    session.turn(8.0, body=sse(text_events("c", 80)[:35]), error="aborted", took=3.1)
    session.api(
        12.55,
        "stop_conversation",
        method="POST",
        body={"status": "ok", "last_message_id": None},
        posted=b'{"conversation_id":"c","exclude_async_types":[]}',
    )
    session.turn(20.0)


@as_record("chrome-thinking-over-websocket", "chrome", "none")
def chrome_thinking(session: Session) -> None:
    """A thinking model is silent for 75 s, then answers over the websocket."""
    topic = "conversation-turn-77aa"
    session.page()
    session.assets()
    session.boot()
    session.turn(8.0, body=sse(handoff_events("c", topic)), took=0.4)
    frames = (
        answer_frames(9.8, topic, words=1)[:2]
        + answer_frames(85.0, topic, words=40, every=0.12)[2:]
    )
    session.socket(
        3.0,
        messages=[
            (3.1, True, '[{"id":1,"command":{"type":"connect"}}]'),
            (3.2, False, '[{"id":1,"reply":{"type":"connect"}}]'),
            *frames,
        ],
        ended=140.0,
    )


@as_record("charles-401-refreshed", "charles", "none")
def charles_401(session: Session) -> None:
    """A token ends and is renewed: 401, session, 200."""
    session.arrive()
    gone = {"detail": {"message": "Token expired", "code": "token_expired"}}
    session.api(40.0, "conversations?offset=0&limit=28&order=updated", 401, gone)
    session.api(
        40.2, "/api/auth/session", body={"accessToken": "new", "expires": "2027-02-01T00:00:00Z"}
    )
    session.api(40.5, "conversations?offset=0&limit=28&order=updated", body={"items": []})
    session.turn(50.0)


@as_record("chrome-page-left", "chrome", "none")
def chrome_left(session: Session) -> None:
    """The page is closed: the read after the end, prefetches and beacons are cancelled."""
    session.arrive(socket=False)
    session.turn(8.0, error="aborted")
    for path in ASSETS[-3:]:
        session.asset(14.0, path.replace(".js", "x.js"), status=0, error="aborted", body=b"")
    session.ask(15.0, "/ces/v1/t", method="POST", status=0, error="aborted", resource="ping")
    session.api(15.0, "sentinel/ping", 0, b"", error="aborted", method="POST")
    session.socket(3.0, ended=15.0, close=(1001, "", True))


@as_record("mitmproxy-har-through-inspection", "mitmproxy", "none")
def mitm_fine(session: Session) -> None:
    """Recorded by a proxy, all over HTTP/2, nothing wrong."""
    session.issuer = ("Zscaler Inc.", "Zscaler Intermediate Root CA (zscalertwo.net)")
    session.arrive()
    session.turn(8.0)
    session.turn(60.0, words=200, took=12.0)


@as_record("fiddler-login-redirects", "fiddler", "none")
def fiddler_login(session: Session) -> None:
    """The old address redirects, the sign-in goes through its steps."""
    session.protocol = "h1"
    session.ask(
        0.0,
        "https://chat.openai.com/",
        status=308,
        resource="document",
        headers={"location": "https://chatgpt.com/"},
    )
    session.page(0.3)
    session.assets(0.6)
    session.api(1.2, "/api/auth/session", body={})
    session.ask(
        2.0,
        "https://auth.openai.com/api/accounts/authorize?client_id=x",
        status=302,
        resource="document",
        headers={"location": "https://auth.openai.com/log-in"},
    )
    session.ask(
        2.3,
        "https://auth.openai.com/log-in",
        resource="document",
        mime=HTML,
        body=b"<html><title>Log in</title></html>",
    )
    session.ask(
        9.0, "https://auth.openai.com/api/accounts/password/verify", method="POST", body=b"{}"
    )
    session.ask(
        9.5,
        "https://chatgpt.com/api/auth/callback/openai?code=x",
        status=302,
        resource="document",
        headers={"location": "/"},
    )
    session.page(10.0)
    session.boot(11.0)
    session.socket(13.0)
    session.turn(20.0)


@as_record("chrome-other-sites-broken", "chrome", "none")
def chrome_others(session: Session) -> None:
    """Other sites fail in other tabs; ChatGPT is well."""
    session.arrive()
    session.ask(
        4.0,
        "https://intranet.corp.example/",
        status=500,
        resource="document",
        mime=HTML,
        body=b"<h1>500</h1>",
        edge=False,
        peer="10.1.2.3",
    )
    session.ask(
        5.0, "https://tracker.adnetwork.example/p.js", status=0, error="name", resource="script"
    )
    session.ask(
        6.0,
        "https://www.news.example/feed",
        status=0,
        error="timeout",
        peer="203.0.113.9",
        wait=21.0,
    )
    session.ask(
        7.0,
        "https://old.shop.example/",
        status=0,
        error="expired",
        resource="document",
        peer="203.0.113.20",
    )
    session.turn(9.0)


@as_record("firefox-slow-but-fine", "firefox", "none")
def firefox_slow(session: Session) -> None:
    """A satellite-like line: everything takes long, nothing fails."""
    session.connect, session.tls, session.lookup = 0.12, 0.13, 0.07
    session.arrive()
    for made in session.exchanges:
        made.wait += 0.25
    session.turn(9.0, wait=2.8, took=11.0)


@as_record("chrome-recorded-late", "chrome", "none", statuses=UNCLEAR | {"ok"})
def chrome_late(session: Session) -> None:
    """The panel was opened on a loaded page: only calls and one answer."""
    session.turn(0.0)
    session.api(6.0, "conversations?offset=0&limit=28&order=updated", body={"items": []})
    session.telemetry(7.0)
    session.turn(15.0)


@as_record("chrome-token-expired-and-adblock", "chrome", "two", "account.session_expired")
def chrome_two_login(session: Session) -> None:
    """Blocked telemetry beside it is not the reason: the sign-in has ended."""
    session.page()
    session.assets()
    for number, url in enumerate(TELEMETRY):
        session.ask(2.0 + number, url, status=0, error="client-blocked", resource="ping")
    for at in (1.0, 6.0, 12.0):
        session.api(at, "/api/auth/session", body={})
        session.api(
            at + 0.3, "me", 401, {"detail": {"code": "expired_session_key", "message": "x"}}
        )
        session.api(at + 0.4, "models", 401, {"detail": "Unauthorized"})


@as_record(
    "chrome-cap-and-blocked-script",
    "chrome",
    "two",
    "script.blocked_by_extension",
    "rate.limited",
    also=("script.blocked_by_extension", "rate.limited"),
)
def chrome_two_roots(session: Session) -> None:
    """Two faults that have nothing to do with each other."""
    session.page()
    session.assets(without=(MODULES[2],))
    session.asset(0.42, MODULES[2], status=0, error="client-blocked")
    session.boot()
    session.turn(
        8.0,
        status=429,
        body=json.dumps(pages.MODEL_CAP).encode(),
        mime="application/json",
        receive=0.01,
    )


@as_record(
    "chrome-refused-host-during-incident",
    "chrome",
    "two",
    "script.blocked_by_network",
    "dns.sinkhole",
    "tcp.refused",
)
def chrome_incident(session: Session) -> None:
    """An incident elsewhere is announced; here the sign-in files' host leads to 0.0.0.0.

    Chromium writes no address for a connection that was refused, so the refusal may stand.
    """
    files = (
        "https://auth-cdn.oaistatic.com/assets/entry-9f8e7d6c.js",
        "https://auth-cdn.oaistatic.com/assets/root-a1.css",
    )
    html = f'<!DOCTYPE html><html><head><link rel="stylesheet" href="{files[1]}"><script type="module" src="{files[0]}"></script></head></html>'
    session.ask(
        0.0, "https://auth.openai.com/log-in", resource="document", mime=HTML, body=html.encode()
    )
    for number, url in enumerate(files * 2):
        kind = "script" if url.endswith("js") else "stylesheet"
        made = session.ask(
            0.4 + number,
            url,
            status=0,
            error="refused",
            resource=kind,
            initiator="https://auth.openai.com/log-in",
        )
        made.peer = "0.0.0.0"
    session.ask(
        9.0,
        "https://status.openai.com/api/v2/summary.json",
        body=pages.status_page("minor", "Codex API", "degraded_performance", "Codex slow"),
    )


@as_record("chrome-vpn-exit-refused", "chrome", "two", "ip.reputation_block")
def chrome_vpn(session: Session) -> None:
    """WARP is on and its exit is refused: the refusal is the verdict, the VPN only a fact."""
    trace = "fl=1\nh=chatgpt.com\nip=104.28.212.4\nts=1791203417.1\ncolo=CDG\nloc=FR\nhttp=http/2\ntls=TLSv1.3\nsni=plaintext\nwarp=on\ngateway=off\n"
    session.ask(0.0, "https://chatgpt.com/cdn-cgi/trace", mime="text/plain", body=trace.encode())
    body = pages.cloudflare(1020, "Access denied")
    for at in (1.0, 9.0):
        session.page(at, status=403, body=body)


@as_record("chrome-websocket-frames-lost", "chrome", "websocket", "ws.frames_lost")
def chrome_lost(session: Session) -> None:
    """Frames of an answer are missing, by their ids."""
    topic = "conversation-turn-90c1"
    session.page()
    session.assets()
    session.boot()
    session.turn(8.0, body=sse(handoff_events("c", topic)), took=0.4)
    frames = answer_frames(9.8, topic, words=40, every=0.1, without=(12, 13, 14, 22, 23, 31))
    session.socket(
        3.0,
        messages=[
            (3.1, True, '[{"id":1,"command":{"type":"connect"}}]'),
            *frames,
            (18.0, False, item(topic, 47, "[DONE]")),
        ],
        ended=60.0,
    )
