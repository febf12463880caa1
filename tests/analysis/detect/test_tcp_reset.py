"""Resets: which are forged, which are a timer's, which a name draws; and the 19 signatures."""

from __future__ import annotations

import pytest
from handmade import GOOD, Row, answer, found, handshakes, serious, tables

from analysis.detect.attempts import wire
from analysis.detect.signatures import signature_of
from analysis.diagnose import diagnose
from analysis.knowledge.tampering import signature

HOST = "chatgpt.com"


def join(*parts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [row for part in parts for row in part[name]] for name in ("tcp", "tls")}


def cut(
    count: int = 3,
    *,
    sni: str = HOST,
    server: str = GOOD,
    start: int = 20,
    far: float | None = None,
    **tcp: object,
) -> dict[str, list[Row]]:
    """Connections reset with the server's address right after the ClientHello."""
    reset: Row = {
        "reset_by": "server", "server_rst": 1, "reset_frame": 900,
        "reset_kinds": ["R"], "client_payload": 517, "server_payload": 0, "server_sent": 0,
        "synack_ip_ttl": 57, "server_ip_ttl": 57, "reset_ip_ttl": 57,
    }  # fmt: skip
    made = handshakes(count, sni=sni, server=server, start=start, far=far)
    for number, row in enumerate(made["tcp"]):
        row.update(reset | {"reset_time": 100.0 + start + number + 0.2} | tcp)
    return made


def other(server: str = "93.184.215.14") -> dict[str, list[Row]]:
    return handshakes(2, sni="www.example.org", server=server)


def test_another_name_at_the_same_address_proves_the_trigger() -> None:
    finding = found(tables(**join(other(GOOD), cut())))["tls.sni_blocked"]
    assert finding.confidence > 0.8
    assert finding.severity == "critical"
    assert "www.example.org" in finding.summary
    assert "⟨PSH+ACK → RST⟩" in finding.summary
    assert finding.measurements["signatures"] == ["⟨PSH+ACK → RST⟩"]


def test_without_control_the_trigger_is_not_proven() -> None:
    for given in (join(cut()), join(other(), cut())):
        finding = found(tables(**given))["tls.sni_blocked"]
        assert finding.confidence < 0.8
        assert "not proven" in finding.summary


def test_a_foreign_ttl_proves_it_too_and_explains_the_forgery() -> None:
    diagnosis = diagnose(tables(**join(other(), cut(reset_ip_ttl=61))))
    by_id = {finding.id: finding for finding in diagnosis.findings}
    assert diagnosis.verdict.primary == "tls.sni_blocked"
    assert by_id["tls.sni_blocked"].confidence > 0.8
    assert by_id["tcp.reset_injected"].explained_by == "tls.sni_blocked"


def test_silence_after_the_hello() -> None:
    quiet: Row = {
        "reset_by": None, "server_rst": 0, "reset_time": None, "reset_frame": None,
        "reset_kinds": None, "last_time": 160.0, "client_sent": 517, "client_unacked": 0,
    }  # fmt: skip
    finding = found(tables(**join(other(GOOD), cut(**quiet))))["tls.sni_blocked"]
    assert "silence" in finding.summary
    assert finding.measurements["signatures"] == ["⟨PSH+ACK → ∅⟩"]


@pytest.mark.parametrize(
    "given",
    [
        join(other(), cut(1)),
        join(other(), cut(), handshakes(1, start=50)),
        join(other(), cut(reset_by="client", server_rst=0)),
        join(other(), cut(sni="www.example.com")),
        join(other(), cut(client_fin=1, fin_by="client", fin_time=110.0)),
    ],
    ids=["one", "healed", "own-reset", "another-site", "after-fin"],
)
def test_no_block_by_name(given: dict[str, list[Row]]) -> None:
    assert not {"tls.sni_blocked", "tcp.reset_injected"} & set(found(tables(**given)))


