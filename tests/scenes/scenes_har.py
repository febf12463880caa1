"""Scenes as a user saves them from the browser's developer tools."""

from __future__ import annotations

from typing import Any

from scene import BAD, BLOCKED, DOWN, UNCLEAR, WELL, in_har
from scene_har import BLOB, CHUNKS, EDGE, HTML, JS, STREAM, Har

LIMITED = frozenset({"impaired"})
NAME = "net::ERR_NAME_NOT_RESOLVED"
CHUNK = f"https://chatgpt.com/cdn/assets/{CHUNKS[0]}"
SIGNED = "https://sdmntprsoutheastasia.oaiusercontent.com/files/00000000-a/raw"
EDGE_500 = "<html><head><title>chatgpt.com | 520: Web server is returning an unknown error</title>"
AZURE = {"server": "Windows-Azure-Blob/1.0", "x-ms-request-id": "1"}
CHALLENGE = (
    "<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={};"
    'var a="/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1"</script></body></html>'
)
ZSCALER = (
    "<html><head><title>Internet Security by Zscaler</title></head><body>Sorry, you don't have "
    "permission to visit this site. <a href='https://gateway.zscaler.net/'>policy</a></body></html>"
)


# --- well


@in_har("har-healthy", "none", statuses=WELL)
def healthy(har: Har) -> None:
    har.visit()
    har.turn(5)
    har.turn(20)


@in_har("har-healthy-telemetry-blocked", "none", statuses=WELL)
def telemetry_blocked(har: Har) -> None:
    har.visit()
    for url in (
        "https://o33249.ingest.sentry.io/api/1/envelope/",
        "https://browser-intake-datadoghq.com/api/v2/rum",
        "https://chatgpt.com/ces/v1/t",
    ):
        har.ask(3, url, method="POST", error="net::ERR_BLOCKED_BY_CLIENT")
    har.turn()


@in_har("har-healthy-refresh", "none", statuses=WELL)
def refresh(har: Har) -> None:
    """401, a new session, and the same request again with 200."""
    har.visit()
    har.api(4, "/backend-api/me", 401, '{"detail":{"code":"token_expired","message":"expired"}}')
    har.api(4.2, "/api/auth/session", body='{"expires":"2026-12-01T00:00:00Z"}')
    har.api(4.5, "/backend-api/me")
    har.turn()


@in_har("har-healthy-502-once", "none", statuses=WELL)
def bad_gateway_once(har: Har) -> None:
    har.visit()
    har.api(3, "/backend-api/models", 502, "<html>502 Bad gateway</html>", kind=HTML)
    har.api(4, "/backend-api/models")
    har.turn()


@in_har("har-healthy-aborted", "none", statuses=WELL)
def aborted(har: Har) -> None:
    """The user goes on to another conversation: the page gives up what it asked for."""
    har.visit()
    har.turn()
    for at in (12, 13):
        har.api(at, "/backend-api/conversation/6f/stream_status", error="net::ERR_ABORTED")
    har.api(14, "/backend-api/conversation/70")


@in_har("har-healthy-cached", "none", statuses=WELL)
def cached(har: Har) -> None:
    har.page()
    for name in CHUNKS:
        url = f"https://chatgpt.com/cdn/assets/{name}"
        har.ask(0.2, url, body="export{}", kind=JS, resource="script", cached=True, address=None)
    har.calls()
    har.socket()
    har.turn()


@in_har("har-healthy-challenge-passed", "none", statuses=WELL)
def challenge_passed(har: Har) -> None:
    har.page(status=403, body=CHALLENGE, headers={"cf-mitigated": "challenge"})
    har.ask(0.5, "https://challenges.cloudflare.com/turnstile/v0/api.js", body="x", kind=JS)
    har.ask(2, "https://chatgpt.com/cdn-cgi/challenge-platform/h/g/flow/ov1/1", method="POST")
    har.page(3)
    har.assets(3.2)
    har.calls(4)
    har.turn(8)


@in_har("har-healthy-429-once", "none", statuses=WELL)
def limited_once(har: Har) -> None:
    har.visit()
    har.api(
        3, "/backend-api/conversations?offset=28&limit=28", 429, '{"detail":"Too many requests"}'
    )
    har.api(9, "/backend-api/conversations?offset=28&limit=28")
    har.turn(12)


