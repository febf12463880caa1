"""A machine without network, as sampled packets and the recorder's own tries show it."""

from __future__ import annotations

import pytest
from handmade import Row, answer, connection, exchange, found, handshakes, query, tables

from analysis.detect import offline
from analysis.detect.offline import Asked
from analysis.diagnose import diagnose
from analysis.model.connect_error import no_network
from analysis.model.frames import CaptureFacts, Tables

CHAT, SOCKET, TRACKER = "104.18.32.47", "104.18.39.21", "34.120.195.249"
EDGE = ("104.16.0.0/13",)
RESENT = [20_300, 21_300, 23_300, 27_300, 35_300]
NO_ROUTE = "[Errno 101] Connect call failed ('104.18.32.47', 443)"
NO_NAME = "[Errno -3] Temporary failure in name resolution"


def sampled(whole: tuple[str, ...] = EDGE) -> CaptureFacts:
    return CaptureFacts("b", packets_sampled=90, ended=1000.0, whole=whole)


def seconds(alone: range = range(120, 140), *, silent: range = range(0)) -> list[Row]:
    """A minute and more of activity, in which this machine alone sends for a while, or nobody."""
    return [
        {"source": "p.pcapng", "time": float(second), "packets": 8, "bytes": 900,
         "connections": 1, "senders": 1 if second in alone else 4}
        for second in range(100, 260)
        if second not in silent
    ]  # fmt: skip


def across(
    sni: str = "chatgpt.com", server: str = CHAT, number: int = 0, **more: object
) -> dict[str, list[Row]]:
    """A connection that sends again and again during the gap, and goes on behind it."""
    row: Row = {
        "client_retransmissions": 5, "client_resent_ms": RESENT, "last_time": 170.0,
        "server_payload_time": 165.0, **more,
    }  # fmt: skip
    return handshakes(1, sni=sni, server=server, start=number, tcp=row)


def opened(
    sni: str, server: str, number: int, *, answered: bool = True, **more: object
) -> dict[str, list[Row]]:
    """A connection begun in the gap; its SYN is sent again."""
    row: Row = {"syns": 5, "syn_rtt_ms": None, **more}
    if not answered:
        row |= {"synack_frame": None, "server_payload": 0, "last_payload_time": None}
    return handshakes(1, sni=sni, server=server, start=number, tcp=row)


def join(*parts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [row for part in parts for row in part[name]] for name in ("tcp", "tls")}


TWO = join(across(), across("ws.chatgpt.com", SOCKET, 1))
ONE = across()
LOOKUPS = [
    answer("chatgpt.com", CHAT, at=100.0),
    *(query("files.oaiusercontent.com", frame=300 + n, at=125.0 + n) for n in range(3)),
]


def test_two_servers_were_asked_in_vain() -> None:
    given = tables([sampled()], **TWO, activity=seconds())
    finding = found(given)["net.offline_gap"]
    assert finding.measurements["gaps_s"] == [20]
    assert "2 connections stopped together" in finding.summary
    assert diagnose(given).verdict.primary == "net.offline_gap"


def resumed(*moments: int, sni: str = "chatgpt.com", **more: object) -> dict[str, list[Row]]:
    """A connection that sends again at these times, in ms, and goes on until 170 s."""
    return across(sni, client_resent_ms=list(moments), client_retransmissions=len(moments), **more)


def roamed(down: range = range(121, 150), *, connections: int = 2) -> list[Row]:
    """A second of vain tries, then nothing from anybody."""
    rows = seconds(range(120, 121), silent=down)
    return [row | {"connections": connections if row["senders"] == 1 else 4} for row in rows]


SOCKETS: Row = {"server": SOCKET, "number": 1}
LATER = (20_300, 20_900, 50_200)
"""Of a connection that began a moment after 100 s: before, and after the network came back."""


def test_an_interface_that_is_down_takes_nothing() -> None:
    both = join(resumed(*LATER), resumed(*LATER, sni="ws.chatgpt.com", **SOCKETS))
    finding = found(tables(**both, activity=roamed()))["net.offline_gap"]
    assert finding.measurements["gaps_s"] == [30]


@pytest.mark.parametrize(
    ("parts", "activity"),
    [
        pytest.param([resumed(*LATER)], roamed(), id="one-connection"),
        pytest.param(
            [resumed(*LATER), resumed(*LATER, sni="ws.chatgpt.com", number=1)],
            roamed(),
            id="one-server",
        ),
        pytest.param(
            [resumed(*LATER), resumed(18_000, 50_200, sni="ws.chatgpt.com", **SOCKETS)],
            roamed(),
            id="answered-before-the-silence",
        ),
        pytest.param(
            [resumed(*LATER), resumed(*LATER[:2], sni="ws.chatgpt.com", **SOCKETS)],
            roamed(),
            id="not-sent-again",
        ),
        pytest.param(
            [resumed(*LATER), resumed(*LATER, sni="ws.chatgpt.com", **SOCKETS)],
            roamed(range(121, 127)),
            id="a-pause",
        ),
        pytest.param(
            [resumed(*LATER), resumed(*LATER, sni="ws.chatgpt.com", **SOCKETS)],
            roamed(connections=1),
            id="one-was-asked",
        ),
    ],
)
def test_a_machine_that_is_quiet_for_a_while(
    parts: list[dict[str, list[Row]]], activity: list[Row]
) -> None:
    assert "net.offline_gap" not in found(tables(**join(*parts), activity=activity))


