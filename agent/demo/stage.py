"""Everything around the captured session of a scene: CA, service, relay and resolver.

Where all of 127/8 is loopback (not on macOS) the parts have addresses of their own, and none is
on 127.0.0.1: a sinkhole's `0.0.0.0` leads there and must be refused. Elsewhere the parts differ
by port, and the websocket's URL, when its name is sinkholed, names a port that refuses.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.demo.certificates import Certificates, write_certificates
from agent.demo.extension import write_extension
from agent.demo.relay import DelayRelay
from agent.demo.resolver import Action, DemoResolver, Policy
from agent.demo.scenes import Scene
from agent.demo.service import DemoService

NAMES = (
    "chatgpt.com",
    "ab.chatgpt.com",
    "ws.chatgpt.com",
    "auth.openai.com",
    "cdn.oaistatic.com",
    "challenges.cloudflare.com",
)
WEBSOCKET_NAME = "ws.chatgpt.com"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """What a capture session needs to know.

    `nameserver` is the resolver to ask over UDP, `ca_file` the authority that signed the
    service, `skip_scripts` are for a client that has no extension.
    """

    nameserver: tuple[str, int]
    ca_file: Path
    url: str
    service: DemoService
    resolver: DemoResolver
    relay: DelayRelay | None
    extension: Path | None
    skip_scripts: frozenset[str]
    certificates: Certificates

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports of its parts: all that a sampler needs to look at."""
        relay = () if self.relay is None else (self.relay.address[1],)
        return (self.nameserver[1], self.service.address[1], *relay)


@contextlib.contextmanager
def demo_stage(scene: Scene, workdir: Path) -> Iterator[Stage]:
    """Set the scene below `workdir` (which must exist), and clear it away at the end."""
    certificates = write_certificates(workdir)
    own_addresses = has_loopback_network()
    with contextlib.ExitStack() as stack:
        service, relay = _start_service(scene, certificates, own_addresses, stack)
        front = relay.address[0] if relay is not None else service.address[0]
        resolver = _start_resolver(scene, front, own_addresses, stack)
        if not own_addresses and _sinkholes(scene, WEBSOCKET_NAME):
            service.app.websocket_port = stack.enter_context(_refusing_port())
        extension = None
        if scene.blocked_scripts:
            extension = write_extension(workdir / "extension", scene.blocked_scripts)
        yield Stage(
            nameserver=resolver.address,
            ca_file=certificates.ca_file,
            url=service.url,
            service=service,
            resolver=resolver,
            relay=relay,
            extension=extension,
            skip_scripts=frozenset(scene.blocked_scripts),
            certificates=certificates,
        )


def has_loopback_network() -> bool:
    """Whether addresses such as 127.0.0.2 can be used without setting them up."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.2", 0))
    except OSError:
        return False
    return True


def _start_service(
    scene: Scene, certificates: Certificates, own_addresses: bool, stack: contextlib.ExitStack
) -> tuple[DemoService, DelayRelay | None]:
    service_host, relay_host = ("127.0.0.2", "127.0.0.3") if own_addresses else ("127.0.0.1",) * 2
    for port in _ports(443):
        with contextlib.ExitStack() as attempt:
            try:
                service = DemoService(service_host, port, certificates, scene.faults)
                attempt.callback(service.discard)
                if own_addresses:
                    _require_free("127.0.0.1", service.address[1])
                relay = None
                if scene.delay:
                    public = service.address[1] if own_addresses else 0
                    relay = DelayRelay((relay_host, public), service.address, delay=scene.delay)
                    service.app.public_port = relay.address[1]
            except OSError:
                continue
            attempt.pop_all()
        stack.enter_context(service)
        if relay is not None:
            stack.enter_context(relay)
        return service, relay
    raise OSError("no free port for the demo service on loopback")


def _start_resolver(
    scene: Scene, front: str, own_addresses: bool, stack: contextlib.ExitStack
) -> DemoResolver:
    host = "127.0.0.4" if own_addresses else "127.0.0.1"
    zone = {name: [front] for name in NAMES}
    policy: dict[str, Policy] = dict(scene.policy)
    for port in _ports(53):
        try:
            resolver = DemoResolver(host, port, zone, policy)
        except OSError:
            continue
        return stack.enter_context(resolver)
    raise OSError("no free port for the demo resolver on loopback")


def _ports(privileged: int) -> Iterator[int]:
    """The well-known port where this user may have it, then any that is free."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield privileged
    for _ in range(_TRIES):
        yield 0


def _require_free(host: str, port: int) -> None:
    """Raise OSError when somebody listens there already."""
    with socket.socket() as probe:
        probe.bind((host, port))


def _sinkholes(scene: Scene, name: str) -> bool:
    return any(key == name and rule.action is Action.SINKHOLE for key, rule in scene.policy)


@contextlib.contextmanager
def _refusing_port() -> Iterator[int]:
    """A port that stays taken but refuses connections: bound, never listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