@in_har("har-healthy-missing-picture", "none", statuses=WELL)
def missing_picture(har: Har) -> None:
    har.visit()
    har.ask(3, "https://chatgpt.com/favicon-x.ico", 404, "", "image/x-icon", resource="image")
    har.ask(3, "https://lh3.googleusercontent.com/a/photo", error=NAME, resource="image")
    har.turn()


@in_har("har-foreign", "none", statuses=UNCLEAR)
def foreign(har: Har) -> None:
    """A session with another site that fails: nothing about ChatGPT."""
    har.ask(
        0, "https://example.org/", 500, "<html>error</html>", HTML, edge=False, address="192.0.2.9"
    )
    har.ask(1, "https://example.org/app.js", error="net::ERR_BLOCKED_BY_CLIENT")


# --- scripts


def _script(name: str, error: str, *primary: str, statuses: frozenset[str] = BLOCKED) -> None:
    def draw(har: Har) -> None:
        har.page()
        har.assets(without=(CHUNKS[0],))
        har.ask(0.3, CHUNK, error=error, resource="script", address=None)

    in_har(name, "script", *primary, statuses=statuses)(draw)


_script("har-extension", "net::ERR_BLOCKED_BY_CLIENT", "script.blocked_by_extension")
_script("har-policy-csp", "net::ERR_BLOCKED_BY_CSP", "script.blocked_by_policy", statuses=BAD)
_script(
    "har-policy-managed",
    "net::ERR_BLOCKED_BY_ADMINISTRATOR",
    "script.blocked_by_policy",
    statuses=BAD,
)
_script("har-script-reset", "net::ERR_CONNECTION_RESET", "script.blocked_by_network")


@in_har("har-stale", "script", "script.stale_build", statuses=BAD)
def stale(har: Har) -> None:
    har.page(cached=True, address=None)
    har.assets(without=CHUNKS)
    for name in CHUNKS:
        url = f"https://chatgpt.com/cdn/assets/{name}"
        har.ask(0.5, url, 404, "<html>Not Found</html>", HTML, resource="script")


@in_har("har-script-zscaler", "script", "script.replaced", "proxy.denied", vendor="Zscaler")
def script_zscaler(har: Har) -> None:
    har.page()
    har.assets(without=(CHUNKS[0],))
    har.ask(
        0.3,
        CHUNK,
        403,
        ZSCALER,
        HTML,
        edge=False,
        resource="script",
        headers={"server": "Zscaler/6.2"},
    )


@in_har("har-name", "dns", "dns.nxdomain_filter", "script.blocked_by_network", "dns.timeout")
def name_of_scripts(har: Har) -> None:
    """The older page's script host does not resolve."""
    html = (
        '<html><body><script src="https://cdn.oaistatic.com/assets/manifest-1a2b3c4d.js"></script>'
    )
    har.page(body=html + "</body></html>")
    har.calls()
    har.ask(
        0.4, "https://cdn.oaistatic.com/assets/manifest-1a2b3c4d.js", error=NAME, resource="script"
    )


# --- service


def _outage(name: str, status: int, body: str, kind: str, *primary: str, **more: Any) -> None:
    def draw(har: Har) -> None:
        har.page()
        har.assets()
        for index, path in enumerate(("me", "models", "conversations?offset=0", "me", "models")):
            har.api(1 + index, f"/backend-api/{path}", status, body, kind=kind, **more)
        har.api(8, "/backend-api/f/conversation", status, body, kind=kind, method="POST", **more)
        har.api(14, "/backend-api/f/conversation", status, body, kind=kind, method="POST", **more)

    in_har(name, "service", *primary, statuses=DOWN | LIMITED)(draw)


_outage("har-outage-500", 500, '{"detail":"Internal Server Error"}', JS, "service.outage")
_outage("har-outage-520", 520, EDGE_500, HTML, "service.outage", headers={"cf-error-type": "520"})
_outage(
    "har-overloaded",
    503,
    '{"error":{"type":"service_unavailable_error","code":"server_is_overloaded","message":"busy"}}',
    "application/json",
    "service.overloaded",
)


