"""Sessions that a browser or a debugging proxy saved as HAR: one fault each."""

from __future__ import annotations

import json

import session_pages as pages
from scene import DOWN
from session import Session
from session_parts import ASSETS, CSS, MODULES, SDK, document, sse, text_events
from session_scene import as_record

HTML = "text/html; charset=utf-8"


@as_record("chrome-extension-blocks-module", "chrome", "script", "script.blocked_by_extension")
def chrome_extension(session: Session) -> None:
    """ERR_BLOCKED_BY_CLIENT is proof of an extension; the rest of the page loads."""
    session.page()
    session.assets(without=(MODULES[4],))
    session.asset(0.43, MODULES[4], status=0, error="client-blocked")
    session.api(1.1, "/api/auth/session", body={"accessToken": "x"})
    session.telemetry(2.0)


@as_record("safari-content-blocker-sentinel", "safari", "script", "script.blocked_by_extension")
def safari_blocker(session: Session) -> None:
    """Safari names its content blocker; the integrity script is one of the needed ones."""
    session.page()
    session.assets(without=(SDK,))
    session.asset(0.6, SDK, status=0, error="client-blocked")
    session.boot()
    session.turn(
        6.0,
        status=403,
        body=json.dumps(pages.UNUSUAL).encode(),
        mime="application/json",
        receive=0.01,
        guard=False,
    )


@as_record("firefox-module-never-asked", "firefox", "script", "script.blocked_by_extension")
def firefox_absent(session: Session) -> None:
    """Firefox writes nothing for a request its add-on stopped: only the absence shows."""
    session.page()
    for number, path in enumerate((CSS, *MODULES)):
        if path != MODULES[0]:
            session.asset(0.4 + number * 0.006, path)
    session.asset(0.5, SDK)
    session.telemetry(1.0, 2)


@as_record("chrome-managed-policy", "chrome", "script", "script.blocked_by_policy")
def chrome_policy(session: Session) -> None:
    """A managed browser refuses two modules (ERR_BLOCKED_BY_ADMINISTRATOR)."""
    session.page()
    session.assets(without=MODULES[2:4])
    for path in MODULES[2:4]:
        session.asset(0.41, path, status=0, error="policy")


@as_record("chrome-stale-chunk", "chrome", "script", "script.stale_build")
def chrome_stale(session: Session) -> None:
    """An old stored page asks for a chunk that the edge no longer has."""
    session.page(cached=True, body=document("prod-" + "a" * 40))
    session.assets(without=(MODULES[1],))
    missing = b'{"detail":"Not Found"}'
    session.asset(0.42, MODULES[1], status=404, mime="application/json", body=missing)
    session.api(1.0, "me", headers={"x-build": "prod-" + "b" * 40})


@as_record("charles-zscaler-block-page", "charles", "proxy", "proxy.denied", vendor="Zscaler")
def charles_zscaler(session: Session) -> None:
    """The company's cloud proxy answers the page itself."""
    session.protocol = "h1"
    for at in (0.0, 4.0, 9.5):
        session.page(
            at,
            status=403,
            body=pages.ZSCALER,
            edge=False,
            headers={"server": "Zscaler/6.2", "cache-control": "no-cache"},
        )


@as_record(
    "chrome-fortiguard-script",
    "chrome",
    "script",
    "script.replaced",
    "proxy.denied",
    vendor="Forti",
)
def chrome_fortiguard(session: Session) -> None:
    """A web filter's page came back where two scripts should be."""
    session.page()
    session.assets(without=(MODULES[3], LATE))
    for path in (MODULES[3], LATE):
        session.asset(0.45, path, mime="text/html", body=pages.FORTIGUARD, edge=False)


LATE = ASSETS[-2]


@as_record("chrome-challenge-on-call", "chrome", "edge", "bot.challenge")
def chrome_challenge(session: Session) -> None:
    """Calls get the challenge's HTML instead of JSON."""
    session.arrive(socket=False)
    for at in (8.0, 11.0, 16.0):
        session.api(
            at,
            "f/conversation/prepare",
            403,
            pages.CHALLENGE,
            mime=HTML,
            method="POST",
            headers={"cf-mitigated": "challenge"},
        )


@as_record("firefox-vpn-page", "firefox", "edge", "ip.reputation_block")
def firefox_vpn_page(session: Session) -> None:
    """The service's own page for refused exit addresses."""
    session.colo = "FRA"
    session.page(status=403, body=pages.VPN, mime="text/html")
    session.ask(0.4, "/favicon.ico", resource="image", status=403, mime="text/html", body=pages.VPN)
    session.page(12.0, status=403, body=pages.VPN, mime="text/html")


