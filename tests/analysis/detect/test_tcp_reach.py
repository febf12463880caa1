"""TCP that is not opened: unreachable, refused, a firewall on addresses, IPv6 that fails."""

from __future__ import annotations

import pytest
from handmade import GOOD, Row, answer, connection, exchange, found, handshakes, serious, tables

from analysis.diagnose import diagnose

OTHER = "93.184.215.14"


def syns(server: str, number: int = 50, *, syns: int = 4, at: float = 101.0, **more: object) -> Row:
    return {
        "source": "p.pcapng",
        "stream": number,
        "client": "2001:db8::2" if ":" in server else "10.0.0.2",
        "client_port": 41000 + number,
        "server": server,
        "server_port": 443,
        "first_time": at,
        "last_time": at + 7,
        "first_frame": 500 + number,
        "syn_frame": 500 + number,
        "syns": syns,
        **more,
    }


def refused(server: str, number: int = 50, **more: object) -> Row:
    reset: Row = {
        "syns": 1,
        "last_time": 101.02,
        "reset_by": "server",
        "server_rst": 1,
        "reset_frame": 700 + number,
        "reset_time": 101.02,
        "reset_kinds": ["RA"],
    }
    return syns(server, number, **(reset | more))


def elsewhere() -> dict[str, list[Row]]:
    """Another destination that works, for a minute."""
    return handshakes(2, sni="www.example.org", server=OTHER)


def session(*rows: Row, dns: list[Row] | None = None, **more: list[Row]) -> dict[str, list[Row]]:
    made = elsewhere()
    names = [answer("chatgpt.com", GOOD)] if dns is None else dns
    return {"tcp": [*made["tcp"], *rows], "tls": made["tls"], "dns": names, **more}


def primary(given: dict[str, list[Row]]) -> str | None:
    return diagnose(tables(**given)).verdict.primary


def test_syns_into_silence() -> None:
    given = session(syns(GOOD))
    finding = found(tables(**given))["tcp.unreachable"]
    assert (finding.subjects, finding.severity) == (("chatgpt.com",), "critical")
    assert finding.confidence >= 0.8
    assert 550 in finding.evidence[0].frames
    assert "other destinations answer" in finding.summary
    assert primary(given) == "tcp.unreachable"


@pytest.mark.parametrize(
    "row",
    [
        syns(GOOD, syns=1),
        syns(GOOD, at=159.0, last_time=160.0),
        syns(GOOD, synack_frame=9),
        syns("93.1.1.1"),
    ],
    ids=["one-syn", "capture-ends", "answered", "another-destination"],
)
def test_no_proof_of_silence(row: Row) -> None:
    given = session(row)
    # the capture of the control ends at 161 s
    assert "tcp.unreachable" not in found(tables(**given))


def test_nothing_heard_at_all_may_be_one_direction() -> None:
    given = {"tcp": [syns(GOOD, last_time=120.0)], "tls": [], "dns": []}
    assert serious(tables(**given, connections=[connection(tls_ms=None)])) == set()


def test_a_dead_address_beside_one_that_works_is_healed() -> None:
    made = handshakes(1, server="172.64.155.209", start=20)
    given = session(syns(GOOD), dns=[answer("chatgpt.com", GOOD, "172.64.155.209")])
    given["tcp"] += made["tcp"]
    given["tls"] += made["tls"]
    assert serious(tables(**given)) == set()


def test_a_telemetry_host_that_is_blocked_is_info() -> None:
    name = answer("browser-intake-datadoghq.com", "3.233.1.1")
    assert serious(tables(**session(syns("3.233.1.1"), dns=[name]))) == set()


def test_refused() -> None:
    given = session(refused(GOOD), refused(GOOD, 51))
    finding = found(tables(**given))["tcp.refused"]
    assert finding.subjects == ("chatgpt.com",)
    assert {frame for piece in finding.evidence for frame in piece.frames} >= {550, 750, 751}
    assert primary(given) == "tcp.refused"


def test_a_refusal_faster_than_the_path_is_forged() -> None:
    made = handshakes(1, sni="www.example.org", near=20.0)
    given = session(refused(GOOD, reset_time=101.004), dns=[answer("chatgpt.com", GOOD)])
    given["tcp"] += made["tcp"]  # the same address, another name: its round trip is 20 ms
    ids = set(found(tables(**given)))
    assert "tcp.reset_injected" in ids
    assert "tcp.refused" not in ids