@in_har("har-api-error", "service", "service.api_error", statuses=LIMITED | DOWN)
def api_error(har: Har) -> None:
    body = '{"error":{"message":"The server had an error","type":"server_error"}}'
    har.ask(0, "https://api.openai.com/v1/models", headers={"x-request-id": "req_1"})
    for at in (1, 4, 9):
        har.ask(
            at, "https://api.openai.com/v1/chat/completions", 500, body, method="POST",
            headers={"x-request-id": f"req_{at}"},
        )  # fmt: skip


@in_har("har-fine-tuning", "service", "service.fine_tuning_failed", statuses=LIMITED | DOWN)
def fine_tuning(har: Har) -> None:
    body = (
        '{"id":"ftjob-1","object":"fine_tuning.job","status":"failed","finished_at":1790000000,'
        '"error":{"code":"server_error","param":null,"message":"The job failed"}}'
    )
    url = "https://api.openai.com/v1/fine_tuning/jobs/ftjob-1"
    har.ask(0, url, body=body, headers={"x-request-id": "req_1"})
    har.ask(5, url, body=body, headers={"x-request-id": "req_2"})


@in_har("har-stream-error", "service", "sse.server_error", statuses=LIMITED | DOWN)
def stream_error(har: Har) -> None:
    har.visit()
    bad = (
        'event: delta_encoding\ndata: "v1"\n\n'
        'data: {"message":null,"conversation_id":"c","error":"Something went wrong"}\n\n'
    )
    har.turn(5, body=bad)
    har.turn(15, body=bad)


# --- limits, account, reputation


def _answer(name: str, fault: str, status: int, body: str, *primary: str, **more: Any) -> None:
    """Sending a message is refused twice with this answer; the rest of the page works."""
    statuses = more.pop("statuses", BAD)

    def draw(har: Har) -> None:
        har.visit()
        for at in (6, 16):
            har.api(at, "/backend-api/f/conversation", status, body, method="POST", **more)

    in_har(name, fault, *primary, statuses=statuses)(draw)


_answer(
    "har-cap", "account", 429,
    '{"detail":{"clears_in":252,"code":"model_cap_exceeded","message":"You have sent too many"}}',
    "rate.limited",
)  # fmt: skip
_answer(
    "har-1015", "account", 429,
    "<html><title>Access denied | Cloudflare</title>error code: 1015</html>",
    "rate.limited", kind=HTML,
)  # fmt: skip
_answer("har-challenge", "vpn", 403, CHALLENGE, "bot.challenge", kind=HTML,
        headers={"cf-mitigated": "challenge"})  # fmt: skip
_answer(
    "har-unusual", "vpn", 403,
    '{"detail":"Unusual activity has been detected from your device. Try again later. (abc-SIN)"}',
    "bot.unusual_activity",
)  # fmt: skip
_answer(
    "har-deactivated",
    "account",
    403,
    '{"detail":{"code":"deactivated_workspace"}}',
    "account.state",
)
_answer(
    "har-too-long", "account", 413,
    '{"detail":{"code":"message_length_exceeds_limit","message":"It was too long"}}',
    "service.api_error", "file.too_large",
)  # fmt: skip


def _refused_page(name: str, body: str, *primary: str, status: int = 403, **more: Any) -> None:
    def draw(har: Har) -> None:
        har.page(status=status, body=body, **more)
        har.page(10, status=status, body=body, **more)

    in_har(name, "vpn", *primary, statuses=BLOCKED)(draw)


_refused_page(
    "har-vpn-page",
    '<html><body><div class="blocked-icon"></div>Unable to load site. Please try '
    "again later. If you are using a VPN, try turning it off. [IP: | Ray ID:9a1b]</body></html>",
    "ip.reputation_block",
)
_refused_page("har-1020", "<html>Access denied error code: 1020</html>", "ip.reputation_block")
_refused_page("har-1009", "<html>Access denied error code: 1009</html>", "geo.blocked")
_refused_page(
    "har-squid",
    "<html><title>ERROR: The requested URL could not be retrieved</title>Access Denied</html>",
    "proxy.denied",
    edge=False,
    headers={
        "server": "squid/6.6",
        "x-squid-error": "ERR_ACCESS_DENIED 0",
        "via": "1.1 gw (squid/6.6)",
    },
)
_refused_page("har-407", "<html>Proxy Authentication Required</html>", "proxy.auth_required",
              status=407, edge=False, headers={"proxy-authenticate": "Basic realm=x"})  # fmt: skip