@as_record("safari-country-banned", "safari", "edge", "geo.blocked")
def safari_geo(session: Session) -> None:
    """Error 1009: the exit's country is banned."""
    body = pages.cloudflare(1009, "Access denied")
    session.colo = "HKG"
    session.page(status=403, body=body)
    session.page(7.0, status=403, body=body)


@as_record("chrome-unusual-activity", "chrome", "edge", "bot.unusual_activity")
def chrome_unusual(session: Session) -> None:
    """Sending is refused with JSON."""
    session.arrive()
    for at in (9.0, 30.0):
        session.turn(
            at,
            status=403,
            body=json.dumps(pages.UNUSUAL).encode(),
            mime="application/json",
            receive=0.01,
        )


@as_record("fiddler-model-cap", "fiddler", "account", "rate.limited")
def fiddler_cap(session: Session) -> None:
    """The plan's cap for a model."""
    session.arrive()
    session.turn(8.0)
    body = json.dumps(pages.MODEL_CAP).encode()
    session.turn(40.0, status=429, body=body, mime="application/json", receive=0.01)


@as_record("chrome-edge-rate-limit", "chrome", "edge", "rate.limited")
def chrome_1015(session: Session) -> None:
    """Error 1015 at the edge."""
    session.arrive(socket=False)
    body = pages.cloudflare(1015, "You are being rate limited")
    for at in (6.0, 40.0, 90.0):
        session.api(
            at,
            "conversations?offset=0&limit=28&order=updated",
            429,
            body,
            mime=HTML,
            headers={"retry-after": "30"},
        )


@as_record("chrome-session-expired", "chrome", "account", "account.session_expired")
def chrome_expired(session: Session) -> None:
    """Calls stay 401 after the session was read again."""
    session.page()
    session.assets()
    gone = {"detail": {"message": "Your session has expired.", "code": "token_expired"}}
    for at in (1.0, 5.0, 9.0):
        session.api(at, "/api/auth/session", body={})
        for number, path in enumerate(("me", "models", "settings/user")):
            session.api(at + 0.2 + number * 0.02, path, 401, gone)


@as_record("firefox-workspace-deactivated", "firefox", "account", "account.state")
def firefox_workspace(session: Session) -> None:
    """The workspace is gone, whatever is called."""
    session.page()
    session.assets()
    body = {
        "detail": {
            "code": "deactivated_workspace",
            "message": "This workspace has been deactivated.",
        }
    }
    for number, path in enumerate(("me", "models", "settings/user", "conversation/init")):
        session.api(1.0 + number * 0.05, path, 403, body)
    session.page(2.0, "/workspace/deactivated")


@as_record("fiddler-cookies-too-large", "fiddler", "browser", "browser.cookies_too_big")
def fiddler_cookies(session: Session) -> None:
    """Cookies of old conversations have piled up past what the edge takes."""
    session.protocol = "h1"
    piled = "; ".join(f"conv_key_{session.uuid()}={'k' * 180}" for _ in range(90))
    for at in (0.0, 3.0, 10.0):
        session.page(at, status=400, body=pages.COOKIES, mime="text/html", asked={"cookie": piled})


@as_record(
    "chrome-websocket-squid", "chrome", "websocket", "ws.upgrade_stripped", "ws.connect_failed"
)
def chrome_ws_squid(session: Session) -> None:
    """A proxy answers the upgrade itself; the rest works."""
    session.arrive(socket=False)
    for at in (3.0, 4.5, 8.0, 15.0):
        session.socket(
            at,
            status=502,
            mime="text/html",
            edge=False,
            body=b"<html>Bad Gateway</html>",
            headers={"via": "1.1 proxy.corp.example (squid/6.10)", "server": "squid/6.10"},
        )
    session.turn(9.0)


@as_record("chrome-answer-buffered", "chrome", "stream", "sse.buffered")
def chrome_buffered(session: Session) -> None:
    """Three answers come whole at their end, with a length and a proxy's mark."""
    session.arrive()
    for at in (8.0, 40.0, 75.0):
        body = sse(text_events("c", 160))
        session.turn(
            at,
            body=body,
            wait=14.0,
            receive=0.012,
            headers={"content-length": str(len(body)), "via": "1.1 gw.corp.example"},
        )


@as_record("chrome-answer-cut", "chrome", "stream", "sse.cut")
def chrome_cut(session: Session) -> None:
    """The stream of the answer dies with an HTTP/2 error, twice."""
    session.arrive()
    for at in (8.0, 50.0):
        session.turn(at, body=sse(text_events("c", 80)[:40]), error="h2", took=31.0)


@as_record("safari-answer-cut", "safari", "stream", "sse.cut")
def safari_cut(session: Session) -> None:
    """The same in Safari's words."""
    session.arrive()
    session.turn(8.0, body=sse(text_events("c", 80)[:25]), error="closed", took=20.0)


