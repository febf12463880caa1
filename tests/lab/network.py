"""The lab's network: five namespaces and the cables between them, all inside this machine.

    client ---- router ---- resolver      DNS servers sit here
                  |   \\---- service       the whole of ChatGPT, on its real addresses
                  \\-------- tunnel        far end of a VPN, or a proxy host

Every packet between two of them passes `router`, which forwards IPv4 and IPv6 and knows nothing
else: there is no way out of the five. `with Network(seed) as network:` makes them under names of
this run alone, so that several can be up side by side, and always takes them away; what a killed
run has left is found at the next start by its unlocked lock file, ended and removed.

Where a part goes:

* `network.resolver`: DNS servers listen on `addresses.RESOLVER` and the public resolvers'
  addresses, port 53. `/etc/netns/NAME/resolv.conf` of the client names `RESOLVER`.
* `network.router`: nftables and iptables rules, NFQUEUE, a relay on TUN. Interfaces: `lan` to
  the client, `dns`, `web` and `far` to the others; `network.route(...)` changes its routes.
* `network.tunnel`: tunnel servers on `addresses.TUNNEL` (its own way on is through the router),
  proxies on `addresses.PROXY`.
* `network.client`: the near end of a tunnel, and what the user runs. Its interface is `eth0`.
* `network.service`: owns every address of `addresses.ZONE`.

Segments are never larger than the wire's (`gso_max_segs 1`), so that a relay in user space and a
capture see packets of at most 1500 bytes. Root and the `ip` command are needed: `why_not()`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.lab import addresses

ROOT = Path(__file__).parents[2]
PREFIX = "chatpath-lab-"
ROLES = ("client", "router", "resolver", "service", "tunnel")
_LOCKS = Path("/run/chatpath-lab")
_ETC = Path("/etc/netns")
_RUN_SECONDS = 60.0
_END_SECONDS = 3.0

# role: (router's interface, router's addresses, the other end's own link addresses)
_LINKS = {
    "client": ("lan", addresses.CLIENT_GATEWAY, addresses.CLIENT, 24),
    "resolver": (
        "dns",
        ("100.64.1.1", "2001:448a:f001::1"),
        ("100.64.1.2", "2001:448a:f001::2"),
        30,
    ),
    "service": (
        "web",
        ("100.64.2.1", "2001:448a:f002::1"),
        ("100.64.2.2", "2001:448a:f002::2"),
        30,
    ),
    "tunnel": ("far", ("100.64.3.1", "2001:448a:f003::1"), ("100.64.3.2", "2001:448a:f003::2"), 30),
}
_BEHIND = {
    "resolver": (*addresses.RESOLVER, *addresses.PUBLIC_RESOLVERS),
    "service": addresses.service_addresses(),
    "tunnel": (*addresses.TUNNEL, addresses.PROXY),
}


def why_not() -> str | None:
    """Why no network can be made here, or None."""
    if not sys.platform.startswith("linux"):
        return "needs Linux (network namespaces)"
    if os.geteuid() != 0:
        return "needs root (network namespaces)"
    if shutil.which("ip") is None:
        return "needs the ip command (iproute2)"
    return None


class Namespace:
    """One host of the lab; what was started in it ends with it.

    `addresses` are all that it answers on, link addresses first.
    """

    def __init__(self, name: str, own: Sequence[str] = ()) -> None:
        self.name = name
        self.addresses = tuple(own)
        self._started: list[subprocess.Popen[Any]] = []

    def argv(self, argv: Sequence[str | Path]) -> list[str]:
        """The command line that runs `argv` inside."""
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def python(self, module: str, *arguments: str | Path) -> list[str]:
        """`argv` of `python -m module ...`, to be given to `run` or `popen`."""
        return [sys.executable, "-m", module, *map(str, arguments)]

    def run(
        self, argv: Sequence[str | Path], *, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run to its end: text output is taken, at most 60 s unless `timeout` is given.

        Raises RuntimeError with the program's own words when it fails.
        """
        settings = {"capture_output": True, "text": True, "timeout": _RUN_SECONDS, "cwd": ROOT}
        result = subprocess.run(self.argv(argv), check=False, **(settings | options))
        if check and result.returncode:
            raise RuntimeError(_complaint(argv, result))
        return result

    def popen(self, argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
        """Start in a process group of its own, from the project's folder; ended with the namespace.

        Output goes nowhere unless `stdout` or `stderr` are given.
        """
        quiet = subprocess.DEVNULL
        settings = {"stdin": quiet, "stdout": quiet, "stderr": quiet, "cwd": ROOT}
        process = subprocess.Popen(self.argv(argv), start_new_session=True, **(settings | options))
        self._started.append(process)
        return process

    def stop(self, process: subprocess.Popen[Any]) -> None:
        """End one process of `popen` with its group: politely, then by force."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
        process.wait()
        if process in self._started:
            self._started.remove(process)

    def close(self) -> None:
        """End all that still runs inside, and remove the namespace with its `/etc` files."""
        for process in reversed(self._started[:]):
            self.stop(process)
        _remove(self.name)


class Network:
    """The five namespaces of one scene; see the module's text.

    `random` is seeded and for the parts' use. `name` is the common part of the namespaces' names.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.name = PREFIX + secrets.token_hex(3)
        self._lock: IO[str] | None = None
        self._hosts = {role: Namespace(f"{self.name}-{role}", _owned(role)) for role in ROLES}

    @property
    def client(self) -> Namespace:
        return self._hosts["client"]

    @property
    def router(self) -> Namespace:
        return self._hosts["router"]

    @property
    def resolver(self) -> Namespace:
        return self._hosts["resolver"]

    @property
    def service(self) -> Namespace:
        return self._hosts["service"]

    @property
    def tunnel(self) -> Namespace:
        return self._hosts["tunnel"]

    def __enter__(self) -> Self:
        reason = why_not()
        if reason is not None:
            raise RuntimeError(f"The lab's network cannot be made: {reason}.")
        sweep()
        self._lock = _locked(_LOCKS / self.name)
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    def resolve_with(self, *nameservers: str, hosts: str = "", role: str = "client") -> None:
        """Write resolv.conf (and hosts) of a host, for programs started from now on."""
        folder = _ETC / self._hosts[role].name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"nameserver {server}\n" for server in nameservers]
        (folder / "resolv.conf").write_text("".join(lines) + "options timeout:2 attempts:2\n")
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{hosts}")

    def route(self, *words: str) -> None:
        """`ip route ...` on the router, such as `replace blackhole 104.18.39.21`."""
        version = ["-6"] if any(":" in word for word in words) else []
        _ip("-n", self.router.name, *version, "route", *words)

    def _build(self) -> None:
        for host in self._hosts.values():
            _ip("netns", "add", host.name)
            role = host.name.rpartition("-")[2]
            self.resolve_with(addresses.RESOLVER[0], role=role)
            host.run(["sh", "-c", _SETTINGS["router" if role == "router" else "host"]])
        lines: dict[str, list[str]] = {role: ["link set lo up"] for role in ROLES}
        for number, (role, (port, gateway, ends, length)) in enumerate(_LINKS.items(), start=1):
            _ip(
                *("link", "add", "eth0", "address", self._mac(number, 2)),
                *("netns", self._hosts[role].name, "type", "veth", "peer", "name", port),
                *("address", self._mac(number, 1), "netns", self.router.name),
            )
            lines["router"] += _up(port, gateway, length)
            lines[role] += _up("eth0", ends, length)
            lines[role] += [f"route add default via {hop}" for hop in gateway]
            for address in _BEHIND.get(role, ()):
                lines[role].append(
                    f"address add {address} dev lo nodad"
                    if ":" in address
                    else f"address add {address}/32 dev lo"
                )
                lines["router"].append(f"route add {address} via {ends[':' in address]}")
        for role, host in self._hosts.items():
            _ip("-n", host.name, "-batch", "-", text="\n".join(lines[role]) + "\n")

    def _mac(self, link: int, end: int) -> str:
        return f"02:77:{self.seed >> 8 & 255:02x}:{self.seed & 255:02x}:{link:02x}:{end:02x}"

    def _remove(self) -> None:
        for host in reversed(self._hosts.values()):
            host.close()
        if self._lock is not None:
            (_LOCKS / self.name).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


