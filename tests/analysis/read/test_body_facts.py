"""Facts of bodies: from the service's own forms of errors, also after the recorder masked them."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from facts_bodies import ANSWERS, Answer
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import tflow

from addons.masking import mask_body
from analysis.model.trace_page import EgressNames
from analysis.read.body_facts import MAX_SMALL, BodyFacts, BodyReader, declared_bytes, tells

IDS = [answer.name for answer in ANSWERS]


def facts(answer: Answer, body: bytes) -> BodyFacts:
    host = answer.url.split("/")[2]
    assert tells(answer.kind, answer.status, answer.url)
    return BodyReader().facts(answer.kind, answer.status, answer.url, host, body)


def recorded(answer: Answer) -> bytes:
    item = tflow.tflow(resp=True)
    item.request.url = answer.url
    assert item.response is not None
    item.response.status_code = answer.status
    item.response.headers = http.Headers(content_type=answer.kind)
    return mask_body(answer.body, item, EgressNames())


@pytest.mark.parametrize("answer", ANSWERS, ids=IDS)
def test_a_body_tells_its_facts_and_nothing_of_the_user(answer: Answer) -> None:
    found = facts(answer, answer.body)
    assert {key: getattr(found, key) for key in answer.facts} == answer.facts
    assert not [word for word in answer.missing if word in str(asdict(found))]


@pytest.mark.parametrize("answer", ANSWERS, ids=IDS)
def test_the_recorder_keeps_what_the_facts_need(answer: Answer) -> None:
    body = recorded(answer)
    assert not [word for word in answer.missing if word.encode() in body]
    found = facts(answer, body) if body else BodyFacts()
    assert {key: getattr(found, key) for key in answer.facts} == answer.facts


def test_one_address_has_one_name_in_a_capture() -> None:
    reader = BodyReader()
    url = "https://chatgpt.com/cdn-cgi/trace"
    seen = [
        reader.facts("text/plain", 200, url, "chatgpt.com", b"ip=%s\nloc=ID\n" % address).egress
        for address in (b"192.0.2.1", b"2001:db8::1", b"192.0.2.1", b"2001:DB8::1", b"no address")
    ]
    assert seen == ["egress-1", "egress-2", "egress-1", "egress-2", None]


def test_a_large_answer_of_success_is_not_parsed() -> None:
    body = b'{"status": "failed", "text": "' + b"x" * MAX_SMALL + b'"}'
    args = ("application/json", 200, "https://chatgpt.com/backend-api/c", "chatgpt.com")
    assert BodyReader().facts(*args, body) == BodyFacts()


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (b'{"file_name": "a", "file_size": 536870913}', 536870913),
        (b'{"file_size": -1}', None),
        (b'{"file_size": true}', None),
        (b'{"file_size": "12"}', None),
        (b'{"size": 1', None),
        (b"", None),
    ],
)
def test_the_size_that_an_upload_announces(body: bytes, size: int | None) -> None:
    assert declared_bytes(body) == size


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("error", "detail", "status", "code", "message", "blocked_features", "name"),
                    *("summary", "components", "incidents", "affected_components", "file_size"),
                    *("status_page", "component_id", "resets_after", "object", "bytes"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    JSON, st.sampled_from([200, 403, 500]), st.sampled_from(["chatgpt.com", "status.openai.com"])
)
def test_any_json_is_read(value: object, status: int, host: str) -> None:
    body = json.dumps(value).encode()
    found = BodyReader().facts("application/json", status, f"https://{host}/", host, body)
    assert found.error_message is None or len(found.error_message) <= 300
