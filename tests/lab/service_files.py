"""Files and voice of the lab's service: uploads, downloads, signed links, the voice session."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote

from agent.demo import api
from agent.demo.asgi import Request, Send, respond, start
from tests.lab.service_plan import ServicePlan

HOST = "files.oaiusercontent.com"
MAX_FILE = 536_870_912  # bytes
CONTENT = b"A line of a small file.\n" * 4000
_JSON = "application/json"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_EVENTS = ("processing.started", "indexing.completed", "processing.completed")


def cross_origin(request: Request) -> list[tuple[str, str]]:
    """What lets the page read an answer of another origin."""
    return [
        ("access-control-allow-origin", request.headers.get("origin", "*")),
        ("access-control-allow-headers", "*, content-type, x-ms-blob-type, x-ms-version"),
        ("access-control-allow-methods", "GET, PUT, POST, OPTIONS"),
    ]


def link(age: float) -> str:
    """A signed link that ended `age` seconds ago; the signature is worthless."""
    end = datetime.fromtimestamp(time.time() - age, UTC).strftime(_TIME)
    query = f"se={quote(end)}&sp=r&sv=2024-08-04&sr=b&sig={quote(secrets.token_urlsafe(32))}"
    return f"https://{HOST}/file-{secrets.token_hex(11)}?{query}"


async def answer(request: Request, send: Send, plan: ServicePlan) -> bool:
    """Answer requests for files and voice; False for any other."""
    if request.host.endswith("oaiusercontent.com"):
        await _storage(request, send)
        return True
    headers = api.edge_headers(_JSON, cached=False)
    if (request.method, request.path) == ("POST", "/backend-api/files"):
        claimed = json.loads(request.body or b"{}").get("file_size", 0)
        if claimed > MAX_FILE:
            value = {"status": "error", "error_code": "file_too_large"}
            await respond(send, 413, headers, json.dumps(value).encode())
        else:
            value = {"status": "success", "upload_url": link(-300), "file_id": "file-lab"}
            await respond(send, 200, headers, json.dumps(value).encode())
        return True
    if request.path == "/backend-api/files/process_upload_stream":
        await start(send, 200, api.edge_headers("application/x-ndjson", cached=False))
        for event in _EVENTS:
            line = json.dumps({"event": f"file.{event}", "file_id": "file-lab"}) + "\n"
            await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return True
    if request.path.startswith("/backend-api/files/download/"):
        value = {"status": "success", "download_url": link(plan.link_age)}
        await respond(send, 200, headers, json.dumps(value).encode())
        return True
    if request.method == "POST" and request.path.startswith("/realtime/"):
        sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        await respond(send, 201, api.edge_headers("application/sdp", cached=False), sdp.encode())
        return True
    return False


async def _storage(request: Request, send: Send) -> None:
    """Azure storage: its own headers, and 403 after the end of the signed link."""
    headers = [
        ("server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"),
        ("x-ms-request-id", secrets.token_hex(16)),
        ("x-ms-version", "2024-08-04"),
        *cross_origin(request),
    ]
    end = parse_qs(request.query).get("se", [""])[0]
    now = datetime.now(UTC)
    if request.method == "OPTIONS":
        await respond(send, 200, headers)
    elif not end or datetime.strptime(end, _TIME).replace(tzinfo=UTC) < now:
        detail = (
            "Signature not valid in the specified time frame: Start [-] - "
            f"Expiry [{end}] - Current [{now.strftime(_TIME)}]"
        )
        body = (
            '<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code>'
            "<Message>Server failed to authenticate the request.</Message>"
            f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
        )
        await respond(send, 403, [("content-type", "application/xml"), *headers], body.encode())
    elif request.method == "PUT":
        await respond(send, 201, headers)
    else:
        await respond(send, 200, [("content-type", "text/csv"), *headers], CONTENT)