def test_a_server_and_a_resolver_were_asked_in_vain() -> None:
    given = tables([sampled()], **ONE, dns=LOOKUPS, activity=seconds())
    finding = found(given)["net.offline_gap"]
    assert "1 connection and the name lookups had no answer" in finding.summary


def test_connections_that_open_once_the_network_is_back() -> None:
    both = join(
        handshakes(2), opened("chatgpt.com", CHAT, 21), opened("ws.chatgpt.com", SOCKET, 22)
    )
    assert "net.offline_gap" in found(tables([sampled()], **both, activity=seconds()))


GONE: Row = {"server_payload_time": 118.0, "last_time": 139.0}


@pytest.mark.parametrize(
    "given",
    [
        tables([sampled()], **TWO, activity=seconds(silent=range(120, 140))),
        tables([sampled()], **TWO, activity=seconds(range(0), silent=range(120, 200))),
        tables([sampled()], **TWO, activity=seconds(range(120, 123))),
        tables([sampled()], **ONE, activity=seconds()),
        tables([sampled()], **join(across(), across(server=SOCKET, number=1)), activity=seconds()),
        tables(
            [sampled()],
            **join(across(**GONE), across("ws.chatgpt.com", SOCKET, 1, **GONE)),
            activity=seconds(),
        ),
        tables(
            [sampled()],
            **join(
                across(client_resent_ms=None, client_fin=1, fin_time=121.0),
                across("ws.chatgpt.com", SOCKET, 1, client_resent_ms=None, fin_time=121.0),
            ),
            activity=seconds(),
        ),
        tables(
            [sampled()],
            **join(
                across(client_resent_ms=[5_000, 6_000]),
                across("ws.chatgpt.com", SOCKET, 1, client_resent_ms=[4_000, 60_000]),
            ),
            activity=seconds(),
        ),
        tables([sampled(())], **TWO, activity=seconds()),
        tables(
            [sampled()],
            **join(ONE, opened("o33249.ingest.sentry.io", TRACKER, 21, answered=False)),
            activity=seconds(),
        ),
        tables([sampled()], **ONE, dns=LOOKUPS[1:], activity=seconds()),
    ],
    ids=[
        "user-idle",
        "asleep",
        "a-moment",
        "one-server-down",
        "one-name-at-two-addresses",
        "idle-timer-forgot-both",
        "closing-tab",
        "lost-at-other-times",
        "sampled-bulk",
        "blocked-tracker",
        "resolver-never-answers",
    ],
)
def test_a_sample_without_a_time_offline(given: Tables) -> None:
    assert "net.offline_gap" not in found(given)


def tried(number: int, host: str, error: str | None = None, *, at: float, **more: object) -> Row:
    made: Row = {"host": host, "started": at, "source": "events.jsonl"}
    if error is not None:
        made |= {"error": error, "tcp_ms": None, "tls_ms": None, "address": None}
    return connection(number, **made, **more)


def recorded(*errors: str, hosts: tuple[str, ...] = ("chatgpt.com", "ab.chatgpt.com")) -> list[Row]:
    """Connections that open, fail for a while, and open again."""
    failing = [
        tried(10 + n, hosts[n % len(hosts)], error, at=120.0 + 2 * n)
        for n, error in enumerate(errors)
    ]
    return [
        tried(1, "chatgpt.com", at=100.0),
        *failing,
        tried(30, "chatgpt.com", at=140.0),
    ]


MUTE = seconds(range(0), silent=range(118, 139))


def test_no_lookup_left_the_machine() -> None:
    given = tables([sampled()], connections=recorded(NO_NAME, NO_NAME, NO_NAME), activity=MUTE)
    finding = found(given)["net.offline_gap"]
    assert finding.measurements["gaps_s"] == [20]
    assert "nothing could be opened: chatgpt.com and ab.chatgpt.com" in finding.summary
    assert diagnose(given).verdict.primary == "net.offline_gap"


def test_the_system_says_that_there_is_no_network() -> None:
    given = tables(connections=recorded(NO_ROUTE, NO_ROUTE))
    assert "net.offline_gap" in found(given)
    assert diagnose(given).verdict.primary == "net.offline_gap"


LOST = (NO_NAME, NO_NAME, NO_NAME)
ANSWERED = exchange("f1", response_start=122.5, started=122.4)
ASKED = [query("chatgpt.com", frame=400, at=120.2)]


