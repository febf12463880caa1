"""The lab's network: it joins its hosts, leads nowhere else, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.lab import addresses, network
from tests.lab.network import Network

pytestmark = pytest.mark.skipif(network.why_not() is not None, reason=str(network.why_not()))

ECHO = """
import socket, sys
with socket.create_server((sys.argv[1], 443), family=socket.AF_INET6 if ':' in sys.argv[1]
                          else socket.AF_INET) as server:
    print("ready", flush=True)
    peer, address = server.accept()
    peer.sendall(address[0].encode())
    peer.close()
"""
ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], 443), timeout=20) as peer:
    print(peer.recv(100).decode())
"""


@pytest.mark.parametrize("address", addresses.ZONE["ws.chatgpt.com"])
def test_client_reaches_the_service_through_the_router(address: str) -> None:
    with Network(seed=7) as lab:
        server = lab.service.popen(
            [sys.executable, "-c", ECHO, address], stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        # the router is on the way: without its route the address is out of reach
        assert (
            lab.client.run([sys.executable, "-c", ASK, address]).stdout.strip()
            == (addresses.CLIENT[":" in address])
        )
        lab.route("del", address)
        failed = lab.client.run([sys.executable, "-c", ASK, address], check=False)
        assert "unreachable" in failed.stderr


def test_hosts_have_their_own_resolver_and_no_way_out() -> None:
    with Network() as lab:
        text = lab.client.run(["cat", "/etc/resolv.conf"]).stdout
        assert f"nameserver {addresses.RESOLVER[0]}" in text
        lab.resolve_with("9.9.9.9", hosts="127.0.0.1 chatgpt.com\n")
        assert "9.9.9.9" in lab.client.run(["cat", "/etc/resolv.conf"]).stdout
        assert "chatgpt.com" in lab.client.run(["getent", "hosts", "chatgpt.com"]).stdout
        with pytest.raises(RuntimeError, match="unreachable"):
            lab.client.run([sys.executable, "-c", ASK, "192.0.2.1"])
        assert "default" not in lab.router.run(["ip", "route"]).stdout


def test_nothing_is_left_and_two_stand_side_by_side() -> None:
    with Network() as first, Network() as second:
        assert first.name != second.name
        sleeper = first.client.popen(["sleep", "1000"])
        assert second.tunnel.run(["true"]).returncode == 0
    assert sleeper.poll() is not None
    for lab in (first, second):
        assert not Path("/run/netns", lab.client.name).exists()
        assert not Path("/etc/netns", lab.client.name).exists()


def test_leftovers_of_a_killed_run_are_removed() -> None:
    program = (
        "import os, signal\n"
        "from tests.lab.network import Network\n"
        "with Network() as lab:\n"
        "    child = lab.client.popen(['sleep', '1000'])\n"
        "    print(lab.name, child.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    ).stdout
    name, pid = told.split()
    assert Path("/run/netns", f"{name}-client").exists()
    network.sweep()
    assert not Path("/run/netns", f"{name}-client").exists()
    # its parent is gone, so that it may stay as a zombie
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == "zombie"


def test_a_failing_command_is_told_in_its_own_words() -> None:
    with Network() as lab, pytest.raises(RuntimeError, match="nonsense"):
        lab.router.run(["ip", "route", "add", "nonsense"])
