"""What the path's parts do to packets: the relay's behaviours alone, and rules on a real router."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scapy.layers.inet import TCP

from tests.lab import network
from tests.lab.network import Network
from tests.lab.parts.behaviours import Fate, ForgedReset, Gap, Idle, Impair
from tests.lab.parts.nft import Nft
from tests.lab.parts.packet import ACK, Packet

CLIENT, SERVER = "192.168.77.20", "104.18.32.47"


def sent(payload: bytes = b"", *, up: bool = True, seq: int = 100) -> Packet:
    ends = (CLIENT, SERVER, 6, 50000, 443) if up else (SERVER, CLIENT, 6, 443, 50000)
    return Packet(*ends, ACK, seq, 900, payload)


def test_loss_is_near_its_share_and_the_seed_decides_it() -> None:
    fates = [[Impair(seed=7, loss=0.1).fate(sent(), 0.0)] for _ in range(2)]
    assert fates[0] == fates[1]
    impair = Impair(seed=7, loss=0.1)
    lost = sum(impair.fate(sent(), 0.0).drop for _ in range(2000))
    assert 150 < lost < 250


def test_a_silent_flow_is_forgotten_and_a_busy_one_is_not() -> None:
    idle = Idle(seconds=4.0, how="reset")
    assert idle.fate(sent(), 0.0) == Fate()
    assert idle.fate(sent(), 3.9) == Fate()
    late = idle.fate(sent(b"x"), 8.0)
    assert late.drop
    assert late.forged[0][TCP].flags == "R"


def test_the_path_is_gone_from_a_sign_on_for_a_while() -> None:
    gap = Gap(seconds=25.0, after=2.0, sign="192.0.2.7")
    assert gap.fate(sent(), 100.0) == Fate()
    sign = Packet(CLIENT, "192.0.2.7", 6, 50001, 443, ACK, 1, 1, b"")
    assert gap.fate(sign, 200.0) == Fate()
    dropped = [gap.fate(sent(up=False), 200.0 + after).drop for after in (1.9, 2.0, 26.9, 27.0)]
    assert dropped == [False, True, True, False]


def test_a_reset_is_forged_in_the_servers_name_once_the_name_is_read() -> None:
    forger = ForgedReset(name="chatgpt.com", swallow=True)
    assert forger.fate(sent(b"hello to openai"), 0.0) == Fate()
    struck = forger.fate(sent(b".com and chatgpt.com", seq=115), 0.1)
    assert struck.drop
    assert [(found.src, found[TCP].flags) for found in struck.forged[:3]] == [(SERVER, "RA")] * 3
    assert struck.forged[0][TCP].ack == 135
    assert struck.forged[-1].src == CLIENT


@pytest.mark.skipif(network.why_not() is not None, reason=str(network.why_not()))
@pytest.mark.skipif(Nft.why_not() is not None, reason=str(Nft.why_not()))
def test_a_rule_refuses_connections_while_it_lasts() -> None:
    ask = f"import socket; socket.create_connection(({SERVER!r}, 443), timeout=20)"
    serve = (
        f"import socket; server = socket.create_server(({SERVER!r}, 443)); "
        "print('ready', flush=True); server.accept()"
    )
    with Network(seed=5) as lab:
        server = lab.service.popen([sys.executable, "-c", serve], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        with Nft(lab.router, ["tcp dport 443 reject with tcp reset"]):
            refused = lab.client.run([sys.executable, "-c", ask], check=False)
        assert "ConnectionRefusedError" in refused.stderr
        assert lab.client.run([sys.executable, "-c", ask]).returncode == 0