_refused_page("har-zscaler", ZSCALER, "proxy.denied", edge=False, headers={"server": "Zscaler/6.2"})


@in_har("har-country", "vpn", "geo.blocked", statuses=BLOCKED)
def country(har: Har) -> None:
    har.visit()
    body = (
        '{"error":{"code":"unsupported_country_region_territory","type":"request_forbidden",'
        '"message":"Country, region, or territory not supported"}}'
    )
    for at in (4, 8):
        har.ask(at, "https://auth.openai.com/oauth/token", 403, body, method="POST")


@in_har("har-expired", "account", "account.session_expired", statuses=BAD)
def expired(har: Har) -> None:
    har.page()
    har.assets()
    gone = '{"detail":{"code":"token_expired","message":"Your session has expired."}}'
    for at in (1, 2, 5, 9):
        har.api(at, "/backend-api/me", 401, gone)
        har.api(at + 0.3, "/api/auth/session", body="{}")
        har.api(at + 0.5, "/backend-api/conversations?offset=0&limit=28", 401, gone)


@in_har("har-cookies", "browser", "browser.cookies_too_big", statuses=BLOCKED)
def cookies(har: Har) -> None:
    body = "<html><head><title>400 Request Header Or Cookie Too Large</title></head></html>"
    for at in (0, 5):
        har.page(at, status=400, body=body, request={"cookie": "a" * 17000})


@in_har(
    "har-retry-storm",
    "account",
    "rate.retry_storm",
    "rate.limited",
    statuses=LIMITED,
    also=("rate.retry_storm",),
)
def retry_storm(har: Har) -> None:
    har.visit()
    for number in range(45):
        har.api(
            6 + number,
            "/backend-api/conversations/6f?num_turns=10",
            429,
            '{"detail":"Too many requests"}',
        )


# --- files


@in_har("har-link-expired", "file", "file.link_expired", statuses=LIMITED)
def link_expired(har: Har) -> None:
    har.visit()
    har.turn()
    xml = (
        '<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code>'
        "<AuthenticationErrorDetail>Signature not valid in the specified time frame"
        "</AuthenticationErrorDetail></Error>"
    )
    url = f"{SIGNED}?se=2026-09-20T10%3A00%3A00Z&sp=r&sv=2024-08-04&sr=b&sig=abc%3D"
    for at in (12, 20):
        har.ask(at, url, 403, xml, "application/xml", edge=False, address=BLOB,
                headers={**AZURE, "x-ms-error-code": "AuthenticationFailed"})  # fmt: skip


@in_har("har-too-large", "file", "file.too_large", statuses=LIMITED)
def too_large(har: Har) -> None:
    har.visit()
    answer = '{"status":"error","error_code":"file_too_large"}'
    har.api(6, "/backend-api/files", body=answer, method="POST",
            posted='{"file_name":"x.zip","file_size":700000000,"use_case":"my_files"}')  # fmt: skip


@in_har("har-upload-blocked", "file", "file.upload_host_blocked", statuses=BAD)
def upload_blocked(har: Har) -> None:
    har.visit()
    granted = f'{{"status":"success","file_id":"file-1","upload_url":"{SIGNED}"}}'
    for at in (6, 20):
        har.api(at, "/backend-api/files", body=granted, method="POST", posted='{"file_size":1000}')
        har.ask(at + 1, f"{SIGNED}?se=2026-09-22T10%3A00%3A00Z&sig=abc", method="PUT",
                error="net::ERR_CONNECTION_RESET", address=None)  # fmt: skip
        har.api(at + 2, "/backend-api/files/file-1/upload-failed", method="POST")


@in_har("har-download-cut", "file", "file.download_cut", statuses=LIMITED)
def download_cut(har: Har) -> None:
    har.visit()
    har.turn()
    for at in (12, 30):
        url = f"{SIGNED}?se=2026-09-30T10%3A00%3A00Z&sig=abc"
        made = har.ask(at, url, 200, "", "application/zip", edge=False, address=BLOB,
                       length=40_000, headers={**AZURE, "content-length": "9000000"})  # fmt: skip
        made["response"]["_error"] = "net::ERR_CONTENT_LENGTH_MISMATCH"


