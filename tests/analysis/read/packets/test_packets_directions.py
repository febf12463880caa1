"""TCP facts per direction: repeats, windows, acknowledgements and resets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from packets_build import block, ethernet, handshake, interface, pcap, section, tcp, written

from analysis.read.packets import read_packets

PORTS = (50000, 9999)
TIMESTAMPS = b"\1\1\x08\x0a" + bytes(8)


def up(flags: str = "A", seq: int = 100, ack: int = 200, size: int = 0, **options: Any) -> bytes:
    """A frame from the client."""
    return ethernet(tcp(flags, seq=seq, ack=ack, payload=bytes(size), ports=PORTS, **options))


def down(flags: str = "A", seq: int = 200, ack: int = 100, size: int = 0, **options: Any) -> bytes:
    """A frame from the server."""
    segment = tcp(
        flags, to_server=False, seq=seq, ack=ack, payload=bytes(size), ports=PORTS, **options
    )
    return ethernet(segment)


def row(
    tmp_path: Path, frames: list[bytes], *, opened: bool = True, step: float = 0.01
) -> dict[str, Any]:
    """The tcp table's only row; frames are 10 ms apart, after a handshake."""
    opening = handshake(payloads=[], ports=PORTS) if opened else []
    path = written(tmp_path / "some.pcap", pcap([*opening, *frames], step=step))
    (found,) = read_packets(path)["tcp"].to_dict("records")
    return found


def test_payload_per_direction(tmp_path: Path) -> None:
    found = row(tmp_path, [up(size=30), down(ack=130, size=500), down(seq=700, ack=130, size=9)])
    assert (found["client_data_packets"], found["server_data_packets"]) == (1, 2)
    assert (found["client_max_payload"], found["server_max_payload"]) == (30, 500)
    assert (found["client_unacked"], found["server_unacked"]) == (0, 509)


def test_who_sent_again(tmp_path: Path) -> None:
    found = row(tmp_path, [up(size=1000), *[up(size=1000)] * 2, down(size=50), down(size=50)])
    assert (found["client_retransmissions"], found["server_retransmissions"]) == (2, 1)
    assert found["retransmissions"] == 3
    assert found["client_lost_payload"] == 1000


def test_when_the_client_sent_again(tmp_path: Path) -> None:
    spurious = [down(ack=1100), up(size=1000)]
    found = row(tmp_path, [up(size=1000), *[up(size=1000)] * 2, *spurious], step=0.5)
    first = len(handshake(payloads=[], ports=PORTS)) + 1
    assert list(found["client_resent_ms"]) == [500 * first, 500 * (first + 1)]
    assert row(tmp_path, [up(size=9)])["client_resent_ms"] is None


def test_what_a_mirror_port_sees_twice(tmp_path: Path) -> None:
    frames = [up(size=1000), up(size=1000), down(size=50), down(size=50)]
    found = row(tmp_path, frames, step=0.0004)
    assert (found["client_copies"], found["server_copies"]) == (1, 1)
    assert found["retransmissions"] == 2, "Wireshark counts them"
    sent_again = row(tmp_path, frames)
    assert (sent_again["client_copies"], sent_again["server_copies"]) == (0, 0)


def test_an_end_that_a_mirror_port_sees_twice(tmp_path: Path) -> None:
    found = row(tmp_path, [up("FA"), up("FA")], step=0.0004)
    assert (found["client_retransmissions"], found["client_copies"]) == (1, 1)


def test_a_sender_may_repeat_itself_after_a_round_trip(tmp_path: Path) -> None:
    found = row(tmp_path, [up(size=1000), down(), down(), up(size=1000)], step=0.0002)
    assert (found["client_retransmissions"], found["client_copies"]) == (1, 0)


def test_what_was_sent_again_and_arrived_is_not_lost(tmp_path: Path) -> None:
    found = row(tmp_path, [up(size=1000), up(size=1000), down(ack=1100)])
    assert found["client_retransmissions"] == 1
    assert found["client_lost_payload"] != found["client_lost_payload"] or (
        found["client_lost_payload"] is None
    )


def sack(left: int, right: int) -> bytes:
    return b"\1\1\5\x0a" + left.to_bytes(4) + right.to_bytes(4)


def test_data_beyond_a_hole_that_sack_confirms(tmp_path: Path) -> None:
    sent = [up(size=1400), up(seq=1500, size=300), *[up(size=1400)] * 3]
    found = row(tmp_path, [*sent, down(options=sack(1500, 1800))])
    assert (found["client_selected"], found["client_lost_payload"]) == (300, 1400)
    both = row(tmp_path, [*sent, down(options=TIMESTAMPS[:2] + TIMESTAMPS + sack(1500, 1800)[2:])])
    assert both["client_selected"] == 300


def test_sack_of_what_was_acknowledged_already_tells_of_a_repeat_alone(tmp_path: Path) -> None:
    frames = [up(size=300), up(size=300), down(ack=400), down(ack=400, options=sack(100, 400))]
    assert row(tmp_path, frames)["client_selected"] == 0


