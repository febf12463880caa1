"""Sessions that mitmproxy recorded as flows: one fault each."""

from __future__ import annotations

import json
from email.utils import formatdate

import session_pages as pages
from scene import DOWN
from session import Session
from session_parts import (
    CSS,
    LATER,
    MODULES,
    SDK,
    answer_frames,
    document,
    handoff_events,
    sse,
    text_events,
)
from session_scene import as_record

HTML = "text/html; charset=utf-8"
TOPIC = "conversation-turn-51e0"
ZSCALER = ("Zscaler Inc.", "Zscaler Intermediate Root CA (zscalerthree.net)")


@as_record("flows-upgrade-426", "flows", "websocket", "ws.upgrade_stripped")
def upgrade_426(session: Session) -> None:
    """A proxy that knows no websockets answers 426 itself."""
    session.arrive(socket=False)
    for at in (3.0, 4.0, 6.0, 10.0):
        session.socket(
            at,
            status=426,
            edge=False,
            mime="text/plain",
            body=b"Upgrade Required",
            headers={"via": "1.1 swg-02", "server": "swg"},
        )
    session.turn(12.0)


@as_record("flows-upgrade-hangs", "flows", "websocket", "ws.upgrade_stripped", "ws.connect_failed")
def upgrade_hangs(session: Session) -> None:
    """The upgrade is sent and nothing comes back; the client gives up after 15 s."""
    session.arrive(socket=False)
    for at in (3.0, 19.0, 36.0):
        session.socket(at, status=0, error="aborted", wait=15.0)
    session.turn(60.0)


@as_record(
    "flows-upgrade-html-200", "flows", "websocket", "ws.upgrade_stripped", "ws.connect_failed"
)
def upgrade_200(session: Session) -> None:
    """A page of a filter instead of the switch of protocols."""
    session.arrive(socket=False)
    for at in (3.0, 5.0, 9.0):
        session.socket(
            at,
            status=200,
            edge=False,
            mime="text/html",
            body=b"<html><body>Request processed</body></html>",
            headers={"server": "Apache"},
        )


@as_record("flows-websocket-idle-60", "flows", "websocket", "ws.idle_timeout")
def idle(session: Session) -> None:
    """Four sockets in a row end without a close frame after 60 s of silence."""
    session.arrive(socket=False)
    at = 3.0
    for _ in range(4):
        end = at + 8.0 + 60.2
        session.socket(
            at,
            messages=[
                (at + 0.1, True, "[]"),
                (at + 8.0, False, '[{"type":"message","topic_id":"conversations"}]'),
            ],
            ended=end,
            close=(1006, "", False),
        )
        at = end + 1.5
    session.turn(30.0)


@as_record("flows-frames-lost", "flows", "websocket", "ws.frames_lost")
def lost(session: Session) -> None:
    """The answer's items skip numbers and never end."""
    session.arrive(socket=False)
    session.turn(8.0, body=sse(handoff_events("c", TOPIC)), took=0.3)
    frames = answer_frames(9.7, TOPIC, words=30, every=0.2, without=(9, 10, 17, 18, 19, 26))
    session.socket(3.0, messages=frames, ended=40.0, close=(1000, "", True))


@as_record("flows-closed-1011", "flows", "websocket", "ws.closed_by_server")
def closed_1011(session: Session) -> None:
    """The service closes with an error of its own, again and again."""
    session.arrive(socket=False)
    for at in (3.0, 9.0, 21.0):
        session.socket(at, ended=at + 4.0, close=(1011, "internal error", False))


@as_record("flows-socket-cut-in-answer", "flows", "websocket", "ws.dropped")
def cut_socket(session: Session) -> None:
    """The socket goes without a word while an answer runs."""
    session.arrive(socket=False)
    session.turn(8.0, body=sse(handoff_events("c", TOPIC)), took=0.3)
    session.socket(
        3.0, messages=answer_frames(9.7, TOPIC, words=30)[:14], ended=14.0, close=(1006, "", False)
    )
    session.turn(40.0, body=sse(handoff_events("c", TOPIC + "b")), took=0.3)
    session.socket(
        35.0,
        messages=answer_frames(41.7, TOPIC + "b", words=30)[:9],
        ended=45.0,
        close=(1006, "", False),
    )


@as_record("flows-subscribed-and-silent", "flows", "websocket", "ws.stalled")
def stalled(session: Session) -> None:
    """Some text of the answer comes, then nothing for four minutes."""
    session.arrive(socket=False)
    session.turn(8.0, body=sse(handoff_events("c", TOPIC)), took=0.3)
    session.socket(
        3.0, messages=answer_frames(9.7, TOPIC, words=40)[:18], ended=260.0, close=(1001, "", True)
    )
    for at in (30.0, 90.0, 150.0, 200.0):
        session.api(at, "conversation/c/stream_status", body={"status": "IS_STREAMING"})