@in_har("har-container-gone", "file", "file.interpreter_unavailable", statuses=WELL | LIMITED)
def container_gone(har: Har) -> None:
    har.visit()
    har.turn()
    path = "/backend-api/conversation/6f/interpreter/download?message_id=m&sandbox_path=%2Fmnt"
    har.api(12, path, body='{"status":"error","error_code":"ace_pod_expired"}')


# --- network, as the browser names it


def _every(
    name: str, fault: str, error: str, *primary: str, statuses: frozenset[str] = BLOCKED
) -> None:
    def draw(har: Har) -> None:
        for at in (0, 4, 12):
            har.page(at, error=error, address=None)
            har.ask(at + 1, "https://cdn.oaistatic.com/assets/x.js", error=error, address=None)
            har.ask(at + 1, "https://ab.chatgpt.com/v1/initialize", error=error, address=None)
        har.ask(
            2,
            "https://www.example.com/",
            body="<html>ok</html>",
            kind=HTML,
            edge=False,
            address="192.0.2.7",
        )

    in_har(name, fault, *primary, statuses=statuses)(draw)


_every("har-names", "dns", NAME, "dns.nxdomain_filter", "dns.timeout", "dns.resolver_failing")
_every(
    "har-refused",
    "network",
    "net::ERR_CONNECTION_REFUSED",
    "tcp.refused",
    "net.firewall_ip_block",
    "dns.sinkhole",
)
_every(
    "har-timeout",
    "network",
    "net::ERR_CONNECTION_TIMED_OUT",
    "tcp.unreachable",
    "net.firewall_ip_block",
)
_every("har-reset", "network", "net::ERR_CONNECTION_RESET", "tls.sni_blocked", "tcp.reset_injected",
       "net.firewall_ip_block", "tls.handshake_failure")  # fmt: skip
_every(
    "har-authority",
    "tls",
    "net::ERR_CERT_AUTHORITY_INVALID",
    "tls.cert_invalid",
    "tls.intercept_breaks",
)
_every("har-proxy-dead", "proxy", "net::ERR_PROXY_CONNECTION_FAILED", "proxy.dead_setting")
_every("har-tunnel", "proxy", "net::ERR_TUNNEL_CONNECTION_FAILED", "proxy.denied")


@in_har("har-offline", "network", "net.offline_gap", statuses=BAD)
def offline(har: Har) -> None:
    har.visit()
    har.turn()
    for index, path in enumerate(("me", "models", "conversations?offset=0", "sentinel/ping")):
        error = "net::ERR_NETWORK_CHANGED" if index % 2 else "net::ERR_INTERNET_DISCONNECTED"
        har.api(20 + index * 0.1, f"/backend-api/{path}", error=error, address=None)
    har.ask(20.2, "https://www.example.com/x", error="net::ERR_INTERNET_DISCONNECTED", address=None)
    har.calls(60)
    har.turn(65)


@in_har("har-portal", "network", "net.captive_portal", statuses=BLOCKED)
def portal(har: Har) -> None:
    har.ask(0, "http://connectivitycheck.gstatic.com/generate_204", 302, "", HTML, edge=False,
            address="10.1.0.1", headers={"location": "http://10.1.0.1/login?u=x"})  # fmt: skip
    sign_in = "<html><title>Guest Wi-Fi sign in</title></html>"
    har.ask(0.2, "http://10.1.0.1/login?u=x", 200, sign_in, HTML,
            edge=False, address="10.1.0.1")  # fmt: skip
    har.page(1, error="net::ERR_CERT_COMMON_NAME_INVALID", address=None)
    har.page(6, error="net::ERR_CERT_COMMON_NAME_INVALID", address=None)


# --- streams


@in_har("har-stream-cut", "ws", "sse.cut", statuses=BAD)
def stream_cut(har: Har) -> None:
    har.visit()
    for at in (5, 25):
        har.turn(at, body=STREAM.partition('data: {"type"')[0])
        har.entries[-1]["response"]["_error"] = "net::ERR_HTTP2_PROTOCOL_ERROR"