def test_several_addresses_while_others_work_are_a_firewall() -> None:
    names = [
        answer("chatgpt.com", GOOD),
        answer("ws.chatgpt.com", "104.18.39.21"),
        answer("ab.chatgpt.com", "172.64.155.209"),
    ]
    given = session(syns(GOOD), syns("104.18.39.21", 51), refused("172.64.155.209", 52), dns=names)
    made = found(tables(**given))
    assert "net.firewall_ip_block" in made
    explained = {f.id: f.explained_by for f in diagnose(tables(**given)).findings}
    assert explained["tcp.unreachable"] == "net.firewall_ip_block"
    assert explained["tcp.refused"] == "net.firewall_ip_block"
    assert primary(given) == "net.firewall_ip_block"


def test_several_addresses_without_control_are_only_unreachable() -> None:
    given = session(syns(GOOD), syns("104.18.39.21", 51))
    given["tcp"] = given["tcp"][2:]
    given["tls"] = []
    given["dns"] = [
        answer("chatgpt.com", GOOD, "104.18.39.21"),
        answer("example.org", OTHER, at=130.0),
    ]
    assert primary(given) == "tcp.unreachable"


def test_icmp_prohibited_names_the_filter() -> None:
    told: Row = {
        "source": "p.pcapng", "frame": 801, "time": 101.1, "src": "10.0.0.1", "type": 3,
        "code": 13, "protocol": "tcp", "server": GOOD, "server_port": 443,
    }  # fmt: skip
    finding = found(tables(**session(syns(GOOD), icmp=[told])))["net.firewall_ip_block"]
    assert "10.0.0.1" in (finding.vendor or "")
    assert {801} <= {frame for piece in finding.evidence for frame in piece.frames}


def test_addresses_that_no_name_gave_are_not_chatgpts() -> None:
    given = session(syns("104.18.32.99"), syns("104.18.39.99", 51))
    assert serious(tables(**given)) == set()


def test_an_address_shared_with_another_name_is_not_judged() -> None:
    names = [answer("chatgpt.com", GOOD), answer("www.example.org", GOOD)]
    assert serious(tables(**session(syns(GOOD), dns=names))) == set()


def test_a_sinkhole_answer_is_the_lookups_matter() -> None:
    given = session(refused("0.0.0.0"), dns=[answer("chatgpt.com", "0.0.0.0")])
    assert not {"tcp.refused", "tcp.unreachable"} & set(found(tables(**given)))


V6 = "2606:4700:4400::6812:202f"


def race(count: int, wait: float = 0.9, tries: int = 3) -> dict[str, list[Row]]:
    made = session(dns=[answer("chatgpt.com", GOOD), answer("chatgpt.com", V6, qtype="AAAA")])
    won = handshakes(count, start=20)
    for number, row in enumerate(won["tcp"]):
        lost = syns(V6, 60 + number, at=row["first_time"] - wait, syns=tries)
        made["tcp"] += [lost, row]
    made["tls"] += won["tls"]
    return made


def test_ipv6_that_costs_time_on_each_connection() -> None:
    finding = found(tables(**race(3)))["net.ipv6_broken"]
    assert finding.severity == "warning"
    assert finding.measurements["fallback_ms"] == 900
    assert primary(race(3)) == "net.ipv6_broken"


def test_a_race_that_costs_little_is_no_problem() -> None:
    assert serious(tables(**race(3, wait=0.25))) == set()
    assert "net.ipv6_broken" not in found(tables(**race(3, tries=1)))


def test_ipv6_that_works_anywhere_is_not_broken() -> None:
    given = race(3)
    given["tcp"].append(syns(V6, 90, synack_frame=7, syns=1))
    assert "net.ipv6_broken" not in found(tables(**given))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("[Errno 111] Connect call failed ('104.18.32.47', 443)", "tcp.refused"),
        ("[Errno 110] Connect call failed ('104.18.32.47', 443)", "tcp.unreachable"),
        ("[Errno 111] Connect call failed ('0.0.0.0', 443)", None),
        ("certificate verify failed", None),
    ],
    ids=["refused", "timed-out", "sinkhole", "tls"],
)
def test_the_recorders_errors(error: str, expected: str | None) -> None:
    stage = "tls" if "certificate" in error else "tcp"
    lost = connection(
        error=error, error_stage=stage, address=None, tcp_ms=None, tls_ms=None, verified=None
    )
    other = connection(2, host="www.example.org")
    ids = {name for name in found(tables(connections=[lost, other])) if name.startswith("tcp.")}
    assert ids == ({expected} if expected else set())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("net::ERR_CONNECTION_REFUSED", "tcp.refused"),
        ("net::ERR_CONNECTION_TIMED_OUT", "tcp.unreachable"),
        ("net::ERR_ABORTED", None),
    ],
)
def test_the_browsers_errors(error: str, expected: str | None) -> None:
    lost = exchange("f1", status=None, error=error, cf_ray=None)
    ids = {name for name in found(tables(http=[lost])) if name.startswith("tcp.")}
    assert ids == ({expected} if expected else set())