@as_record("flows-answer-cut", "flows", "stream", "sse.cut")
def cut(session: Session) -> None:
    """The upstream connection goes away inside two answers."""
    session.arrive()
    for at in (8.0, 50.0):
        session.turn(at, body=sse(text_events("c", 90)[:44]), error="closed", took=30.0)


@as_record(
    "flows-inspection-buffers",
    "flows",
    "stream",
    "sse.buffered",
    "tls.intercept_breaks",
    vendor="Zscaler",
)
def buffered(session: Session) -> None:
    """Zscaler re-signs, speaks HTTP/1.1 and hands each answer over whole."""
    session.issuer, session.protocol = ZSCALER, "h1"
    session.arrive()
    for at in (8.0, 45.0, 90.0):
        body = sse(text_events("c", 150))
        session.turn(at, body=body, wait=16.0, receive=0.006, length=len(body))


@as_record("flows-error-in-stream", "flows", "stream", "sse.server_error")
def stream_error(session: Session) -> None:
    """The stream itself carries the service's error."""
    session.arrive()
    for at in (8.0, 30.0):
        failed = {
            "message": None,
            "conversation_id": "c",
            "error": "Something went wrong while generating the response.",
        }
        session.turn(at, body=sse([*text_events("c", 20)[:9], failed, "[DONE]"]))


@as_record("flows-challenge-page", "flows", "edge", "bot.challenge")
def challenge(session: Session) -> None:
    """The page itself is a challenge that is never passed."""
    for at in (0.0, 6.0, 14.0):
        session.page(at, status=403, body=pages.CHALLENGE, headers={"cf-mitigated": "challenge"})
        session.ask(
            at + 0.3,
            "/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=9c1",
            resource="script",
            mime="application/javascript",
            body=b"(function(){})()",
        )


@as_record("flows-unusual-activity-repeated", "flows", "edge", "bot.unusual_activity")
def unusual(session: Session) -> None:
    """Ten tries in a row are refused as automated."""
    session.arrive()
    for number in range(10):
        session.turn(
            8.0 + number * 1.3,
            guard=False,
            status=403,
            body=json.dumps(pages.UNUSUAL).encode(),
            mime="application/json",
            receive=0.01,
        )


@as_record("flows-firewall-rule-1020", "flows", "edge", "ip.reputation_block")
def rule_1020(session: Session) -> None:
    """The edge's rule refuses the address."""
    body = pages.cloudflare(1020, "Access denied")
    for at in (0.0, 5.0):
        session.page(at, status=403, body=body, headers={"cf-error-type": "1020"})


@as_record("flows-unsupported-country-api", "flows", "edge", "geo.blocked")
def country(session: Session) -> None:
    """The API refuses the exit's country."""
    session.agent = "OpenAI/Python 2.7.1"
    body = {
        "error": {
            "code": "unsupported_country_region_territory",
            "type": "request_forbidden",
            "message": "Country, region, or territory not supported",
            "param": None,
        }
    }
    for at in (0.0, 1.0, 3.0):
        session.ask(
            at,
            "https://api.openai.com/v1/responses",
            method="POST",
            status=403,
            body=json.dumps(body).encode(),
        )


@as_record("flows-null-address", "flows", "dns", "dns.sinkhole")
def null_address(session: Session) -> None:
    """The name leads to 0.0.0.0, where nothing listens."""
    for at in (0.0, 2.0, 7.0):
        session.page(at, status=0, error="refused", body=b"", peer="0.0.0.0")
    session.ask(
        9.0,
        "https://www.bing.com/",
        resource="document",
        mime=HTML,
        body=b"<html></html>",
        edge=False,
        peer="2.19.11.20",
    )


@as_record("flows-umbrella-certificate", "flows", "dns", "dns.sinkhole", vendor="Umbrella")
def umbrella(session: Session) -> None:
    """Umbrella's block page address with a certificate nobody knows."""
    session.issuer = ("Cisco", "Cisco Umbrella Secondary SubCA ams-SG")
    for at in (0.0, 2.0, 7.0):
        session.page(at, status=0, error="authority", body=b"", peer="146.112.61.104")
    session.ask(
        9.0,
        "https://www.bing.com/",
        resource="document",
        mime=HTML,
        body=b"<html></html>",
        edge=False,
        peer="2.19.11.20",
    )


@as_record("flows-nextdns-page", "flows", "dns", "dns.sinkhole", "proxy.denied", vendor="NextDNS")
def nextdns(session: Session) -> None:
    """NextDNS's own block page, which names it in a header."""
    for at in (0.0, 4.0):
        session.page(
            at,
            status=403,
            edge=False,
            body=b"<html><title>Blocked</title>This domain is blocked.</html>",
            headers={"blocked-by": "NextDNS", "server": "nextdns"},
            peer="45.90.28.0",
        )