@pytest.mark.parametrize(
    "given",
    [
        tables([sampled()], connections=recorded(*LOST), dns=ASKED, activity=MUTE),
        tables([sampled()], connections=recorded(*LOST), activity=seconds(range(0))),
        tables(connections=recorded(*LOST)),
        tables([sampled()], connections=recorded(*LOST[:2]), activity=MUTE),
        tables([sampled()], connections=recorded(NO_NAME), activity=MUTE),
        tables(connections=recorded(NO_ROUTE, NO_ROUTE, hosts=("ws.chatgpt.com",))),
        tables(connections=recorded(NO_ROUTE, NO_ROUTE)[:-1]),
        tables(connections=recorded(NO_ROUTE, NO_ROUTE)[1:]),
        tables(connections=recorded(NO_ROUTE, NO_ROUTE), http=[ANSWERED]),
        tables(connections=recorded(NO_ROUTE, NO_ROUTE.replace("101", "111"))),
        tables(connections=recorded(NO_ROUTE, NO_ROUTE, hosts=("chatgpt.com", "sentry.io"))),
    ],
    ids=[
        "resolver-down",
        "others-are-heard",
        "no-packets",
        "both-at-once",
        "one-host",
        "one-host-again",
        "never-again",
        "never-before",
        "something-worked",
        "refused",
        "another-site",
    ],
)
def test_tries_that_fail_with_the_network_there(given: Tables) -> None:
    assert "net.offline_gap" not in found(given)


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (NO_ROUTE, True),
        (NO_ROUTE.replace("Errno 101", "WinError 10051"), True),
        (NO_ROUTE.replace("101", "113"), False),
        ("[Errno 101] Connect call failed ('2606:4700::1', 443, 0, 0)", False),
        (
            f"Multiple exceptions: {NO_ROUTE.replace('101', '111')}, "
            "[Errno 101] Connect call failed ('2606:4700::1', 443, 0, 0)",
            False,
        ),
        (NO_NAME, False),
    ],
)
def test_words_for_no_network(error: str, gone: bool) -> None:
    assert no_network(error) is gone


def unanswered(at: float) -> list[Row]:
    return [query("files.oaiusercontent.com", frame=300 + n, at=at + 2 * n) for n in range(4)]


def test_a_resolver_out_of_reach_with_all_else_is_explained() -> None:
    lookups = [answer("chatgpt.com", CHAT, at=100.0), *unanswered(122.0)]
    said = diagnose(tables([sampled()], **TWO, dns=lookups, activity=seconds()))
    by = {finding.id: finding.explained_by for finding in said.findings}
    assert by["dns.timeout"] == "net.offline_gap"


def test_a_resolver_that_stays_out_of_reach_is_not() -> None:
    lookups = [answer("chatgpt.com", CHAT, at=100.0), *unanswered(122.0), *unanswered(200.0)]
    said = diagnose(tables([sampled()], **TWO, dns=lookups, activity=seconds()))
    by = {finding.id: finding.explained_by for finding in said.findings}
    assert by["dns.timeout"] is None


@pytest.mark.parametrize(
    ("asked", "several"),
    [
        ((), False),
        (("1 a",), False),
        (("1 a", "1 b", "1 c"), False),
        (("1 a", "2 a", "3 a"), False),
        (("1 a", "2 b"), True),
        (("1 a", "1 b", "2 a"), True),
    ],
)
def test_two_that_share_neither_server_nor_name(asked: tuple[str, ...], several: bool) -> None:
    assert offline._several([Asked(*item.split()) for item in asked]) == several


def rejoined(down: range = range(121, 138), *, joins: int = 1, packets: int = 40) -> list[Row]:
    """Much goes on, then nothing, then a machine asks for an address and it goes on."""
    rows = seconds(range(0), silent=down)
    back = down.stop
    return [
        row | {"packets": packets, "joins": joins if row["time"] == back else 0} for row in rows
    ]


BOTH = join(across(client_resent_ms=[]), across("ws.chatgpt.com", SOCKET, 1, client_resent_ms=[]))


def test_all_stops_until_the_link_comes_up_again() -> None:
    finding = found(tables(**BOTH, activity=rejoined()))["net.offline_gap"]
    assert finding.measurements["gaps_s"] == [17]


@pytest.mark.parametrize(
    ("parts", "activity"),
    [
        pytest.param(BOTH, rejoined(joins=0), id="nobody-asks-for-an-address"),
        pytest.param(BOTH, rejoined(packets=3), id="a-machine-at-rest"),
        pytest.param(BOTH, rejoined(range(121, 124)), id="a-pause"),
        pytest.param(across(client_resent_ms=[]), rejoined(), id="one-connection"),
        pytest.param(
            join(
                across(client_resent_ms=[], client_retransmissions=0),
                across("ws.chatgpt.com", SOCKET, 1, client_resent_ms=[], client_retransmissions=0),
            ),
            rejoined(),
            id="nothing-was-lost",
        ),
    ],
)
def test_a_neighbour_that_asks_for_an_address(
    parts: dict[str, list[Row]], activity: list[Row]
) -> None:
    assert "net.offline_gap" not in found(tables(**parts, activity=activity))