FORGED: dict[str, Row] = {
    "ttl": {"reset_ip_ttl": 245},
    "late-synack": {"after_reset_frame": 950, "after_reset_kind": "synack"},
    "late-data": {
        "after_reset_frame": 950, "after_reset_kind": "data", "after_reset_ip_ttl": 57,
        "reset_ip_ttl": 60,
    },
    "two-weak-marks": {
        "before_reset_ip_id": 4000, "reset_ip_id": 54321, "timestamps": True,
        "reset_timestamp": False,
    },
}  # fmt: skip


@pytest.mark.parametrize("marks", FORGED.values(), ids=FORGED)
def test_a_forged_reset_in_the_middle(marks: Row) -> None:
    given = join(
        other(), handshakes(2), cut(2, far=12.0, server_payload=9000, server_sent=9000, **marks)
    )
    finding = found(tables(**given))["tcp.reset_injected"]
    assert finding.severity == "critical"
    assert "⟨PSH+ACK; data → RST⟩" in finding.summary
    assert 900 in {frame for piece in finding.evidence for frame in piece.frames}


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"reset_ip_ttl": 58},
        {"before_reset_ip_id": 0, "reset_ip_id": 1},
        {"timestamps": True, "reset_timestamp": False},
        {"after_reset_frame": 950, "after_reset_kind": "data", "after_reset_ip_ttl": 57},
        {"client_fin": 1, "fin_by": "client", "fin_time": 110.0, "reset_ip_ttl": 245},
    ],
    ids=["plain", "ttl-by-one", "ip-id-zero", "one-weak-mark", "overtaken", "after-fin"],
)
def test_a_reset_that_may_be_genuine(marks: Row) -> None:
    given = join(handshakes(2), cut(2, far=12.0, server_payload=9000, server_sent=9000, **marks))
    assert "tcp.reset_injected" not in found(tables(**given))


def test_a_timer_and_not_a_forgery() -> None:
    aged: Row = {"server_payload": 9000, "server_sent": 9000, "reset_ip_ttl": 245}
    made = cut(4, far=12.0, **aged)
    for number, row in enumerate(made["tcp"]):
        row.update(last_payload_time=121.0 + number, reset_time=121.0 + number + 350 + number)
    ids = found(tables(**join(other(), made)))
    assert "AWS" in ids["tcp.reset_after_idle"].summary
    assert ids["tcp.reset_after_idle"].severity == "warning"
    assert "tcp.reset_injected" not in ids


@pytest.mark.parametrize("ages", [(300, 400, 500), (350, 351)], ids=["scattered", "two"])
def test_no_timer(ages: tuple[int, ...]) -> None:
    made = cut(len(ages), far=12.0, server_payload=9000, server_sent=9000)
    for row, age in zip(made["tcp"], ages, strict=True):
        row.update(last_payload_time=121.0, reset_time=121.0 + age)
    assert serious(tables(**join(other(), made))) == set()


@pytest.mark.parametrize(
    ("age", "unacked", "timer"), [(400, 0, False), (400, 300, True), (350, 0, True)],
    ids=["the-edge-lets-go", "with-words-on-the-way", "another-age"],
)  # fmt: skip
def test_the_keep_alive_of_the_edge(age: int, unacked: int, timer: bool) -> None:
    made = cut(4, far=12.0, server_payload=9000, server_sent=9000, client_unacked=unacked)
    for number, row in enumerate(made["tcp"]):
        row.update(last_payload_time=121.0 + number, reset_time=121.0 + number + age)
    assert ("tcp.reset_after_idle" in found(tables(**join(other(), made)))) is timer


def forgotten(*moments: float, **more: object) -> dict[str, list[Row]]:
    """Connections whose next word, after 240 s, is answered by a reset."""
    made = cut(len(moments), far=12.0, server_payload=9000, server_sent=9000)
    for row, moment in zip(made["tcp"], moments, strict=True):
        row.update(
            server_payload_time=moment, client_payload_time=moment + 240.6, client_unacked=400,
            last_payload_time=moment + 240.6, reset_time=moment + 240.61,
        )  # fmt: skip
        row.update(more)
    return made


def test_a_timer_that_forgets_without_a_word() -> None:
    ids = found(tables(**join(other(), forgotten(110.0, 380.0, 650.0))))
    assert ids["tcp.reset_after_idle"].measurements["timer_s"] == 240.6
    assert "Azure" in ids["tcp.reset_after_idle"].summary


