"""Where the service sees the client come from, and what a portal answers in its place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.lab import addresses, network
from tests.lab.network import Network
from tests.lab.parts.openvpn import OpenVpn
from tests.lab.parts.portal import LOGIN, Portal
from tests.lab.parts.wireguard import WireGuard

pytestmark = pytest.mark.skipif(network.why_not() is not None, reason=str(network.why_not()))

FOUR, SIX = addresses.ZONE["chatgpt.com"][0], addresses.ZONE["chatgpt.com"][2]
SERVICE = """
import socket
server = socket.create_server(("", 443), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    peer, address = server.accept()
    peer.sendall(address[0].removeprefix("::ffff:").encode())
    peer.close()
"""
ASK = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 443), timeout=1) as peer:
        print(peer.recv(100).decode())
except OSError as error:
    print(type(error).__name__)
"""
WEB = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=10)
connection.request("GET", "/", headers={"Host": sys.argv[2]})
answer = connection.getresponse()
print(answer.status, answer.headers.get("Location"))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Network]:
    with Network(seed=5) as made:
        service = made.service.popen(
            [sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True
        )
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        yield made


@pytest.mark.parametrize(
    ("kind", "settings", "four", "six"),
    [
        (WireGuard, {}, *addresses.TUNNEL),
        (WireGuard, {"ipv6": False}, addresses.TUNNEL[0], addresses.CLIENT[1]),
        (WireGuard, {"answered": False}, "TimeoutError", "TimeoutError"),
        (OpenVpn, {}, addresses.TUNNEL[0], "OSError"),
        (OpenVpn, {"ipv6": True}, addresses.TUNNEL[0], addresses.CLIENT[1]),
    ],
    ids=["wireguard", "wireguard-4", "wireguard-dead", "openvpn", "openvpn-beside"],
)
def test_tunnel_hides_the_client(
    lab: Network, kind: type[Any], settings: dict[str, Any], four: str, six: str
) -> None:
    if (reason := kind.why_not()) is not None:
        pytest.skip(reason)
    tunnel: AbstractContextManager[Any] = kind(lab, **settings)
    with tunnel:
        assert _seen(lab, FOUR) == four
        assert _seen(lab, SIX) == six
    assert (_seen(lab, FOUR), _seen(lab, SIX)) == addresses.CLIENT


@pytest.mark.parametrize(("status", "location"), [(302, LOGIN), (511, None)])
def test_portal_answers_for_everybody(lab: Network, status: int, location: str | None) -> None:
    if (reason := Portal.why_not()) is not None:
        pytest.skip(reason)
    with Portal(lab.router, status=status):
        assert _web(lab, "93.184.216.34") == f"{status} {location}"
        assert _web(lab, addresses.CLIENT_GATEWAY[0]) == "200 None"
        # its certificate ends the handshake, not the service's greeting
        assert _seen(lab, FOUR) != addresses.CLIENT[0]
    assert _seen(lab, FOUR) == addresses.CLIENT[0]


def _seen(lab: Network, address: str) -> str:
    return lab.client.run([sys.executable, "-c", ASK, address]).stdout.strip()


def _web(lab: Network, address: str) -> str:
    return lab.client.run([sys.executable, "-c", WEB, address, address]).stdout.strip()
