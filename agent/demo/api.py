"""The JSON answers of the demo service: what the web client asks for around a turn."""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import time
import uuid
from typing import Any

from agent.demo.turns import MODEL

USER_ID = "user-demoDEMOdemoDEMOdemoDEMO"
_USER = {"id": USER_ID, "name": "Demo", "email": "demo@example.org"}


def static_answers() -> dict[tuple[str, str], Any]:
    """Answers that need no more than their method and path."""
    return {
        ("GET", "/api/auth/session"): {
            "user": _USER,
            "expires": (dt.datetime.now(dt.UTC) + dt.timedelta(days=90)).isoformat(),
            "accessToken": _access_token(),
            "authProvider": "login-web",
        },
        ("GET", "/backend-api/me"): {"object": "user", **_USER, "orgs": {"data": []}},
        ("GET", "/backend-api/models"): {
            "models": [{"slug": MODEL, "max_tokens": 8192, "title": "Demo"}],
            "default_model_slug": MODEL,
        },
        ("GET", "/backend-api/settings/user"): {"settings": {"training_allowed": False}},
        ("GET", "/backend-api/conversations"): {"items": [], "total": 0, "limit": 28, "offset": 0},
        ("POST", "/backend-api/conversation/init"): {
            "type": "conversation_detail_metadata",
            "default_model_slug": MODEL,
            "blocked_features": [],
            "limits_progress": [],
        },
        ("POST", "/backend-api/sentinel/chat-requirements/prepare"): {
            "prepare_token": secrets.token_urlsafe(24),
            "proofofwork": {"required": True, "seed": "0.42", "difficulty": "0fffff"},
            "turnstile": {"required": False},
        },
        ("POST", "/backend-api/sentinel/chat-requirements/finalize"): {
            "persona": "chatgpt-paid",
            "token": secrets.token_urlsafe(48),
        },
        ("POST", "/backend-api/sentinel/ping"): {"status": "ok"},
        ("POST", "/backend-api/f/conversation/prepare"): {
            "status": "ok",
            "conduit_token": secrets.token_urlsafe(32),
        },
        ("POST", "/v1/initialize"): {
            "feature_gates": {},
            "dynamic_configs": {},
            "layer_configs": {},
            "has_updates": True,
            "time": int(time.time() * 1000),
        },
        ("POST", "/ces/v1/t"): {"success": True},
    }


def edge_headers(content_type: str, *, cached: bool) -> list[tuple[str, str]]:
    """Response headers as the service's edge adds them; the ray id is new each time."""
    return [
        ("content-type", content_type),
        ("server", "cloudflare"),
        ("cf-ray", f"{secrets.token_hex(8)}-SIN"),
        ("cf-cache-status", "HIT" if cached else "DYNAMIC"),
        ("cache-control", "public, max-age=31536000, immutable" if cached else "no-store"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        *([] if cached else [("x-oai-request-id", str(uuid.uuid4()))]),
    ]


def cookies() -> list[tuple[str, str]]:
    """Cookies with the service's names and worthless values."""
    return [
        (
            "set-cookie",
            f"{name}={secrets.token_urlsafe(16)}; Path=/; Secure; HttpOnly; SameSite=Lax",
        )
        for name in ("__Secure-next-auth.session-token.0", "__cf_bm", "oai-did")
    ]


def trace(host: str, client: str, http_version: str) -> str:
    """The edge's plain-text self-description under /cdn-cgi/trace."""
    fields = {
        "fl": "1f1",
        "h": host,
        "ip": client,
        "ts": f"{time.time():.3f}",
        "visit_scheme": "https",
        "colo": "SIN",
        "sliver": "none",
        "http": f"http/{http_version}",
        "loc": "ID",
        "tls": "TLSv1.3",
        "sni": "plaintext",
        "warp": "off",
        "gateway": "off",
        "rbi": "off",
        "kex": "X25519",
    }
    return "".join(f"{name}={value}\n" for name, value in fields.items())


def _access_token() -> str:
    """Three base64url parts as a JWT has them, signed by nobody."""
    parts = (
        json.dumps({"alg": "RS256", "typ": "JWT"}),
        json.dumps({"aud": ["demo"], "sub": USER_ID, "exp": int(time.time()) + 3600}),
        secrets.token_hex(32),
    )
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