@as_record(
    "chrome-upload-host-unknown",
    "chrome",
    "file",
    "file.upload_host_blocked",
    "dns.nxdomain_filter",
)
def chrome_upload(session: Session) -> None:
    """The storage host's name does not resolve, the rest works."""
    session.arrive()
    host = "sdmntprwesteurope.oaiusercontent.com"
    url = f"https://{host}/files/000-1/raw?se=2026-10-06T13%3A00%3A00Z&sp=cw&sig=x"
    for at in (9.0, 30.0):
        session.api(
            at,
            "files",
            method="POST",
            posted=b'{"file_name":"a.pdf","file_size":88123,"use_case":"my_files"}',
            body={"status": "success", "upload_url": url, "file_id": "file_1"},
        )
        session.ask(at + 0.3, url, method="PUT", status=0, error="name", resource="xhr")
        session.api(
            at + 0.6,
            "files/file_1/upload-failed",
            method="POST",
            posted=b'{"error":"failed_upload_to_blobstore"}',
        )
    session.turn(45.0)


@as_record("firefox-expired-file-link", "firefox", "file", "file.link_expired")
def firefox_sas(session: Session) -> None:
    """A signed link is opened after its end."""
    session.arrive()
    session.turn(8.0)
    url = (
        "https://files.oaiusercontent.com/file-AbC123?se=2026-10-05T09%3A00%3A00Z&sp=r&sv=2026-02-06&sr=b"
        "&rscd=attachment%3B%20filename%3Dreport.xlsx&sig=abc"
    )
    for at in (20.0, 24.0):
        session.ask(
            at,
            url,
            status=403,
            mime="application/xml",
            body=pages.SAS_EXPIRED,
            edge=False,
            headers={
                "server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
                "x-ms-error-code": "AuthenticationFailed",
                "x-ms-request-id": session.uuid(),
            },
            resource="document",
        )


@as_record("chrome-outage", "chrome", "service", "service.outage", statuses=DOWN)
def chrome_outage(session: Session) -> None:
    """Many paths answer 502 from the edge while the status page tells of an incident."""
    session.page()
    session.assets()
    body = pages.cloudflare(502, "502: Bad gateway")
    for number, path in enumerate(
        ("me", "models", "conversations?offset=0&limit=28", "settings/user", "conversation/init")
    ):
        for retry in (0.0, 2.0, 6.0):
            session.api(1.0 + number * 0.05 + retry, path, 502, body, mime=HTML)
    session.ask(
        12.0,
        "https://status.openai.com/api/v2/summary.json",
        body=pages.status_page(
            "major", "Conversations", "major_outage", "Elevated errors on ChatGPT"
        ),
    )


@as_record(
    "chrome-login-files-unknown",
    "chrome",
    "dns",
    "dns.nxdomain_filter",
    "script.blocked_by_network",
)
def chrome_login_files(session: Session) -> None:
    """The sign-in page comes, the host of its files does not resolve."""
    session.page()
    files = [
        f"https://auth-cdn.oaistatic.com/assets/{name}"
        for name in (
            "root-a1b2c3d4.css",
            "entry-9f8e7d6c.js",
            "manifest-1a2b3c4d.js",
            "login-55aa66bb.js",
        )
    ]
    html = "".join(
        f'<script type="module" src="{url}"></script>'
        if url.endswith("js")
        else f'<link rel="stylesheet" href="{url}">'
        for url in files
    )
    page = f"<!DOCTYPE html><html><head><title>Log in</title>{html}</head><body></body></html>"
    session.ask(
        2.0, "https://auth.openai.com/log-in", resource="document", mime=HTML, body=page.encode()
    )
    for number, url in enumerate(files * 3):
        kind = "stylesheet" if url.endswith("css") else "script"
        session.ask(
            2.3 + number,
            url,
            status=0,
            error="name",
            resource=kind,
            initiator="https://auth.openai.com/log-in",
        )


@as_record("chrome-poll-storm", "chrome", "rate", "rate.retry_storm")
def chrome_storm(session: Session) -> None:
    """Recovery polls that go on through 429 and never slow down."""
    session.arrive(socket=False)
    for number in range(30):
        at = 12.0 + number * 1.1
        session.api(at, "conversations/c-1?num_turns=10", 429, {"detail": "Too many requests"})
        if number % 3:
            session.api(at + 0.01, "conversation/c-1/stream_status", 0, b"", error="aborted")
        else:
            session.api(
                at + 0.01, "conversation/c-1/stream_status", body={"status": "IS_STREAMING"}
            )


