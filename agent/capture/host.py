"""A snapshot of the machine: what a diagnosis needs to know of where it was recorded.

No user names, no serial numbers, no list of all processes: only programs known
to sit on the path (VPN clients, proxies, security agents) are named.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from analysis.knowledge.agents import path_agents

_TUNNEL = re.compile(
    r"^(?:tun|tap|utun|wg|ppp|ipsec|gpd|cscotun|tailscale|nordlynx|warp|CloudflareWARP)", re.I
)


def snapshot() -> dict[str, object]:
    """Facts of the machine at this moment; what cannot be read is left out."""
    return {
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "timezone": time.strftime("%z"),
        "interfaces": interfaces(),
        "routes": default_routes(),
        "resolvers": [f"{host}:{port}" for host, port in resolvers()],
        "proxies": proxy_settings(),
        "agents": agents(),
    }


def interfaces() -> list[dict[str, object]]:
    """Interfaces that are up: name, whether it is a tunnel, MTU, address families."""
    found: list[dict[str, object]] = []
    addresses = psutil.net_if_addrs()
    for name, state in psutil.net_if_stats().items():
        if state.isup:
            families = sorted(
                {
                    {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}.get(item.family, "")
                    for item in addresses.get(name, ())
                }
                - {""}
            )
            tunnel = bool(_TUNNEL.match(name))
            found.append({"name": name, "tunnel": tunnel, "mtu": state.mtu, "families": families})
    return found


def default_routes() -> list[dict[str, object]]:
    """Default routes as (family, interface); Linux and, by its route command, macOS."""
    routes: list[dict[str, object]] = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            for line in Path("/proc/net/route").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1] == "00000000" and int(fields[3], 16) & 1:
                    routes.append({"family": "ipv4", "interface": fields[0]})
        with contextlib.suppress(OSError, IndexError):
            for line in Path("/proc/net/ipv6_route").read_text().splitlines():
                fields = line.split()
                if fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
                    routes.append({"family": "ipv6", "interface": fields[9]})
    elif sys.platform == "darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            command = ["route", "-n", "get", "default"]
            text = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=5
            ).stdout
            found = re.search(r"interface:\s*(\S+)", text)
            if found:
                routes.append({"family": "ipv4", "interface": found[1]})
    unique: dict[str, dict[str, object]] = {json.dumps(route): route for route in routes}
    return list(unique.values())


def resolvers() -> list[tuple[str, int]]:
    """The system's name servers."""
    import dns.exception
    import dns.resolver

    try:
        configured = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return []
    return [(str(server), configured.port) for server in configured.nameservers]


def proxy_settings() -> dict[str, str]:
    """The system's proxies by scheme, without credentials."""
    return {
        scheme: bare_proxy(address)
        for scheme, address in urllib.request.getproxies().items()
        if scheme != "no"
    }


def bare_proxy(address: str) -> str:
    """``scheme://host:port`` of a proxy setting; a login in it is left out."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    with contextlib.suppress(ValueError):
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        usual = 1080 if parts.scheme.startswith("socks") else 80
        return f"{parts.scheme}://{host}:{parts.port or usual}"
    return ""


def agents() -> list[str]:
    """Known VPN, proxy and security programs that run now."""
    found = set()
    for process in psutil.process_iter(["name"]):
        name = (process.info.get("name") or "").lower().removesuffix(".exe")
        product = path_agents().get(name)
        if product:
            found.add(product)
    return sorted(found)


def sample_interfaces(facts: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """(interfaces to sample, those among them to sample for name lookups alone).

    The default routes' interfaces are sampled whole; the loopback is sampled
    for lookups when a resolver listens there (systemd-resolved and the like).
    """
    routes = facts.get("routes")
    names = [str(route["interface"]) for route in routes] if isinstance(routes, list) else []
    whole = list(dict.fromkeys(names))
    servers = facts.get("resolvers")
    local = any(
        str(server).startswith(("127.", "::1"))
        for server in (servers if isinstance(servers, list) else [])
    )
    loopback = next((name for name in psutil.net_if_addrs() if name in {"lo", "lo0"}), None)
    if local and loopback and loopback not in whole:
        return [*whole, loopback], [loopback]
    return whole, []
