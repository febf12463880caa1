"""What a stream says of itself, however it is cut and whatever it holds."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model.sse_events import MAX_LINE, MAX_TYPES, SseScanner, is_word

ANSWER = "the answer's own words"
HANDOFF = {
    "type": "stream_handoff",
    "conversation_id": "6f1f0a5e-0000-4000-8000-000000000000",
    "options": [{"type": "subscribe_ws_topic", "topic_id": "conversation-turn-1"}],
}
LINES = st.sampled_from(
    [
        "event: delta_encoding",
        'data: "v1"',
        "event: delta",
        "data: " + json.dumps({"p": "/message/content", "o": "append", "v": ANSWER}),
        "data: " + json.dumps({"type": "message_stream_complete"}),
        "data: " + json.dumps(HANDOFF),
        "data: " + json.dumps({"v": {"message": {}, "error": {"code": "rate_limit"}}}),
        "data: [DONE]",
        ": a comment",
        "data",
        "id: 7",
        "",
    ]
)
ENDINGS = st.sampled_from(["\n", "\r\n", "\r"])


def scan(*chunks: bytes) -> SseScanner:
    scanner = SseScanner()
    for chunk in chunks:
        scanner.feed(chunk)
    return scanner


def seen(scanner: SseScanner) -> tuple[object, ...]:
    return (
        scanner.events,
        tuple(scanner.types),
        scanner.complete,
        scanner.done,
        scanner.handoff,
        scanner.error_code,
    )


@given(st.lists(st.tuples(LINES, ENDINGS), max_size=12), st.data())
def test_any_cut_of_a_stream_gives_the_same_facts(
    lines: list[tuple[str, str]], data: st.DataObject
) -> None:
    whole = "".join(line + end for line, end in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    edges = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(edges)]
    one_by_one = [whole[i : i + 1] for i in range(len(whole))]
    assert seen(scan(*pieces)) == seen(scan(whole)) == seen(scan(*one_by_one))


def test_every_line_ending_gives_the_same_events() -> None:
    stream = 'event: delta\ndata: {"v": 1}\n\ndata: [DONE]\n\n'
    facts = {seen(scan(stream.replace("\n", end).encode())) for end in ("\n", "\r\n", "\r")}
    assert facts == {(2, ("delta", "DONE"), False, True, False, None)}


def test_a_crlf_cut_between_its_octets_does_not_eat_the_next_line_end() -> None:
    scanner = scan(b"data: 1\r", b"\n", b"\n", b"data: 2\r", b"", b"\n\n")
    assert scanner.events == 2


def test_handoff_and_completion_are_told_apart() -> None:
    handed = scan(b"data: " + json.dumps(HANDOFF).encode() + b"\n\ndata: [DONE]\n\n")
    assert (handed.handoff, handed.done, handed.complete, handed.ended) == (True, True, False, True)
    whole = scan(b'data: {"type":"message_stream_complete"}\n\n')
    assert (whole.handoff, whole.complete, whole.ended) == (False, True, True)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (
            {"type": "error", "error": {"code": "rate_limit_exceeded", "message": ANSWER}},
            "rate_limit_exceeded",
        ),
        ({"error": {"type": "server_error"}}, "server_error"),
        ({"v": {"error": {"code": "moderation"}}}, "moderation"),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error"}}},
            "server_error",
        ),
        ({"error": ANSWER}, ""),
        ({"error": {"code": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi"}}, ""),
        ({"type": "delta", "error": None}, None),
        ({"type": "delta", "error": {}}, None),
    ],
)
def test_the_code_of_an_error_is_a_word_or_nothing(payload: object, code: str | None) -> None:
    assert scan(b"data: " + json.dumps(payload).encode() + b"\n\n").error_code == code


def test_an_error_event_without_json_is_still_an_error() -> None:
    assert scan(b"event: error\ndata: whatever\n\n").error_code == ""


def test_a_line_longer_than_the_bound_is_not_kept_and_the_next_one_is_read() -> None:
    scanner = SseScanner()
    scanner.feed(b'data: {"type":"message_stream_complete","pad":"')
    for _ in range(40):
        scanner.feed(b"x" * 65536)
        assert len(scanner._line) <= MAX_LINE
    scanner.feed(b'"}\n\n')
    assert not scanner.complete
    assert scanner.events == 1
    scanner.feed(b"data: [DONE]\n\n")
    assert scanner.done


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":' * 20000,
        b'{"type":"a","v":' + b"[" * 100000,
        b'{"type":' + b"9" * 5000 + b"}",
        b'{"type":["message_stream_complete"]}',
        b'{"type":{"a":1},"error":[1]}',
        b'{"type":"\xff\xfe\\ud800"}',
        b'["type"]',
    ],
)
def test_hostile_json_is_passed_over(data: bytes) -> None:
    scanner = scan(b"data: " + data + b"\n\ndata: [DONE]\n\n")
    assert scanner.done
    assert not scanner.complete


def test_the_number_of_types_is_bounded() -> None:
    words = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)]
    scanner = scan("".join(f"event: {word}\ndata: 1\n\n" for word in words).encode())
    assert scanner.types == words[:MAX_TYPES]
    assert scanner.events == 200


@given(st.text(min_size=9).filter(lambda text: not text.isspace()))
def test_delta_text_is_never_kept(text: str) -> None:
    deltas = [
        {"v": text},
        {"p": "/message/content/parts/0", "o": "append", "v": text},
        {"type": "delta", "v": {"message": {"content": {"parts": [text]}}}},
        {"v": [{"p": "", "o": "add", "v": text}], "type": "delta"},
    ]
    stream = "".join(f"event: delta\ndata: {json.dumps(delta)}\n\n" for delta in deltas)
    scanner = scan(stream.encode())
    assert scanner.types == ["delta"]
    assert scanner.error_code is None
    assert bytes(scanner._line) == b""


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJIUzI1NiJ9",
        "sk-abc123def456ghi789jkl",
        "a3f1c2d4-9b8e-4c1d-8f00-123456789abc",
        "sess-Zz9Yy8Xx7Ww6",
        "deadbeefcafedeadbeefcafedead",
    ],
)
def test_a_token_in_the_place_of_a_type_is_not_a_word(secret: str) -> None:
    assert not is_word(secret)
    assert scan(f'event: {secret}\ndata: {{"type":"{secret}"}}\n\n'.encode()).types == []


@pytest.mark.parametrize(
    "word",
    [
        "message_stream_complete",
        "response.function_call_arguments.delta",
        "sequenceAck",
        "http_1015",
    ],
)
def test_words_of_the_service_are_words(word: str) -> None:
    assert is_word(word)


APPEND = 'data: {"p":"/message/content/parts/0","o":"append","v":"a"}\n\n'
THOUGHT = 'data: {"p":"/message/content/thoughts/0/content","o":"append","v":"a"}\n\n'
MORE_OF_IT = 'data: {"v":"b"}\n\n'
STATUS = (
    'data: {"p":"","o":"patch","v":[{"p":"/message/content/parts/0","o":"append","v":"c"},'
    '{"p":"/message/status","o":"replace","v":"finished_successfully"}]}\n\n'
)


@pytest.mark.parametrize(
    ("before", "after", "gap"),
    [
        pytest.param(APPEND, MORE_OF_IT, 9.0, id="a text goes on"),
        pytest.param(APPEND, APPEND, 9.0, id="a text goes on, said again"),
        pytest.param(
            'data: {"type":"response.output_text.delta","delta":"a"}\n\n',
            'data: {"type":"response.output_text.delta","delta":"b"}\n\n',
            9.0,
            id="of the responses API",
        ),
        pytest.param(
            'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
            'data: {"choices":[{"delta":{"content":"b"}}]}\n\n',
            9.0,
            id="of chat completions",
        ),
        pytest.param(THOUGHT, MORE_OF_IT, 0.0, id="a thought"),
        pytest.param(APPEND + STATUS, APPEND, 0.0, id="two messages"),
        pytest.param(APPEND, STATUS, 0.0, id="the end of a text"),
        pytest.param(MORE_OF_IT, MORE_OF_IT, 0.0, id="of something unknown"),
    ],
)
def test_the_longest_pause_inside_a_text(before: str, after: str, gap: float) -> None:
    scanner = SseScanner()
    scanner.feed(before.encode(), 100.0)
    scanner.feed(after.encode(), 109.0)
    assert scanner.text_gap == gap