def test_an_error_that_a_later_request_heals() -> None:
    lost = exchange("f1", status=None, error="net::ERR_CONNECTION_REFUSED")
    assert serious(tables(http=[lost, exchange("f2")])) == set()


AT_ONCE: Row = {
    "reset_by": "server", "server_rst": 1, "reset_frame": 900, "reset_kinds": ["R"],
    "client_payload": 0, "server_payload": 0, "server_sent": 0, "app": None,
}  # fmt: skip


def reset_at_once(count: int, after: float = 0.02) -> list[Row]:
    """Connections that are reset as soon as they are open, before a ClientHello."""
    rows = handshakes(count)["tcp"]
    return [row | AT_ONCE | {"reset_time": row["first_time"] + after} for row in rows]


def test_a_reset_as_soon_as_the_connection_is_open() -> None:
    given = tables(dns=[answer("chatgpt.com", GOOD)], tcp=reset_at_once(2))
    finding = found(given)["tcp.refused"]
    assert finding.subjects == ("chatgpt.com",)
    assert finding.measurements["signature"] == "⟨SYN ; ACK → RST⟩"


def test_resets_of_open_connections_that_are_no_refusal() -> None:
    lookup = [answer("chatgpt.com", GOOD)]
    fine = handshakes(1, start=40)
    for rows, hellos in (
        (reset_at_once(1), []),
        (reset_at_once(2, after=60.0), []),
        (reset_at_once(3) + fine["tcp"], fine["tls"]),
    ):
        assert "tcp.refused" not in found(tables(dns=lookup, tcp=rows, tls=hellos))


def in_vain(host: str, *places: str) -> Row:
    words = ", ".join(f"[Errno 60] Connect call failed ('{place}', 443)" for place in places)
    return connection(
        host=host, connection=host, tcp_ms=None, tls_ms=None, address=places[0],
        addresses=list(places), error=f"Multiple exceptions: {words}", error_stage="tcp",
    )  # fmt: skip


ELSEWHERE = connection(host="example.org", address="93.184.216.34")
LOST_CHAT = in_vain("chatgpt.com", "104.18.32.47", "172.64.155.209")
LOST_SIGN_IN = in_vain("auth.openai.com", "104.18.41.158", "172.64.146.98")


@pytest.mark.parametrize(
    ("rows", "blamed"),
    [
        pytest.param([LOST_CHAT, LOST_SIGN_IN, ELSEWHERE], True, id="several-hosts"),
        pytest.param([LOST_CHAT, ELSEWHERE], False, id="one-host"),
        pytest.param([LOST_CHAT, LOST_SIGN_IN], False, id="nothing-else-either"),
        pytest.param(
            [in_vain("chatgpt.com", "10.9.9.9"), in_vain("auth.openai.com", "10.9.9.8"), ELSEWHERE],
            False,
            id="not-the-edge",
        ),
    ],
)
def test_addresses_that_a_recorder_tried_in_vain(rows: list[Row], blamed: bool) -> None:
    made = {item.id: item for item in diagnose(tables(connections=rows)).findings}
    assert ("net.firewall_ip_block" in made) is blamed
    if blamed:
        assert made["tcp.unreachable"].explained_by == "net.firewall_ip_block"


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        ("[WinError 121] The semaphore timeout period has expired", "tcp.unreachable"),
        ("[WinError 1225] The remote computer refused the network connection", "tcp.refused"),
        ("[WinError 1232] The network location cannot be reached", "tcp.unreachable"),
    ],
)
def test_what_windows_says_of_a_connection_that_did_not_open(error: str, finding: str) -> None:
    lost = {"tcp_ms": None, "tls_ms": None, "address": None, "error": error, "error_stage": "tcp"}
    rows = [connection(n, **lost) for n in (1, 2)]
    assert finding in found(tables(connections=[*rows, ELSEWHERE]))