# without duplicate address detection, IPv6 works from the first packet on
_NO_DAD = "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; "
_SETTINGS = {
    "router": _NO_DAD + "echo 1 > /proc/sys/net/ipv4/ip_forward; "
    "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
    "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit",
    # a part may drop its rights and still listen on 53 or 443
    "host": _NO_DAD + "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start",
}


def sweep() -> None:
    """End and remove what killed runs have left; runs that live hold their lock."""
    if not _LOCKS.is_dir():
        return
    for path in _LOCKS.iterdir():
        with contextlib.suppress(FileNotFoundError), path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for role in ROLES:
                _remove(f"{path.name}-{role}")
            path.unlink(missing_ok=True)


def _locked(path: Path) -> IO[str]:
    """The open and locked file; the lock ends with this process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        lock = path.open("a")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # a sweep may have taken the file away between the two
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                return lock
        lock.close()


def _remove(name: str) -> None:
    if Path("/run/netns", name).exists():
        for number in (signal.SIGTERM, signal.SIGKILL):
            pids = _pids(name)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + _END_SECONDS
            while _pids(name) and time.monotonic() < deadline:
                time.sleep(0.02)
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    shutil.rmtree(_ETC / name, ignore_errors=True)


def _pids(name: str) -> list[int]:
    told = subprocess.run(
        ["ip", "netns", "pids", name], check=False, capture_output=True, text=True
    ).stdout
    return [int(pid) for pid in told.split()]


def _owned(role: str) -> tuple[str, ...]:
    if role == "router":
        return tuple(address for link in _LINKS.values() for address in link[1])
    return (*_LINKS[role][2], *_BEHIND.get(role, ()))


def _up(device: str, pair: Sequence[str], length: int) -> list[str]:
    return [
        f"link set {device} up gso_max_segs 1",
        f"address add {pair[0]}/{length} dev {device}",
        f"address add {pair[1]}/64 dev {device} nodad",
    ]


def _ip(*words: str, text: str | None = None) -> None:
    result = subprocess.run(["ip", *words], input=text, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(_complaint(("ip", *words), result))


def _complaint(argv: Sequence[str | Path], result: subprocess.CompletedProcess[str]) -> str:
    said = ((result.stderr or "") + (result.stdout or "")).strip()[-400:]
    return f"{' '.join(map(str, argv))[:200]} failed ({result.returncode}): {said}"
