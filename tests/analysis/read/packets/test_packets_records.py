"""TLS records as the ``tcp`` table counts them: those that begin a segment."""

from pathlib import Path

import pandas as pd
import pytest
from packets_build import ethernet, handshake, pcap, tcp, written

from analysis.read.packets import container, read_packets

_HELLO = b"\x16\x03\x01\x00\x05hello"
_PORTS = (50000, 443)
_STEP = 0.05


def record(length: int) -> bytes:
    """An application-data record."""
    return b"\x17\x03\x03" + length.to_bytes(2) + bytes(length)


def tcp_row(path: Path, frames: list[bytes]) -> pd.Series:
    """The only connection of a capture of `frames`, `_STEP` seconds apart."""
    written(path, pcap(frames, step=_STEP))
    (_, row), *others = read_packets(path)["tcp"].iterrows()
    assert not others
    return row


@pytest.mark.parametrize("chunk", [64, 8 << 20], ids=["many-blocks", "one-block"])
def test_records_and_gaps(tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "CHUNK", chunk)
    payloads = [(True, _HELLO), (True, record(70))]
    payloads += [(False, record(40 + index)) for index in range(20)]
    payloads += [(True, record(19)), (False, record(99))]
    row = tcp_row(tmp_path / "some.pcap", handshake(payloads=payloads, ports=_PORTS))
    assert (row["client_records"], row["server_records"]) == (2, 21)
    assert (row["client_last_record"], row["server_last_record"]) == (19, 99)
    assert row["server_record_gap_p50_ms"] == pytest.approx(1000 * _STEP, rel=0.13)
    assert row["server_record_gap_p95_ms"] == pytest.approx(1000 * _STEP, rel=0.13)
    assert row["server_record_gap_max_ms"] == pytest.approx(2000 * _STEP)


@pytest.mark.parametrize("chunk", [64, 8 << 20], ids=["many-blocks", "one-block"])
def test_a_repeated_record_counts_once(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "CHUNK", chunk)
    frames = handshake(
        payloads=[(True, _HELLO), (False, record(40)), (False, record(50))], ports=_PORTS
    )
    again = tcp("PA", to_server=False, seq=200, ack=110, payload=record(40), ports=_PORTS)
    row = tcp_row(tmp_path / "some.pcap", [*frames, ethernet(again)])
    assert row["out_of_order"] == 1
    assert (row["server_records"], row["server_last_record"]) == (2, 50)


@pytest.mark.parametrize(
    "payload",
    [b"x" + record(40), b"\x17\x03\x03\x41\x01" + bytes(40), b"\x17\x03\x04\x00\x05" + bytes(5)],
    ids=["not-at-start", "too-long", "other-version"],
)
def test_what_begins_no_record(tmp_path: Path, payload: bytes) -> None:
    frames = handshake(payloads=[(True, _HELLO), (False, payload)], ports=_PORTS)
    row = tcp_row(tmp_path / "some.pcap", frames)
    assert row["app"] == "tls"
    assert pd.isna(row["server_records"])


def test_without_tls_there_are_no_records(tmp_path: Path) -> None:
    payloads = [(True, b"GET / HTTP/1.1\r\n\r\n"), (False, record(40))]
    row = tcp_row(tmp_path / "some.pcap", handshake(payloads=payloads, ports=_PORTS))
    assert row["app"] == "http"
    assert pd.isna(row["server_records"])


def around_a_silence(*inside: bytes) -> list[bytes]:
    """12 records of the server, then nothing of it for a while, then 12 more."""
    payloads = [(True, _HELLO), (True, record(70))] + [(False, record(40))] * 24
    frames = handshake(payloads=payloads, ports=_PORTS)
    return [*frames[:-12], *inside, *frames[-12:]]


def asking(*, up: int = 0) -> bytes:
    """A client's segment with a record; `up` are octets it has sent since the first."""
    seq = 100 + len(_HELLO) + len(record(70)) + 1 + up
    return ethernet(tcp("PA", seq=seq, ack=200, payload=record(30), ports=_PORTS))


IDLE = ethernet(tcp("A", seq=5, ack=5, ports=(50001, 444)))


@pytest.mark.parametrize("chunk", [64, 8 << 20], ids=["many-blocks", "one-block"])
def test_a_silence_that_the_client_leaves_alone(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "CHUNK", chunk)
    again = ethernet(tcp("PA", to_server=False, seq=200, ack=110, payload=record(40), ports=_PORTS))
    path = written(
        tmp_path / "a.pcap",
        pcap(around_a_silence(*[IDLE] * 5, again, again, *[IDLE] * 92), step=_STEP),
    )
    row = read_packets(path)["tcp"].iloc[0]
    assert row["server_quiet_gap_ms"] == pytest.approx(100 * 1000 * _STEP)
    assert row["server_records_before_gap"] == 12
    assert row["server_records"] == 24
    first = 3 + 2 + 12 + 5 + 1
    assert row["quiet_gap_marks"] == 2
    assert list(row["quiet_gap_frames"]) == [first, first + 1]


def test_a_silence_that_the_client_ends_by_asking(tmp_path: Path) -> None:
    later = [*[IDLE] * 90, asking(), *[IDLE] * 9]
    path = written(tmp_path / "a.pcap", pcap(around_a_silence(*later), step=_STEP))
    row = read_packets(path)["tcp"].iloc[0]
    assert row["server_record_gap_max_ms"] == pytest.approx(101 * 1000 * _STEP)
    assert row["server_quiet_gap_ms"] == pytest.approx(1000 * _STEP)


def test_credit_right_behind_the_last_record_asks_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcap", pcap(around_a_silence(asking(), *[IDLE] * 99), step=_STEP))
    row = read_packets(path)["tcp"].iloc[0]
    assert row["server_quiet_gap_ms"] == pytest.approx(101 * 1000 * _STEP)