@as_record("chrome-network-changed", "chrome", "network", "net.offline_gap")
def chrome_changed(session: Session) -> None:
    """The Wi-Fi flips: everything in flight dies at once, then all works again."""
    session.arrive()
    session.turn(8.0, body=sse(text_events("c", 80)[:30]), error="changed", took=5.0)
    for path in ("sentinel/ping", "conversations?offset=0&limit=28", "tasks"):
        session.api(13.7, path, 0, b"", error="changed", wait=0.2)
    session.page(14.2, status=0, error="offline", body=b"")
    session.page(19.0)
    session.assets(19.4)
    session.boot(20.0)


@as_record("chrome-dead-proxy", "chrome", "proxy", "proxy.dead_setting")
def chrome_dead_proxy(session: Session) -> None:
    """The browser's proxy does not answer for anything."""
    for at in (0.0, 3.0, 8.0):
        session.page(at, status=0, error="proxy", body=b"")
        session.ask(at + 0.5, "https://www.bing.com/", status=0, error="proxy", resource="document")


@as_record("fiddler-proxy-login", "fiddler", "proxy", "proxy.auth_required")
def fiddler_407(session: Session) -> None:
    """The proxy asks for a login."""
    session.protocol = "h1"
    for at in (0.0, 2.0, 5.0):
        session.page(
            at,
            status=407,
            edge=False,
            mime="text/html",
            body=b"<h1>Proxy Authentication Required</h1>",
            headers={"proxy-authenticate": "NTLM", "via": "1.1 wsa04.corp.example"},
        )


@as_record("chrome-unknown-authority", "chrome", "tls", "tls.intercept_breaks", "tls.cert_invalid")
def chrome_authority(session: Session) -> None:
    """The browser does not know who signed the certificate."""
    for at in (0.0, 5.0):
        session.page(at, status=0, error="authority", body=b"")
        session.ask(at + 0.2, "https://ab.chatgpt.com/v1/initialize", status=0, error="authority")
    session.ask(
        9.0,
        "https://www.wikipedia.org/",
        resource="document",
        mime=HTML,
        body=b"<html></html>",
        edge=False,
    )


@as_record("safari-overloaded", "safari", "service", "service.overloaded")
def safari_overloaded(session: Session) -> None:
    """The model is at capacity."""
    session.arrive()
    body = {
        "error": {
            "type": "service_unavailable_error",
            "code": "server_is_overloaded",
            "message": "The selected model is at capacity. Please try a different model.",
        }
    }
    for at in (8.0, 15.0, 30.0):
        session.turn(
            at,
            status=503,
            body=json.dumps(body).encode(),
            mime="application/json",
            receive=0.01,
            headers={"retry-after": "20"},
        )


@as_record("chrome-captive-portal", "chrome", "network", "net.captive_portal")
def chrome_portal(session: Session) -> None:
    """A hotel's sign-in page answers the probe, and the app's names do not come through."""
    portal = "http://10.5.50.1/login?dst=http%3A%2F%2Fwww.gstatic.com%2Fgenerate_204"
    session.ask(
        0.0,
        "http://www.gstatic.com/generate_204",
        status=302,
        edge=False,
        mime="text/html",
        headers={"location": portal},
        peer="142.250.185.99",
        resource="document",
    )
    session.ask(
        0.2,
        portal,
        mime="text/html",
        body=b"<html><title>Hotel Wi-Fi login</title></html>",
        edge=False,
        peer="10.5.50.1",
        resource="document",
    )
    for at in (1.0, 6.0):
        session.page(at, status=0, error="authority", body=b"")


@as_record("chrome-file-too-large", "chrome", "file", "file.too_large")
def chrome_too_large(session: Session) -> None:
    """The file is over the service's limit."""
    session.arrive()
    session.api(
        9.0,
        "files",
        413,
        {"status": "error", "error_code": "file_too_large"},
        method="POST",
        posted=b'{"file_name":"disk.zip","file_size":612368384,"use_case":"my_files"}',
    )
    session.turn(20.0)


@as_record("chrome-umbrella-address", "chrome", "dns", "dns.sinkhole", vendor="Umbrella")
def chrome_umbrella(session: Session) -> None:
    """The app's name leads to Umbrella's block page address, whose certificate is refused."""
    for at in (0.0, 4.0, 11.0):
        session.page(at, status=0, error="authority", body=b"", peer="146.112.61.106")
    session.ask(
        20.0,
        "https://www.bing.com/",
        resource="document",
        mime=HTML,
        body=b"<html></html>",
        edge=False,
        peer="2.19.11.20",
    )


@as_record("chrome-slow-lookups", "chrome", "dns", "dns.slow")
def chrome_slow_lookup(session: Session) -> None:
    """Every new host waits more than a second for its address."""
    session.lookup = 1.62
    session.page()
    session.assets(2.2)
    session.boot(4.0)
    session.socket(6.0)
    session.ask(7.0, "https://auth.openai.com/", resource="fetch")
    session.ask(7.5, "https://cdn.oaistatic.com/assets/a.woff2", resource="font")
    session.turn(9.0)