@in_har(
    "har-ws-403", "ws", "ws.connect_failed", "ws.upgrade_stripped", "proxy.denied", statuses=BAD
)
def ws_refused(har: Har) -> None:
    har.page()
    har.assets()
    har.calls()
    for at in (2, 6, 14):
        har.socket(
            at, 403, edge=False, address="10.0.0.8", headers={"server": "proxy", "via": "1.1 proxy"}
        )
    har.turn(20)


@in_har(
    "har-ws-dead",
    "ws",
    "ws.connect_failed",
    "tcp.unreachable",
    subject="ws.chatgpt.com",
    statuses=BAD,
)
def ws_dead(har: Har) -> None:
    har.page()
    har.assets()
    har.calls()
    for at in (2, 24, 48):
        har.socket(at, 0, error="net::ERR_CONNECTION_TIMED_OUT", address=None, messages=[], took=20)
    har.turn(60)


@in_har("har-status-major", "service", "service.outage", statuses=DOWN | LIMITED)
def status_major(har: Har) -> None:
    har.page()
    har.assets()
    for at in (1, 4, 9):
        har.api(
            at,
            "/backend-api/f/conversation",
            500,
            '{"detail":"Hmm...something seems to have gone wrong."}',
            method="POST",
        )
    summary = (
        '{"page":{"name":"OpenAI"},"status":{"indicator":"major","description":"Outage"},'
        '"components":[{"name":"Conversations","status":"major_outage"}],"incidents":[]}'
    )
    har.ask(20, "https://status.openai.com/api/v2/summary.json", body=summary, address=EDGE)


SEND = "https://chatgpt.com/backend-api/f/conversation"


def _send_breaks(name: str, error: str, *primary: str) -> None:
    def draw(har: Har) -> None:
        har.visit()
        har.turn(5)
        har.ask(12, SEND, method="POST", error=error, took=2.5)
        har.api(20, "/backend-api/me")

    in_har(name, "stream", *primary, statuses=BAD)(draw)


_send_breaks("har-send-breaks-in-http2", "net::ERR_HTTP2_PROTOCOL_ERROR", "sse.cut")
_send_breaks("har-send-breaks-in-quic", "net::ERR_QUIC_PROTOCOL_ERROR", "sse.cut")
_send_breaks("har-send-meets-another-network", "net::ERR_NETWORK_CHANGED", "net.offline_gap")


@in_har("har-send-made-again", "none", statuses=WELL)
def send_again(har: Har) -> None:
    """The first try broke, and the page's own second one went through."""
    har.visit()
    har.ask(5, SEND, method="POST", error="net::ERR_HTTP2_PROTOCOL_ERROR", took=0.4)
    har.turn(6)


@in_har("har-send-stopped", "none", statuses=WELL)
def send_stopped(har: Har) -> None:
    """The person stops the answer before it begins."""
    har.visit()
    har.ask(5, SEND, method="POST", error="net::ERR_ABORTED", took=3)
    har.turn(20)


def _page_fails(name: str, error: str, *primary: str) -> None:
    def draw(har: Har) -> None:
        har.ask(0, "https://www.wikipedia.org/", body="<html></html>", kind="text/html")
        for index in range(2):
            har.ask(1 + 4 * index, "https://chatgpt.com/", error=error, resource="document")

    in_har(name, "network", *primary, statuses=BLOCKED)(draw)


_page_fails("har-tls-protocol-error", "net::ERR_SSL_PROTOCOL_ERROR", "tls.handshake_failure")
_page_fails(
    "har-tls-no-common-cipher", "net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH", "tls.handshake_failure"
)
_page_fails(
    "har-known-interception", "net::ERR_CERT_KNOWN_INTERCEPTION_BLOCKED", "tls.intercept_breaks"
)
_page_fails("har-forbidden-by-policy", "net::ERR_BLOCKED_BY_ADMINISTRATOR",
            "script.blocked_by_policy")  # fmt: skip
_page_fails("har-local-firewall", "net::ERR_NETWORK_ACCESS_DENIED", "tcp.unreachable")


