"""Pages of the lab's service beside the chat: sign-in, refusals of the edge, the status page."""

from __future__ import annotations

from typing import Any

COOKIES = (
    "<html>\r\n<head><title>400 Request Header Or Cookie Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>400 Bad Request</h1></center>\r\n"
    "<center>Request Header Or Cookie Too Large</center>\r\n<hr><center>cloudflare</center>\r\n"
    "</body>\r\n</html>\r\n"
)
_LOGIN = """<!DOCTYPE html><html lang="en"><head><title>Log in - OpenAI</title>
<link rel="stylesheet" href="https://auth-cdn.oaistatic.com/assets/login-b2v7c0aq.css">
<script src="https://auth-cdn.oaistatic.com/assets/login-9f31d2c8.js" defer></script></head>
<body><h1>Welcome back</h1><form><input type="email" name="email"></form></body></html>"""
_SITE = {
    ("auth.openai.com", "/log-in"): ("text/html; charset=utf-8", _LOGIN),
    ("auth-cdn.oaistatic.com", "/assets/login-b2v7c0aq.css"): ("text/css", "h1 { color: #111 }"),
    ("auth-cdn.oaistatic.com", "/assets/login-9f31d2c8.js"): (
        "text/javascript",
        'document.documentElement.dataset.ready = "1";',
    ),
    ("www.example.org", "/"): ("text/html", "<title>Example</title><h1>Another site</h1>"),
    ("api.openai.com", "/v1/models"): ("application/json", '{"object":"list","data":[]}'),
}


def site(host: str, path: str) -> tuple[str, str] | None:
    """(content type, text) of a plain page of another host."""
    return _SITE.get((host, path))


def status(indicator: str, component: str) -> dict[str, Any]:
    """The status page's summary, as its Atlassian-compatible address gives it."""
    names = ("Conversations", "Login", "Codex API", "Responses")
    worst = {
        "none": "operational",
        "minor": "degraded_performance",
        "major": "partial_outage",
        "critical": "major_outage",
    }[indicator]
    incident = {
        "id": "01LAB",
        "name": f"Elevated errors in {component}",
        "status": "investigating",
        "impact": indicator,
        "created_at": "2026-11-28T04:00:00Z",
        "updated_at": "2026-11-28T04:10:00Z",
        "incident_updates": [],
    }
    return {
        "page": {"id": "lab", "name": "OpenAI", "url": "https://status.openai.com"},
        "status": {
            "indicator": indicator,
            "description": "All Systems Operational"
            if indicator == "none"
            else "Partial System Degradation",
        },
        "components": [
            {"name": name, "status": worst if name == component else "operational"}
            for name in names
        ],
        "incidents": [] if indicator == "none" else [incident],
    }
