"""Bodies of answers as the service, its edge and its storage give them, and the facts in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    name: str
    body: bytes
    facts: dict[str, object]
    status: int = 200
    kind: str = "application/json"
    url: str = "https://chatgpt.com/backend-api/f/conversation"
    missing: tuple[str, ...] = field(default=())
    """Words that no fact may hold."""


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


STATUS = "https://status.openai.com/api/v2/summary.json"
STORE = "https://sdmntprwest.oaiusercontent.com/files/1/raw?se=2026-07-01T00%3A00%3A00Z&sig=s"
UNUSUAL = "Unusual activity has been detected from your device. Try again later."

ANSWERS = [
    Answer("detail", _json({"detail": UNUSUAL}), {"error_message": UNUSUAL}, 403),
    Answer(
        "detail-object",
        _json({"detail": {"clears_in": 252, "code": "model_cap_exceeded", "message": "A cap."}}),
        {"error_code": "model_cap_exceeded", "error_message": "A cap. (clears_in 252)"},
        429,
    ),
    Answer(
        "api-error",
        _json(
            {
                "error": {
                    "message": "Country, region, or territory not supported",
                    "type": "request_forbidden",
                    "param": None,
                    "code": "unsupported_country_region_territory",
                }
            }
        ),
        {
            "error_code": "unsupported_country_region_territory",
            "error_type": "request_forbidden",
            "error_message": "Country, region, or territory not supported",
            "error_param": None,
        },
        403,
        url="https://api.openai.com/v1/responses",
    ),
    Answer(
        "api-param",
        _json({"error": {"message": "No.", "type": "invalid_request_error", "param": "model"}}),
        {
            "error_code": "invalid_request_error",
            "error_type": "invalid_request_error",
            "error_param": "model",
        },
        400,
        url="https://api.openai.com/v1/responses",
    ),
    Answer(
        "usage-limit",
        _json({"error": {"type": "usage_limit_reached", "plan_type": "pro", "resets_at": 1}}),
        {"error_code": "usage_limit_reached", "error_type": "usage_limit_reached"},
        429,
    ),
    Answer(
        "oauth",
        _json({"error": "invalid_grant", "error_description": "The code is old."}),
        {"error_code": "invalid_grant", "error_message": "The code is old."},
        400,
        url="https://auth.openai.com/oauth/token",
    ),
    Answer(
        "validation",
        _json({"detail": [{"loc": ["body"], "msg": "field required", "type": "value_error.x"}]}),
        {"error_type": "value_error.x", "error_message": "field required"},
        422,
    ),
    Answer(
        "file-error",
        _json({"status": "error", "error_code": "file_too_large"}),
        {"error_code": "file_too_large", "job_state": "error", "error_message": None},
        url="https://chatgpt.com/backend-api/files",
    ),
    Answer(
        "resume",
        _json({"detail": {"message": "Kept.", "errorCode": "x"}, "errorCode": "persisted_final"}),
        {"error_code": "persisted_final", "error_message": "Kept."},
        410,
    ),
    Answer(
        "job",
        _json(
            {
                "object": "fine_tuning.job",
                "status": "failed",
                "error": {"code": "server_error", "param": None, "message": "internal error"},
                "result_files": [],
            }
        ),
        {"job_state": "failed", "error_code": "server_error", "error_message": "internal error"},
        url="https://api.openai.com/v1/fine_tuning/jobs/ftjob-1",
    ),
    Answer(
        "stream-status",
        _json({"status": "IS_STREAMING"}),
        {"job_state": "IS_STREAMING", "error_code": None},
        url="https://chatgpt.com/backend-api/conversation/1/stream_status",
    ),
    Answer(
        "api-file",
        _json({"object": "file", "bytes": 1234, "filename": "my diary.txt"}),
        {"file_bytes": 1234},
        url="https://api.openai.com/v1/files",
        missing=("diary",),
    ),
    Answer(
        "blocked-features",
        _json({"blocked_features": [{"name": "send", "resets_after": "2026-10-01T10:00:00Z"}]}),
        {
            "error_code": "send_blocked",
            "error_message": "send is blocked until 2026-10-01T10:00:00Z",
        },
        url="https://chatgpt.com/backend-api/conversation/init",
    ),
    Answer(
        "storage",
        b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code><Message>Server failed."
        b"</Message><AuthenticationErrorDetail>Signature not valid in the specified time frame"
        b"</AuthenticationErrorDetail></Error>",
        {
            "error_code": "AuthenticationFailed",
            "error_message": "Server failed. Signature not valid in the specified time frame",
        },
        403,
        "application/xml",
        STORE,
    ),
    Answer(
        "trace",
        b"fl=1f1\nh=chatgpt.com\nip=192.0.2.77\nuag=Secret/1\ncolo=CGK\nloc=ID\nwarp=on\n",
        {
            "egress": "egress-1",
            "trace": ["fl=1f1", "h=chatgpt.com", "colo=CGK", "loc=ID", "warp=on"],
        },
        200,
        "text/plain",
        "https://chatgpt.com/cdn-cgi/trace",
        ("192.0.2.77", "Secret"),
    ),
    Answer(
        "vpn-page",
        b"<title>Unable to load site</title><p>Please try again later. If you are using a VPN, try "
        b"turning it off.</p><p>[IP:192.0.2.77 | Ray ID:1]</p>",
        {"egress": "egress-1"},
        403,
        "text/html",
        missing=("192.0.2.77",),
    ),
    Answer(
        "status-page",
        _json(
            {
                "status": {"indicator": "major", "description": "Partial System Degradation"},
                "components": [
                    {"name": "Conversations", "status": "partial_outage"},
                    {"name": "Codex API", "status": "operational"},
                ],
                "incidents": [
                    {"name": "Elevated errors", "status": "investigating", "impact": "major"},
                    {"name": "Old", "status": "resolved", "impact": "minor"},
                ],
            }
        ),
        {
            "status_page": [
                "indicator major",
                "Conversations: partial_outage",
                "incident investigating (major): Elevated errors",
            ]
        },
        url=STATUS,
    ),
    Answer(
        "status-page-own-form",
        _json(
            {
                "summary": {
                    "components": [{"id": "01JMXBRMFE6N2NNT7DG6XZQ6PW", "name": "GPTs"}],
                    "affected_components": [
                        {
                            "component_id": "01JMXBRMFE6N2NNT7DG6XZQ6PW",
                            "status": "degraded_performance",
                        }
                    ],
                    "ongoing_incidents": [],
                }
            }
        ),
        {"status_page": ["GPTs: degraded_performance"]},
        url="https://status.openai.com/proxy/status.openai.com",
    ),
    Answer(
        "quotation",
        _json({"error": {"message": f"Invalid value: '{'my dear diary ' * 4}'.", "code": "bad"}}),
        {"error_code": "bad", "error_message": "Invalid value: [quoted]."},
        400,
        missing=("diary",),
    ),
    Answer(
        "conversation",
        _json({"title": "my diary", "mapping": {"1": {"message": "my diary", "status": "done"}}}),
        {"error_code": None, "error_message": None, "job_state": None, "excerpt": None},
        missing=("diary",),
    ),
]
