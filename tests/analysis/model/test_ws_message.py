"""Websocket messages of ChatGPT and of Azure Web PubSub, and hostile ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.model.frames import frame_of_rows
from analysis.model.ws_message import MAX_ITEMS, MAX_MESSAGE, MessageFacts, describe, mask
from analysis.read.sockets import frame_row

KEY = b"a key of one capture"
TOPIC = "conversation-turn-6f1f0a5e-1111-4222-8333-444455556666"
TEXT = "words of the answer"


def item(number: int, encoded: str = "event: delta\ndata: {}\n\n") -> dict[str, object]:
    return {
        "type": "message",
        "topic_id": TOPIC,
        "payload": {
            "type": "conversation-turn-stream",
            "payload": {
                "type": "stream-item",
                "stream_item_id": f"item-{number}",
                "encoded_item": encoded,
            },
        },
    }


def facts(*entries: object) -> MessageFacts:
    return describe(json.dumps(list(entries)).encode(), KEY)


def test_connect_and_subscribe_of_the_client() -> None:
    presence = {"type": "connect", "presence": {"type": "presence", "state": "background"}}
    assert facts({"id": 1, "command": presence}).kind == "connect"
    found = facts({"id": 2, "command": {"type": "subscribe", "topic_id": TOPIC, "offset": "0"}})
    assert found.kind == "subscribe"
    assert found.subscribed == (mask(TOPIC, KEY),)
    assert found.topic == "conversation-turn-" + mask(TOPIC, KEY)


def test_another_topic_is_not_a_turn() -> None:
    found = facts({"id": 2, "command": {"type": "subscribe", "topic_id": "conversations"}})
    assert found.subscribed == ()
    assert found.topic == mask("conversations", KEY)


def test_live_items_keep_distinct_masked_ids_and_their_order() -> None:
    found = facts(item(7), item(8), item(7))
    assert found.kind == "message/conversation-turn-stream/stream-item"
    assert found.items == (mask("item-7", KEY), mask("item-8", KEY), mask("item-7", KEY))
    assert found.sequence == 7
    assert found.turn_end == ()


def test_a_bare_object_reads_like_an_array_of_one() -> None:
    assert describe(json.dumps(item(3)).encode(), KEY) == facts(item(3))


def test_catchups_of_a_subscribe_reply_are_items_too() -> None:
    found = facts({"id": 2, "reply": {"catchups": [item(1), item(2)]}})
    assert len(found.items) == 2
    assert found.topic == "conversation-turn-" + mask(TOPIC, KEY)
    assert found.kind.startswith("reply/")


@pytest.mark.parametrize(
    "encoded",
    [
        'data: {"type":"message_stream_complete"}\n\n',
        "data: [DONE]\n\n",
        "event: delta\r\ndata: 1\r\n\r\ndata: [DONE]",
    ],
)
def test_the_end_of_a_turn_inside_an_item(encoded: str) -> None:
    assert facts(item(1, encoded)).turn_end == (mask(TOPIC, KEY),)


@pytest.mark.parametrize(
    ("encoded", "word"),
    [
        ('data: {"p":"/message/content/parts/0","o":"append","v":"a"}\n\n', "text"),
        ('event: delta\ndata: {"v":"a"}\n\n', "more"),
        ('data: {"p":"/message/content/thoughts/0/content","o":"append","v":"a"}\n\n', None),
    ],
)
def test_an_item_that_adds_to_a_text(encoded: str, word: str | None) -> None:
    words = facts(item(1, encoded)).kind.split("/")
    assert [said for said in words if said in ("text", "more")] == ([word] if word else [])


@pytest.mark.parametrize("kind", ["done", "conversation-turn-complete"])
def test_the_end_of_a_turn_as_a_payload(kind: str) -> None:
    found = facts({"type": "message", "topic_id": TOPIC, "payload": {"type": kind}})
    assert found.turn_end == (mask(TOPIC, KEY),)


def test_errors_are_seen_and_their_text_is_not_kept() -> None:
    found = facts({"type": "error", "message": TEXT})
    assert found.error
    assert TEXT not in repr(found)
    told = {"type": "error", "error": {"code": "server_is_overloaded", "message": TEXT}}
    assert facts(told).kind == "error/server_is_overloaded"
    assert facts({"type": "error", "error": {"code": TEXT}}).kind == "error"
    assert facts(item(1, 'event: error\ndata: {"message":"x"}\n\n')).error


def test_azure_reliable_subprotocol() -> None:
    connected = facts(
        {"type": "system", "event": "connected", "connectionId": "c", "reconnectionToken": "t"}
    )
    assert connected.kind == "system"
    data = {"sequenceId": 41, "type": "message", "from": "group", "data": TEXT}
    assert (facts(data).kind, facts(data).sequence) == ("message", 41)
    ack = facts({"type": "sequenceAck", "sequenceId": 41})
    assert (ack.kind, ack.sequence) == ("sequenceAck", 41)


@pytest.mark.parametrize("word", ["sequenceId", "sequence_id", "sequence_number", "seq"])
def test_a_message_may_number_itself_by_several_names(word: str) -> None:
    assert facts({"type": "message", word: 41}).sequence == 41


def test_ids_are_masked_with_the_captures_own_key() -> None:
    assert mask("one", KEY) == mask("one", KEY) != mask("two", KEY)
    assert mask("one", KEY) != mask("one", b"another capture")


@given(st.text(min_size=6, alphabet=st.characters(codec="utf-8", exclude_characters='0123456789"')))
def test_no_text_and_no_id_of_a_message_is_kept(secret: str) -> None:
    secret = f"!{secret}!"  # not a type word of the protocol
    found = facts(
        item(1, f"data: {json.dumps({'v': secret})}\n\n"),
        {"type": secret, "topic_id": secret, "payload": {"type": secret, "stream_item_id": secret}},
        {"reply": {"catchups": [{"topic_id": "conversation-turn-" + secret}]}},
    )
    assert secret not in repr(found)


NESTED: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "command", "reply", "catchups", "topic_id", "payload", "sequenceId"),
                    *("stream_item_id", "encoded_item", "x"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(NESTED)
def test_any_json_gives_facts_that_fit_the_table(value: object) -> None:
    found = describe(json.dumps(value).encode(), KEY)
    row = frame_row("f", "1", 0.0, from_client=True, opcode=1, size=1, facts=found)
    assert len(frame_of_rows("ws_frames", [row])) == 1


@given(st.binary(max_size=200))
def test_any_octets_give_facts(content: bytes) -> None:
    assert isinstance(describe(content, KEY), MessageFacts)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100000, b'{"payload":' * 50000, b'{"sequenceId":' + b"9" * 5000 + b"}", b"\xff\xfe["],
)
def test_hostile_nesting_gives_empty_facts(content: bytes) -> None:
    assert describe(content, KEY) == MessageFacts()


def test_a_sequence_beyond_64_bits_is_not_seen() -> None:
    assert facts({"type": "message", "sequenceId": 10**30}).sequence is None
    assert facts({"type": "message", "sequenceId": True}).sequence is None


def test_lists_of_facts_are_bounded() -> None:
    catchups = [item(n, "data: [DONE]\n\n") for n in range(300)]
    found = facts(*({"reply": {"catchups": catchups}} for _ in range(3)))
    assert len(found.items) == len(found.turn_end) == MAX_ITEMS


def test_a_message_beyond_the_bound_is_only_counted() -> None:
    assert describe(b" " * (MAX_MESSAGE + 1), KEY) == MessageFacts(kind="too-large")