@as_record(
    "flows-login-files-unknown", "flows", "dns", "dns.nxdomain_filter", "script.blocked_by_network"
)
def login_files(session: Session) -> None:
    """The sign-in page's file host does not resolve, seventy times."""
    session.page()
    session.assets()
    urls = [
        f"https://auth-cdn.oaistatic.com/assets/{name}"
        for name in ("entry-1.js", "manifest-2.js", "root-3.css")
    ]
    html = f'<html><head><script type="module" src="{urls[0]}"></script><script type="module" src="{urls[1]}"></script><link rel="stylesheet" href="{urls[2]}"></head></html>'
    session.ask(
        2.0, "https://auth.openai.com/log-in", resource="document", mime=HTML, body=html.encode()
    )
    for number in range(36):
        url = urls[number % 3]
        session.ask(
            2.5 + number,
            url,
            status=0,
            error="name",
            resource="stylesheet" if url.endswith("css") else "script",
        )


@as_record("flows-squid-denies", "flows", "proxy", "proxy.denied", vendor="Squid")
def squid(session: Session) -> None:
    """The company's Squid refuses the app."""
    session.proxy = "10.0.0.8:3128"
    for at in (0.0, 3.0, 7.0):
        session.page(
            at,
            status=403,
            edge=False,
            body=pages.SQUID,
            mime="text/html",
            headers={
                "server": "squid/6.10",
                "x-squid-error": "ERR_ACCESS_DENIED 0",
                "via": "1.1 proxy.corp.example (squid/6.10)",
            },
        )


@as_record("flows-palo-alto-page", "flows", "proxy", "proxy.denied", vendor="Palo Alto")
def palo_alto(session: Session) -> None:
    """The firewall's URL filter answers."""
    for at in (0.0, 3.0):
        session.page(at, status=503, edge=False, body=pages.PALO_ALTO, mime="text/html")


@as_record("flows-script-is-a-page", "flows", "script", "script.replaced")
def replaced(session: Session) -> None:
    """A company's own page came instead of three scripts."""
    session.issuer = ("Example Holding", "ca.exampleholding.goskope.com")
    session.page()
    session.assets(without=MODULES[1:4])
    for path in MODULES[1:4]:
        session.asset(
            0.5,
            path,
            mime="text/html",
            edge=False,
            headers={"server": "notice"},
            body=b"<html><title>Company notice</title><body>This content is restricted.</body></html>",
        )


@as_record("flows-origin-down-52x", "flows", "service", "service.outage", statuses=DOWN)
def down(session: Session) -> None:
    """Edge codes on several paths and hosts."""
    for number, (at, status) in enumerate(
        ((0.0, 524), (1.0, 522), (2.0, 520), (6.0, 524), (11.0, 520))
    ):
        headers = {"cf-error-type": "52x", "cf-error-origin": "origin"}
        session.page(
            at,
            status=status,
            body=pages.cloudflare(status, "A timeout occurred", status=status),
            headers=headers,
        )
        path = ("me", "models", "settings/user", "tasks", "pins")[number]
        session.api(
            at + 0.4,
            path,
            status,
            pages.cloudflare(status, "x", status=status),
            mime=HTML,
            headers=headers,
        )


@as_record("flows-upload-reset", "flows", "file", "file.upload_host_blocked")
def upload(session: Session) -> None:
    """The upload's PUT is reset each time."""
    session.arrive()
    url = "https://sdmntprkoreacentral.oaiusercontent.com/files/0000/raw?se=2026-10-06T13%3A00%3A00Z&sig=x"
    for at in (9.0, 16.0, 25.0):
        session.api(
            at,
            "files",
            method="POST",
            posted=b'{"file_name":"a.docx","file_size":90111,"use_case":"my_files"}',
            body={"status": "success", "upload_url": url, "file_id": "file_9"},
        )
        session.ask(at + 0.3, url, method="PUT", status=0, error="reset", posted=b"x" * 400)
        session.api(
            at + 1.0,
            "files/file_9/upload-failed",
            method="POST",
            posted=b'{"error":"failed_upload_to_blobstore"}',
        )


@as_record("flows-download-cut", "flows", "file", "file.download_cut")
def download(session: Session) -> None:
    """Less came than was announced, twice."""
    session.arrive()
    url = "/backend-api/estuary/content?id=file_0123456789abcdef0123456789abcdef&ts=497556&p=fs&cid=1&sig=x&v=0"
    for at in (9.0, 30.0):
        session.ask(
            at,
            url,
            mime="application/pdf",
            body=b"%PDF" + b"x" * 120_000,
            length=3_400_000,
            error="closed",
            resource="document",
            receive=20.0,
        )