def test_spurious_and_fast_retransmissions(tmp_path: Path) -> None:
    again = row(tmp_path, [up(size=10), down(ack=110), up(size=10)])
    assert (again["spurious_retransmissions"], again["fast_retransmissions"]) == (1, 0)
    ahead = [up(seq=100 + 10 * index, size=10) for index in range(4)]
    repeats = [down(ack=110)] * 3
    fast = row(tmp_path, [*ahead, *repeats, up(seq=110, size=10)])
    assert (fast["spurious_retransmissions"], fast["fast_retransmissions"]) == (0, 1)


def test_times_to_the_acknowledgement(tmp_path: Path) -> None:
    frames = [up(size=10), down(ack=110)]
    frames += [up(seq=110, size=10), up(seq=120, size=10), down(ack=130)]
    frames += [up(seq=130, size=10), up(seq=130, size=10), down(ack=140)]
    frames += [down(ack=140, size=7), up(seq=140, ack=207)]
    found = row(tmp_path, frames)
    assert found["server_ack_ms_min"] == pytest.approx(10)
    assert found["server_ack_ms_p95"] == pytest.approx(20), "what was sent twice is left out"
    assert found["client_ack_ms_p50"] == pytest.approx(10)


def test_a_shut_window(tmp_path: Path) -> None:
    frames = [down(size=10), up(ack=210, window=0), up(ack=210, window=0), up(ack=210, window=9)]
    found = row(tmp_path, frames)
    assert (found["client_zero_window"], found["server_zero_window"]) == (2, 0)
    assert found["client_zero_window_ms"] == pytest.approx(20)
    assert found["client_longest_zero_window_ms"] == pytest.approx(20)
    assert found["server_zero_window_ms"] == 0


def test_a_window_filled_to_its_edge(tmp_path: Path) -> None:
    assert row(tmp_path, [up(size=999)])["window_full"] == 0
    assert row(tmp_path, [up(size=1000)])["window_full"] == 1


def test_keep_alive(tmp_path: Path) -> None:
    found = row(tmp_path, [up(size=10), down(ack=110), up(seq=109, size=0), down(ack=110)])
    assert (found["keep_alives"], found["retransmissions"]) == (1, 0)


def test_the_resets_of_one_sender(tmp_path: Path) -> None:
    frames = [up(size=60), down("RA", ack=160, window=16), down("R", seq=1660, ack=0)]
    frames += [down("R", seq=0, ack=0), up("R", seq=160), down(ack=160, size=20)]
    found = row(tmp_path, frames)
    assert (found["reset_by"], found["reset_ack"], found["reset_window"]) == ("server", True, 16)
    assert list(found["reset_frames"]) == [5, 6, 7]
    assert list(found["reset_kinds"]) == ["RA", "R", "R0"]
    assert list(found["reset_seqs"]) == [200, 1660, 0]
    assert list(found["reset_ip_ttls"]) == [61, 61, 61]
    assert (found["reset_ip_id"], found["before_reset_ip_id"]) == (7, 7)
    assert found["client_payload_before_reset"] == 60
    assert found["server_payload_before_reset"] == 0
    assert (found["after_reset_frame"], found["after_reset_kind"]) == (9, "data")
    assert found["after_reset_ip_ttl"] == 61


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (down("SA", seq=199), "synack"),
        (down("FA"), "fin"),
        (down(), "ack"),
    ],
    ids=["synack", "fin", "ack"],
)
def test_what_follows_a_reset(tmp_path: Path, frame: bytes, kind: str) -> None:
    assert row(tmp_path, [down("R"), frame])["after_reset_kind"] == kind


@pytest.mark.parametrize(
    ("options", "there"), [(TIMESTAMPS, True), (b"", False)], ids=["yes", "no"]
)
def test_timestamps(tmp_path: Path, options: bytes, there: bool) -> None:
    frames = [
        up("S", seq=99, ack=0, options=TIMESTAMPS),
        down("SA", seq=199, options=options),
        up(),
        down("R", options=options),
    ]
    found = row(tmp_path, frames, opened=False)
    assert (found["timestamps"], found["reset_timestamp"]) == (there, there)


def test_ports_used_again(tmp_path: Path) -> None:
    frames = [up("S", seq=99, ack=0), up("S", seq=5000, ack=0)]
    path = written(tmp_path / "some.pcap", pcap(frames))
    assert read_packets(path)["tcp"]["port_reused"].tolist() == [False, True]


def test_the_interface_of_the_first_packet(tmp_path: Path) -> None:
    frame = up("S", seq=99, ack=0)
    lengths = len(frame).to_bytes(4, "little") * 2
    packet = block(6, b"\1\0\0\0" + bytes(8) + lengths + frame)
    path = written(tmp_path / "some.pcapng", section() + interface() + interface() + packet)
    assert read_packets(path)["tcp"]["interface"].tolist() == [1]
