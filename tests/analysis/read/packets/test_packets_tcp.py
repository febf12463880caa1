"""TCP connections: handshake, endings, numbering, and quiet runs taken as a whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from packets_build import ethernet, handshake, pcap, tcp, written

from analysis.model.frames import Tables
from analysis.read.packets import quiet, read_packets


def rows(tmp_path: Path, frames: list[bytes], **options: Any) -> list[dict[str, Any]]:
    """The tcp table of these frames."""
    path = written(tmp_path / "some.pcap", pcap(frames, **options))
    return read_packets(path)["tcp"].to_dict("records")


def test_a_connection_from_syn_to_fin(tmp_path: Path) -> None:
    frames = handshake(payloads=[(True, b"x" * 10), (False, b"y" * 30)], ports=(50000, 9999))
    frames += [
        ethernet(tcp("FA", seq=110, ack=230, ports=(50000, 9999))),
        ethernet(tcp("FA", to_server=False, seq=230, ack=111, ports=(50000, 9999))),
    ]
    (row,) = rows(tmp_path, frames)
    assert (row["client"], row["client_port"]) == ("10.0.0.1", 50000)
    assert (row["server"], row["server_port"]) == ("192.0.2.1", 9999)
    assert (row["packets"], row["client_payload"], row["server_payload"]) == (7, 10, 30)
    assert (row["syn_frame"], row["synack_frame"], row["syns"]) == (1, 2, 1)
    assert row["syn_rtt_ms"] == pytest.approx(10)
    assert row["initial_rtt_ms"] == pytest.approx(20)
    assert (row["client_mss"], row["server_mss"]) == (1460, 1380)
    assert (row["client_fin"], row["server_fin"]) == (1, 1)
    assert (row["synack_ip_ttl"], row["server_ip_ttl"]) == (61, 61)
    assert row["last_payload_time"] == pytest.approx(1_700_000_000.04)
    assert row["client_payload_time"] == pytest.approx(1_700_000_000.03)
    assert row["server_payload_time"] == pytest.approx(1_700_000_000.04)
    assert (row["fin_by"], row["fin_time"]) == ("client", pytest.approx(1_700_000_000.05))
    assert row["fin_silence_ms"] == pytest.approx(10)


def test_what_the_client_says_after_the_servers_fin_is_no_end_of_the_silence(
    tmp_path: Path,
) -> None:
    ports = (50000, 9999)
    frames = handshake(payloads=[(False, b"y" * 30)], ports=ports)
    frames += [ethernet(tcp("A", seq=100, ack=230, ports=ports))] * 5
    frames += [
        ethernet(tcp("FA", to_server=False, seq=230, ack=100, ports=ports)),
        ethernet(tcp("PA", seq=100, ack=231, payload=b"bye", ports=ports)),
    ]
    (row,) = rows(tmp_path, frames)
    assert row["fin_silence_ms"] == pytest.approx(60)
    assert row["client_payload_time"] > row["fin_time"]


@pytest.mark.parametrize(
    ("order", "fills"),
    [
        pytest.param((0, 2, 1, 3), 0, id="reordered"),
        pytest.param((0, 2, 3, 1), 1, id="sent again a round trip later"),
        pytest.param((0, 2, 4, 5, 1, 6, 3), 2, id="two of them"),
    ],
)
def test_what_fills_a_gap_late_was_lost(tmp_path: Path, order: tuple[int, ...], fills: int) -> None:
    ports = (50000, 443)
    frames = handshake(payloads=[], ports=ports)  # a frame each 10 ms, so the RTT is 20 ms
    for number in order:
        seq = 200 + 10 * number
        frames.append(
            ethernet(tcp("PA", to_server=False, seq=seq, ack=100, payload=b"y" * 10, ports=ports))
        )
    (row,) = rows(tmp_path, frames)
    assert row["retransmissions"] == 0
    assert row["out_of_order"] == max(fills, 1)
    assert (row["server_gap_fills"], row["client_gap_fills"]) == (fills, 0)


def test_resent_syn_has_no_syn_rtt(tmp_path: Path) -> None:
    syn = ethernet(tcp("S", seq=99))
    (row,) = rows(tmp_path, [syn, syn, ethernet(tcp("SA", to_server=False, seq=5, ack=100))])
    assert row["syns"] == 2
    assert row["syn_rtt_ms"] is None or row["syn_rtt_ms"] != row["syn_rtt_ms"]
    assert row["retransmissions"] == 1


@pytest.mark.parametrize(("by_server", "who"), [(True, "server"), (False, "client")])
def test_who_reset(tmp_path: Path, by_server: bool, who: str) -> None:
    frames = handshake(payloads=[], ports=(50000, 443))
    frames.append(ethernet(tcp("R", to_server=not by_server, seq=200 if by_server else 100)))
    (row,) = rows(tmp_path, frames)
    assert (row["reset_by"], row["reset_frame"], row["reset_ip_ttl"]) == (who, 4, 61)
    assert row[f"{who}_rst"] == 1


def test_a_syn_with_another_number_begins_a_stream(tmp_path: Path) -> None:
    frames = [ethernet(tcp("S", seq=seq)) for seq in (100, 100, 900)]
    found = rows(tmp_path, frames)
    assert [(row["stream"], row["packets"]) for row in found] == [(0, 2), (1, 1)]


def test_streams_are_numbered_by_their_first_frame(tmp_path: Path) -> None:
    ports = [(50000 + index, 443) for index in range(50)]
    frames = [ethernet(tcp("S", seq=1, ports=pair)) for pair in ports]
    frames.append(ethernet(tcp("S", seq=7, ports=ports[0])))
    found = rows(tmp_path, frames)
    assert [row["client_port"] for row in found] == [*range(50000, 50050), 50000]
    assert [row["stream"] for row in found] == list(range(51))


def test_a_capture_that_begins_with_the_answer(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, [ethernet(tcp("SA", to_server=False, seq=5, ack=100))])
    assert (row["client_port"], row["server_port"]) == (50000, 443)


def exchange(chance: random.Random, port: int) -> list[tuple[float, bytes]]:
    """A download with losses, reordering, repeats and acknowledgements: (time, frame)."""
    ports = (port, 9999)
    at = chance.random() * 5
    out = [
        (at + index / 100, frame) for index, frame in enumerate(handshake(payloads=[], ports=ports))
    ]
    received = 200
    at += 0.1
    for index in range(chance.choice((5, 40, 120))):
        at += chance.choice((1e-5, 1e-3, 0.03))
        seq = 200 + index * 100
        data = ethernet(
            tcp("A", to_server=False, seq=seq, ack=100, payload=bytes(100), ports=ports)
        )
        fate = chance.random()
        if fate < 0.9:
            out.append((at, data))
            received = seq + 100
        if fate < 0.1:
            out.append((at + chance.choice((1e-4, 0.2)), data))
        if chance.random() < 0.6:
            window = chance.choice((1000, 1000, 1000, 1200, 0))
            out.append(
                (at + 1e-6, ethernet(tcp("A", seq=100, ack=received, window=window, ports=ports)))
            )
    return out


def either_way(
    tmp_path: Path,
    chance: random.Random,
    timed: list[tuple[float, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Tables]:
    """The tables of these frames, by quiet runs of any length and without a single one."""
    frames = [_on_another_path(chance, frame) for _, frame in sorted(timed, key=lambda at: at[0])]
    path = written(tmp_path / "some.pcap", pcap(frames, step=0.0005))
    found = []
    for shortest in (1, len(frames) + 1):
        monkeypatch.setattr(quiet, "MIN_RUN", shortest)
        found.append(read_packets(path))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_quiet_runs_change_nothing(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    timed = [item for index in range(20) for item in exchange(chance, 40000 + index)]
    tables = either_way(tmp_path, chance, timed, monkeypatch)
    together, one_by_one = (table["tcp"] for table in tables)
    assert together["lost_segments"].sum() > 0
    assert together.equals(one_by_one)


def conversation(chance: random.Random, port: int) -> list[tuple[float, bytes]]:
    """What is spoken in clear, in segments of any size, and how it ends: (time, frame)."""
    hello = (
        b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + bytes(33) + b"\x00\x02\x13\x01\x01\x00"
    )
    record = b"\x17\x03\x03\x00\x40" + bytes(64)
    said = chance.choice(
        (
            [(True, hello), (False, b"\x15\x03\x03\x00\x02\x02\x28")],
            [(True, hello), *[(chance.random() < 0.4, record) for _ in range(20)]],
            [
                (True, b"GET /a HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n"),
                (False, b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"),
                (True, b"GET /b HTTP/1.1\r\nHost: chatgpt.com\r\n\r\n"),
                (False, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 400\r\n\r\n" + b"no" * 200),
            ],
            [(True, b"\5\1\0"), (False, b"\5\0"), (True, b"\5\1\0\3\7abc.net\1\xbb")],
        )
    )
    ports, size = (port, 8443), chance.choice((1, 7, 60, 1000))
    at, up, down = chance.random() * 5, 100, 200
    out = [(at + n / 100, frame) for n, frame in enumerate(handshake(payloads=[], ports=ports))]
    at += 0.05
    for up_now, octets in said:
        for begin in range(0, len(octets), size):
            part = octets[begin : begin + size]
            seq, ack = (up, down) if up_now else (down, up)
            frame = tcp("PA", to_server=up_now, seq=seq, ack=ack, payload=part, ports=ports)
            at += chance.choice((1e-4, 0.01))
            if chance.random() > 0.03:
                out.append((at, ethernet(frame)))
            if chance.random() < 0.03:
                out.append((at + 0.2, ethernet(frame)))
            up, down = (up + len(part), down) if up_now else (up, down + len(part))
            if chance.random() < 0.5:
                blocks = chance.choice(
                    (b"", b"\1\1\5\x0a" + (down + 9).to_bytes(4) + (down + 99).to_bytes(4))
                )
                window = chance.choice((1000, 1000, 900))
                seq, ack = (down, up) if up_now else (up, down)
                frame = tcp(
                    "A",
                    to_server=not up_now,
                    seq=seq,
                    ack=ack,
                    window=window,
                    options=blocks,
                    ports=ports,
                )
                out.append((at + 1e-5, ethernet(frame)))
    end = chance.choice(("FA", "RA", "R", ""))
    if end:
        out.append((at + 0.1, ethernet(tcp(end, seq=up, ack=down, ports=ports))))
        out.append(
            (at + 0.2, ethernet(tcp("A", to_server=False, seq=down, ack=up + 1, ports=ports)))
        )
    return out


def _on_another_path(chance: random.Random, frame: bytes) -> bytes:
    """The frame, now and then with another IP TTL, and seldom with a damaged ACK number."""
    ttl = chance.choice((*[frame[22]] * 20, 64, 57))
    ack = frame[42:46]
    if chance.random() < 0.01:
        ack = (int.from_bytes(ack) + chance.randrange(1 << 24)).to_bytes(4)
    return frame[:22] + bytes((ttl,)) + frame[23:42] + ack + frame[46:]


@pytest.mark.parametrize("seed", range(8))
def test_quiet_runs_leave_out_nothing_of_what_is_spoken(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    timed = [item for index in range(40) for item in conversation(chance, 40000 + index)]
    together, one_by_one = either_way(tmp_path, chance, timed, monkeypatch)
    assert set(together["tcp"]["app"].dropna()) == {"tls", "http", "socks"}
    for name in ("tcp", "tls", "cleartext"):
        assert len(together[name]) > 5
        assert together[name].equals(one_by_one[name])


@pytest.mark.parametrize(
    "options", [b"\1\1\5\x0a", b"\5\x0a", b"\x08\x0a" + bytes(8) + b"\1\1\5\x0a"]
)
def test_a_window_update_in_a_quiet_run_may_select(tmp_path: Path, options: bytes) -> None:
    ports = (50000, 9999)
    options += (300).to_bytes(4) + (399).to_bytes(4) + bytes(-(len(options) + 8) % 4)
    frames = handshake(payloads=[], ports=ports)
    for number in range(6):
        seq = 100 + 10 * number
        frames.append(ethernet(tcp("PA", seq=seq, ack=200, payload=bytes(10), ports=ports)))
        frames.append(ethernet(tcp("A", to_server=False, seq=200, ack=seq + 10, ports=ports)))
    update = tcp("A", to_server=False, seq=200, ack=160, window=900, options=options, ports=ports)
    frames += [ethernet(update), ethernet(tcp("A", seq=160, ack=200, window=900, ports=ports))]
    (row,) = rows(tmp_path, frames)
    assert (row["client_selected"], row["dup_acks"]) == (99, 0)


def test_options_behind_the_snap_length_are_unknown(tmp_path: Path) -> None:
    syn = ethernet(tcp("S", seq=99, options=b"\x02\x04\x05\xb4"))
    # what follows a cut header in the file is the next packet's, here like an option
    (row,) = rows(tmp_path, [syn, syn], snap=54, start=float(0x05B40402))
    assert (row["packets"], row["client_mss"]) == (2, None) or row["client_mss"] != row[
        "client_mss"
    ]


@pytest.mark.parametrize(
    ("payload", "app"),
    [
        (b"GET / HTTP/1.1\r\n", "http"),
        (b"\x16\x03\x01\x00\x05", "tls"),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", "connect"),
        (b"\x05\x01\x00", "socks"),
        (b"SSH-2.0-x", None),
    ],
)
def test_recognised_applications(tmp_path: Path, payload: bytes, app: str | None) -> None:
    (row,) = rows(tmp_path, handshake(payloads=[(True, payload)], ports=(50000, 8443)))
    assert row["app"] == app


@pytest.mark.parametrize(
    ("payloads", "host"),
    [
        ([(True, b"CONNECT ChatGPT.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")], "chatgpt.com:443"),
        ([(True, b"CONNECT [::1]:443 HTTP/1.1\r\n"), (True, b"\r\n")], "[::1]:443"),
        (
            [(True, b"\5\1\0"), (False, b"\5\0"), (True, b"\5\1\0\3\7abc.net\1\xbb")],
            "abc.net:443",
        ),
        (
            [(True, b"\5\1\2"), (True, b"\1\2me\4word"), (True, b"\5\1\0\1\1\2\3\4\0\x50")],
            "1.2.3.4:80",
        ),
        ([(True, b"\4\1\1\xbb\0\0\0\1me\0abc.net\0")], "abc.net:443"),
        ([(True, b"\4\1\1\xbb\1\2\3\4me\0")], "1.2.3.4:443"),
    ],
)
def test_what_is_asked_of_a_proxy(
    tmp_path: Path, payloads: list[tuple[bool, bytes]], host: str
) -> None:
    (row,) = rows(tmp_path, handshake(payloads=payloads, ports=(50000, 1080)))
    assert row["connect_host"] == host
    assert "word" not in str(row)