@as_record("flows-clock-three-hours", "flows", "device", "device.clock_skew")
def clock(session: Session) -> None:
    """Every clean answer's date is three hours off; the sign-in is refused as not yet valid."""
    session.arrive()
    session.turn(8.0)
    for made in session.exchanges:
        made.headers = {
            **made.headers,
            "date": formatdate(session.start + made.at - 3 * 3600, usegmt=True),
        }


@as_record("flows-model-not-found", "flows", "service", "service.api_error")
def api_error(session: Session) -> None:
    """The API does not know the model."""
    session.agent = "OpenAI/JS 6.1.0"
    body = {
        "error": {
            "message": "The model `gpt-9` does not exist",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }
    }
    for at in (0.0, 2.0, 5.0):
        session.ask(
            at,
            "https://api.openai.com/v1/chat/completions",
            method="POST",
            status=404,
            body=json.dumps(body).encode(),
            headers={"x-request-id": "req_1", "openai-processing-ms": "12"},
        )


@as_record("flows-fine-tuning-failed", "flows", "service", "service.fine_tuning_failed")
def fine_tuning(session: Session) -> None:
    """A job fails on the service's side."""
    session.agent = "OpenAI/Python 2.7.1"
    job = {"object": "fine_tuning.job", "id": "ftjob-1", "status": "running", "error": None}
    url = "https://api.openai.com/v1/fine_tuning/jobs/ftjob-1"
    session.ask(0.0, url, body=json.dumps(job).encode())
    failed = {
        **job,
        "status": "failed",
        "finished_at": 1791203600,
        "trained_tokens": None,
        "error": {
            "code": "server_error",
            "param": None,
            "message": "The job failed due to an internal error",
        },
    }
    session.ask(60.0, url, body=json.dumps(failed).encode())


@as_record("flows-cookies-too-large", "flows", "browser", "browser.cookies_too_big")
def cookies(session: Session) -> None:
    """A header of 26 kB of cookies."""
    piled = "; ".join(f"conv_key_{session.uuid()}={'q' * 220}" for _ in range(98))
    for at in (0.0, 3.0):
        session.page(at, status=431, body=pages.COOKIES, mime="text/html", asked={"cookie": piled})


@as_record("flows-stale-chunk-is-html", "flows", "script", "script.stale_build")
def stale(session: Session) -> None:
    """A late chunk of the old build is gone at the edge."""
    session.page(body=document("prod-" + "c" * 40))
    session.assets(without=(LATER[3],))
    for at in (9.0, 10.0):
        session.asset(
            at,
            LATER[3],
            status=404,
            mime="text/html; charset=utf-8",
            body=b"<html>404 Not Found</html>",
            headers={"cf-cache-status": "MISS"},
        )
    session.api(2.0, "me", asked={"oai-client-version": "prod-" + "d" * 40})


@as_record("flows-upstream-407", "flows", "proxy", "proxy.auth_required")
def upstream_407(session: Session) -> None:
    """The upstream proxy wants a login."""
    session.proxy = "10.0.0.8:8080"
    for at in (0.0, 2.0, 5.0):
        made = session.page(at, status=0, error="tunnel", body=b"")
        made.error = "tunnel-407"


@as_record("flows-module-never-asked", "flows", "script", "script.blocked_by_extension")
def absent(session: Session) -> None:
    """One of eight modules never left the browser, and nothing starts."""
    session.page()
    for number, path in enumerate((CSS, *MODULES, SDK)):
        if path != MODULES[5]:
            session.asset(0.4 + number * 0.01, path)
    session.telemetry(2.0)


@as_record("flows-overloaded-busy", "flows", "service", "service.overloaded")
def busy(session: Session) -> None:
    """The API is overloaded."""
    body = {
        "error": {
            "type": "service_unavailable_error",
            "code": "server_is_overloaded",
            "message": "overloaded",
        }
    }
    for at in (0.0, 2.0, 6.0, 14.0):
        session.ask(
            at,
            "https://api.openai.com/v1/responses",
            method="POST",
            status=503,
            body=json.dumps(body).encode(),
            headers={"retry-after": "8", "x-request-id": "req_2"},
        )


@as_record("flows-cookie-loop", "flows", "browser", "browser.cookie_conflict")
def cookie_loop(session: Session) -> None:
    """Two session cookies of one name, and a sign-in that turns in circles."""
    twice = "__Secure-next-auth.session-token=aaa; oai-did=1; __Secure-next-auth.session-token=bbb"
    for number in range(9):
        session.ask(
            number * 0.8,
            "https://chatgpt.com/auth/login",
            status=302,
            resource="document",
            asked={"cookie": twice},
            headers={"location": "https://chatgpt.com/"},
        )
        session.ask(
            number * 0.8 + 0.3,
            "https://chatgpt.com/",
            status=302,
            resource="document",
            asked={"cookie": twice},
            headers={"location": "https://chatgpt.com/auth/login"},
        )
