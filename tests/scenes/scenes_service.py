"""Scenes of the service, its edge, the account, limits, files and the browser's own state."""

from __future__ import annotations

import json

from scene import BAD, BLOCKED, DOWN, WELL, in_flows
from scene_flows import SCRIPTS, Flows

SEND = "https://chatgpt.com/backend-api/f/conversation"
API = "https://api.openai.com/v1"
STORE = (
    "https://sdmntprsouthcentralus.oaiusercontent.com/files/1/raw?se=2026-09-21T13%3A18%3A20Z&sig=x"
)
GATEWAY = b"<html><head><title>502 Bad gateway | Cloudflare</title></head><body>Bad gateway</body>"
CHALLENGE = (
    b"<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={};"
    b"</script><noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)
VPN_PAGE = (
    b"<html><head><title>Unable to load site</title></head><body><h1>Unable to load site</h1>"
    b"<p>Please try again later. If you are using a VPN, try turning it off.</p>"
    b"<p>[IP: 203.0.113.7 | Ray ID: 98a1b2c3d4e5f607]</p></body></html>"
)
XML = (
    b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code><Message>Server failed to "
    b"authenticate the request.</Message><AuthenticationErrorDetail>Signature not valid in the "
    b"specified time frame</AuthenticationErrorDetail></Error>"
)


def said(value: object) -> bytes:
    return json.dumps(value).encode()


def post(flows: Flows, time: float, url: str, status: int | None = 200, **more: object) -> None:
    flows.add(time, url, status, method="POST", **more)  # type: ignore[arg-type]


@in_flows("outage-gateway", "service", "service.outage", statuses=DOWN)
def outage(flows: Flows) -> None:
    """The page comes from the edge's cache, and every call behind it fails."""
    flows.document()
    for index, path in enumerate(("me", "models", "conversations", "settings/user")):
        url = f"https://chatgpt.com/backend-api/{path}"
        flows.add(1 + index, url, 502, kind="text/html", body=GATEWAY)
    post(flows, 9, SEND, 504, kind="text/html", body=GATEWAY)


@in_flows("outage-status-page", "service", "service.outage", statuses=DOWN)
def outage_announced(flows: Flows) -> None:
    flows.boot()
    post(flows, 5, SEND, 500, body=said({"detail": "Internal Server Error"}))
    page = {
        "status": {"indicator": "major", "description": "Partial System Degradation"},
        "components": [{"name": "Conversations", "status": "major_outage"}],
    }
    flows.add(9, "https://status.openai.com/api/v2/summary.json", body=said(page))


@in_flows("one-500-healed", "healthy", statuses=WELL)
def healed(flows: Flows) -> None:
    flows.boot()
    post(flows, 3, SEND, 500, body=said({"detail": "Internal Server Error"}))
    flows.turn(5)


@in_flows("overloaded", "service", "service.overloaded", statuses=BAD)
def overloaded(flows: Flows) -> None:
    flows.boot()
    body = {"error": {"type": "service_unavailable_error", "code": "server_is_overloaded"}}
    for index in range(2):
        post(flows, 4 + 20 * index, SEND, 503, body=said(body))


@in_flows("stream-error", "service", "sse.server_error", statuses=BAD)
def stream_error(flows: Flows) -> None:
    flows.boot()
    event = {"v": {"message": None, "error": {"code": "internal_error"}}}
    text = f'event: delta_encoding\ndata: "v1"\n\ndata: {json.dumps(event)}\n\n'
    post(flows, 4, SEND, kind="text/event-stream", body=text.encode())


@in_flows("fine-tuning-failed", "service", "service.fine_tuning_failed", statuses=BAD)
def fine_tuning(flows: Flows) -> None:
    error = {"code": "server_error", "message": "The job failed due to an internal error"}
    for index, state in enumerate(("running", "failed")):
        body = {"object": "fine_tuning.job", "status": state, "error": error if index else None}
        flows.add(1 + 30 * index, f"{API}/fine_tuning/jobs/ftjob-abc", body=said(body))


@in_flows("challenge-on-data", "edge", "bot.challenge", statuses=BLOCKED)
def challenge(flows: Flows) -> None:
    flows.boot()
    for index in range(3):
        headers = {"cf-mitigated": "challenge"}
        post(flows, 4 + 15 * index, SEND, 403, kind="text/html", body=CHALLENGE, headers=headers)


@in_flows("challenge-passed", "healthy", statuses=WELL)
def challenge_passed(flows: Flows) -> None:
    flows.document(0.1, CHALLENGE, status=403, headers={"cf-mitigated": "challenge"})
    flows.boot(4)
    flows.turn(8)


@in_flows("vpn-page", "edge", "ip.reputation_block", statuses=BLOCKED)
def vpn_page(flows: Flows) -> None:
    flows.document(0.1, VPN_PAGE, status=403)
    flows.document(9.1, VPN_PAGE, status=403)


@in_flows("country-api", "edge", "geo.blocked", statuses=BLOCKED)
def country(flows: Flows) -> None:
    error = {
        "code": "unsupported_country_region_territory",
        "type": "request_forbidden",
        "message": "Country, region, or territory not supported",
    }
    for index in range(2):
        post(flows, 1 + index, f"{API}/responses", 403, body=said({"error": error}))


@in_flows("unusual-activity", "edge", "bot.unusual_activity", statuses=BLOCKED)
def unusual(flows: Flows) -> None:
    flows.boot()
    text = "Unusual activity has been detected from your device. Try again later."
    for index in range(3):
        post(flows, 4 + 40 * index, SEND, 403, body=said({"detail": text}))


@in_flows("model-cap", "limits", "rate.limited", statuses=BAD)
def model_cap(flows: Flows) -> None:
    flows.boot()
    detail = {"code": "model_cap_exceeded", "message": "You have sent too many", "clears_in": 252}
    post(flows, 4, SEND, 429, body=said({"detail": detail}))


@in_flows("send-blocked", "limits", "rate.limited", statuses=BAD)
def send_blocked(flows: Flows) -> None:
    flows.boot()
    blocked = [{"name": "send", "resets_after": "2026-09-21T18:00:00Z"}]
    url = "https://chatgpt.com/backend-api/conversation/init"
    post(flows, 3, url, body=said({"blocked_features": blocked}))


@in_flows("images-used-up", "healthy", statuses=WELL)
def images_used_up(flows: Flows) -> None:
    """The day's images are used up; chatting goes on."""
    flows.boot()
    blocked = [{"name": "image_gen", "resets_after": "2026-09-21T18:00:00Z"}]
    url = "https://chatgpt.com/backend-api/conversation/init"
    post(flows, 3, url, body=said({"blocked_features": blocked}))
    flows.turn(5)


@in_flows("poll-storm", "limits", "rate.retry_storm", statuses=BAD)
def poll_storm(flows: Flows) -> None:
    flows.boot()
    base = "https://chatgpt.com/backend-api"
    for index in range(30):
        body = said({"detail": "Too many requests"})
        flows.add(4 + index, f"{base}/conversations/c-1?num_turns=10", 429, body=body)
        url = f"{base}/conversation/c-1/stream_status"
        flows.add(4.1 + index, url, None, error="Client disconnected.")


@in_flows("session-expired", "account", "account.session_expired", statuses=BAD)
def expired(flows: Flows) -> None:
    flows.document()
    detail = {"detail": {"code": "token_expired", "message": "Your session has expired."}}
    for index, path in enumerate(("me", "models", "conversations")):
        url = f"https://chatgpt.com/backend-api/{path}"
        flows.add(1 + index, url, 401, body=said(detail))


@in_flows("token-refreshed", "healthy", statuses=WELL)
def refreshed(flows: Flows) -> None:
    body = said({"detail": {"code": "token_expired"}})
    flows.add(0.1, "https://chatgpt.com/backend-api/me", 401, body=body)
    flows.boot(1)
    flows.turn(5)


@in_flows("cookies-too-big", "browser", "browser.cookies_too_big", statuses=BLOCKED)
def cookies(flows: Flows) -> None:
    cookie = "; ".join(f"conv_key_{number:032x}=1" for number in range(400))
    text = b"<html><title>400 Request Header Or Cookie Too Large</title><body>cloudflare</body>"
    for index in range(2):
        flows.document(index * 5.0, text, status=400, request_headers={"cookie": cookie})


@in_flows("upload-host-reset", "files", "file.upload_host_blocked", statuses=BAD)
def upload(flows: Flows) -> None:
    flows.boot()
    post(flows, 4, "https://chatgpt.com/backend-api/files", body=said({"status": "success"}))
    for index in range(2):
        flows.add(5 + index, STORE, None, method="PUT", error="Connection reset by peer")
    url = "https://chatgpt.com/backend-api/files/file-1/upload-failed"
    post(flows, 8, url, body=said({"status": "success"}))


@in_flows("upload-well", "healthy", statuses=WELL)
def upload_well(flows: Flows) -> None:
    flows.boot()
    post(flows, 4, "https://chatgpt.com/backend-api/files", body=said({"status": "success"}))
    flows.add(5, STORE, 201, method="PUT", edge=False, headers={"x-ms-request-id": "1"}, body=b"")
    flows.turn(9)


@in_flows("link-expired", "files", "file.link_expired", statuses=BAD)
def link(flows: Flows) -> None:
    flows.boot()
    headers = {"x-ms-error-code": "AuthenticationFailed", "date": "Mon, 21 Sep 2026 14:13:20 GMT"}
    flows.add(9, STORE, 403, kind="application/xml", body=XML, edge=False, headers=headers)


@in_flows("script-503", "service", "service.overloaded", statuses=BAD)
def script_503(flows: Flows) -> None:
    """One needed script, once: the edge says 503."""
    flows.document()
    flows.style()
    for index, path in enumerate(SCRIPTS):
        flows.script(0.45 + index / 50, path, 503 if index == 1 else 200)
    flows.calls(1.0)


@in_flows("script-empty", "script", "script.replaced", statuses=BAD)
def script_empty(flows: Flows) -> None:
    flows.document()
    flows.style()
    for index, path in enumerate(SCRIPTS):
        flows.script(0.45 + index / 50, path, body=b"" if index == 1 else b"export{};" * 99)
    flows.calls(1.0)