@pytest.mark.parametrize(
    "made",
    [
        forgotten(110.0, 110.2, 110.4),
        forgotten(110.0, 380.0),
        forgotten(110.0, 380.0, 650.0, client_unacked=0),
        forgotten(110.0, 380.0, 650.0, reset_time=900.0, last_payload_time=895.0),
    ],
    ids=["after-a-sleep", "two", "taken-before", "reset-for-another-reason"],
)
def test_resets_of_what_is_sent_that_are_no_timer(made: dict[str, list[Row]]) -> None:
    assert "tcp.reset_after_idle" not in found(tables(**join(other(), made)))


SYN: Row = {"synack_frame": None, "syns": 1, "client_payload": 0}
ACK: Row = {"client_payload": 0}
DATA: Row = {"server_payload": 4000}
QUIET: Row = {"reset_by": None, "server_rst": 0, "reset_time": None, "last_time": 190.0}


@pytest.mark.parametrize(
    ("number", "more"),
    [
        (1, {**SYN, **QUIET, "syns": 4}),
        (2, {**SYN, "reset_kinds": ["R"]}),
        (3, {**SYN, "reset_kinds": ["RA"]}),
        (4, {**SYN, "reset_kinds": ["R", "RA"]}),
        (5, {**QUIET, "client_sent": 517, "client_unacked": 517}),
        (6, {**ACK, "reset_kinds": ["R"]}),
        (7, {**ACK, "reset_kinds": ["R", "R"]}),
        (8, {**ACK, "reset_kinds": ["RA"]}),
        (9, {**ACK, "reset_kinds": ["RA", "RA"]}),
        (10, {**QUIET, "client_sent": 517, "client_unacked": 0}),
        (11, {"reset_kinds": ["R"]}),
        (12, {"reset_kinds": ["RA"]}),
        (13, {"reset_kinds": ["R", "RA"]}),
        (14, {"reset_kinds": ["RA", "RA"]}),
        (15, {"reset_kinds": ["R", "R"], "reset_seqs": [7, 7]}),
        (16, {"reset_kinds": ["R", "R"], "reset_seqs": [7, 1467]}),
        (17, {"reset_kinds": ["R", "R0"], "reset_seqs": [7, 0]}),
        (18, {**DATA, "reset_kinds": ["R"]}),
        (19, {**DATA, "reset_kinds": ["RA", "RA"]}),
        (None, {"reset_by": "client"}),
    ],
)
def test_the_signatures_from_the_clients_seat(number: int | None, more: Row) -> None:
    given = tables(**cut(1, **more), dns=[answer(HOST, GOOD)])
    shown = signature_of(wire(given).attempts[0])
    assert shown == (None if number is None else signature(number))


GENUINE: Row = {
    "reset_ip_ttl": 61, "client_sent": 522, "server_payload": 1200, "server_sent": 1200,
    "server_payload_before_reset": 0, "reset_kinds": ["R", "RA"],
}  # fmt: skip


def late_answer(**tcp: object) -> dict[str, list[Row]]:
    """The server's own answer to the hello comes after the forged reset."""
    made = cut(far=180.0, **(GENUINE | tcp))
    for row in made["tls"]:
        row["hello_bytes"] = 517
    return made


def test_a_genuine_answer_after_the_reset_does_not_undo_the_control() -> None:
    diagnosis = diagnose(tables(**join(other(GOOD), late_answer())))
    assert diagnosis.verdict.primary == "tls.sni_blocked"
    forged = next(item for item in diagnosis.findings if item.id == "tcp.reset_injected")
    assert forged.explained_by == "tls.sni_blocked"


def test_a_genuine_answer_without_a_control_leaves_the_trigger_open() -> None:
    ids = found(tables(**join(other(), late_answer())))
    assert "tcp.reset_injected" in ids
    assert "tls.sni_blocked" not in ids


def test_a_reset_that_the_client_ignored_blocks_no_name() -> None:
    assert "tls.sni_blocked" not in found(tables(**join(other(GOOD), late_answer(client_sent=990))))