@in_har("har-resolver-times-out", "network", "dns.resolver_failing", statuses=BAD)
def resolver_times_out(har: Har) -> None:
    har.ask(0, "https://www.wikipedia.org/", body="<html></html>", kind="text/html")
    for index in range(3):
        har.ask(1 + 4 * index, "https://chatgpt.com/", error="net::ERR_DNS_TIMED_OUT",
                resource="document")  # fmt: skip


@in_har("har-tls-error-once", "none", statuses=WELL)
def tls_error_once(har: Har) -> None:
    har.ask(0, "https://chatgpt.com/", error="net::ERR_SSL_PROTOCOL_ERROR", resource="document")
    har.visit()
    har.turn(8)


for _name, _error, _finding in (
    ("har-http2-broken", "HTTP2_PROTOCOL_ERROR", "tls.intercept_breaks"),
    ("har-http2-refuses-streams", "HTTP2_SERVER_REFUSED_STREAM", "tls.intercept_breaks"),
    ("har-answer-wrongly-packed", "CONTENT_DECODING_FAILED", "tls.intercept_breaks"),
    ("har-quic-broken", "QUIC_PROTOCOL_ERROR", "quic.blocked"),
    ("har-quic-unknown-root", "QUIC_CERT_ROOT_NOT_KNOWN", "tls.intercept_breaks"),
    ("har-proxy-certificate", "PROXY_CERTIFICATE_INVALID", "tls.cert_invalid"),
    ("har-no-transparency", "CERTIFICATE_TRANSPARENCY_REQUIRED", "tls.cert_invalid"),
    ("har-client-certificate", "SSL_CLIENT_AUTH_CERT_NEEDED", "tls.handshake_failure"),
    ("har-transparent-login", "UNEXPECTED_PROXY_AUTH", "proxy.auth_required"),
    ("har-proxy-redirects", "HTTPS_PROXY_TUNNEL_RESPONSE_REDIRECT", "proxy.denied"),
    ("har-address-of-nothing", "ADDRESS_INVALID", "dns.sinkhole"),
    ("har-gave-up-unanswered", "CONNECTION_ABORTED", "tls.sni_blocked"),
    ("har-page-stopped-by-extension", "BLOCKED_BY_CLIENT", "browser.extension_interferes"),
):
    _page_fails(_name, f"net::ERR_{_error}", _finding)


@in_har("har-resolver-answers-nonsense", "dns", "dns.resolver_failing", statuses=BAD)
def resolver_nonsense(har: Har) -> None:
    har.ask(0, "https://www.wikipedia.org/", body="<html></html>", kind="text/html")
    for index in range(3):
        har.ask(1 + 4 * index, "https://chatgpt.com/", error="net::ERR_DNS_MALFORMED_RESPONSE",
                resource="document")  # fmt: skip


@in_har("har-http2-broken-once", "none", statuses=WELL)
def http2_once(har: Har) -> None:
    """A server that restarts drops its connections; the reload is served."""
    for index in range(2):
        har.ask(index, "https://chatgpt.com/", error="net::ERR_HTTP2_PROTOCOL_ERROR",
                resource="document")  # fmt: skip
    har.visit()
    har.turn(8)


@in_har("har-quic-broken-for-telemetry", "none", statuses=WELL)
def quic_telemetry(har: Har) -> None:
    har.visit()
    har.turn(8)
    for index in range(4):
        har.ask(10 + index, "https://chatgpt.com/ces/v1/t", method="POST",
                error="net::ERR_QUIC_PROTOCOL_ERROR")  # fmt: skip
        har.ask(10 + index, "https://o33249.ingest.sentry.io/api/1/envelope/", method="POST",
                error="net::ERR_HTTP2_PROTOCOL_ERROR")  # fmt: skip


@in_har("har-out-of-memory", "none", statuses=UNCLEAR)
def out_of_memory(har: Har) -> None:
    """The browser's own trouble says nothing of the way to ChatGPT."""
    har.ask(0, "https://www.wikipedia.org/", body="<html></html>", kind="text/html")
    for index, error in enumerate(("INSUFFICIENT_RESOURCES", "OUT_OF_MEMORY", "FAILED")):
        har.ask(1 + 4 * index, "https://chatgpt.com/", error=f"net::ERR_{error}",
                resource="document")  # fmt: skip
