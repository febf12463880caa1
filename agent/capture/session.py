"""One capture session: bundle, sampler, proxy and the client that is watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from addons.bundle import PACKETS, BundleFolder
from addons.recorder import Recorder
from agent.capture import host, trust
from agent.capture.lookups import Lookups, loop_factory
from agent.capture.network_proxy import network_proxy
from agent.capture.progress import Progress
from agent.capture.proxy import Proxy, ProxySettings
from agent.capture.sampling import Sampling
from analysis.knowledge.addresses import EDGE, networks_of
from analysis.knowledge.secrets import redact_text
from analysis.model.errors import UsageError
from analysis.model.message import say

DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """What to record and how.

    `interfaces` None lets the default routes decide; an empty tuple samples no
    packets. `only_ports` limits the packets to those of these ports, so that on
    a busy loopback only the session is sampled. `nameserver` replaces the
    system's resolver for the proxy (the demo); `roots` are further PEM files
    trusted upstream.
    """

    out: Path
    mode: str = "proxy"
    listen: tuple[str, int] = ("127.0.0.1", 0)
    bodies: str = "redacted"
    interfaces: tuple[str, ...] | None = None
    only_ports: tuple[int, ...] = ()
    nameserver: tuple[str, int] | None = None
    roots: tuple[Path, ...] = ()
    ca_folder: Path | None = None
    scene: str | None = None
    use_system_proxy: bool = True


@dataclass(frozen=True, slots=True)
class Running:
    """What a client needs to go through the capture.

    `proxy`, `ca_file` and `roots` are None in passive mode. `mark` records a
    remark of the person at the machine. `finish` ends the recording: a client calls
    it before it ends what it started, so that this end is no fault of the session.
    """

    bundle: Path
    progress: Progress
    mark: Callable[[str], None]
    finish: Callable[[], None]
    proxy: tuple[str, int] | None = None
    ca_file: Path | None = None
    roots: Path | None = None
    spki: str | None = None
    packets_reason: str | None = None
    upstream: str | None = None

    @property
    def proxy_url(self) -> str | None:
        if self.proxy is None:
            return None
        address, port = self.proxy
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


type Client = Callable[[Running], Awaitable[None]]


@dataclass(slots=True)
class _Parts:
    """Everything that must be stopped, whatever happens."""

    folder: BundleFolder
    recorder: Recorder
    sampling: Sampling
    progress: Progress
    lookups: Lookups
    proxy: Proxy | None = None
    host: dict[str, object] = field(default_factory=dict)

    def mark(self, text: str) -> None:
        """Record a remark of the person at the machine."""
        self.recorder.recording.event("marker", {"text": redact_text(text, 300)})


def capture(settings: CaptureSettings, client: Client, progress: Progress | None = None) -> Path:
    """Record until `client` returns, or a signal asks to stop; the bundle's path.

    Raises UsageError when the bundle exists already, the port is taken, or
    passive mode lacks the right to sniff.
    """
    progress = progress or Progress()
    try:
        folder = BundleFolder(settings.out)
    except FileExistsError as error:
        raise UsageError(say("{error} Choose another --out.", error=str(error))) from error
    except OSError as error:
        raise UsageError(
            say(
                "The bundle {out} cannot be written ({reason}); choose another --out.",
                out=str(settings.out),
                reason=str(error.strerror),
            )
        ) from error
    recorder = Recorder(folder, progress.take)
    sampling = Sampling(folder.path / PACKETS, progress)
    server = settings.nameserver or next(iter(host.resolvers()), None)
    lookups = Lookups(server, recorder.recording.event)
    parts = _Parts(folder, recorder, sampling, progress, lookups, host=host.snapshot())
    factory = loop_factory(lookups, replace=settings.nameserver is not None)
    # what libraries log must not mix with the terminal page: without any handler
    # Python prints warnings by itself
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("mitmproxy").setLevel(logging.INFO)
    with (
        tempfile.TemporaryDirectory(prefix="chatpath-") as scratch,
        asyncio.Runner(loop_factory=factory) as runner,
        contextlib.suppress(KeyboardInterrupt),
    ):
        runner.run(_run(settings, parts, client, Path(scratch)))
    return folder.path


async def _run(settings: CaptureSettings, parts: _Parts, client: Client, scratch: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_quietly)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        # not on Windows: there Ctrl-C cancels this task
        with contextlib.suppress(NotImplementedError, AttributeError, ValueError):
            loop.add_signal_handler(getattr(signal, name), stop.set)
    parts.folder.update_session(
        {
            "tool": {"chatpath": version("chatpath"), "mitmproxy": version("mitmproxy")},
            "session": secrets.token_hex(8),
            "started": time.time(),
            "state": "recording",
            "mode": settings.mode,
            "bodies": settings.bodies,
            "host": parts.host,
            "scene": settings.scene,
        }
    )
    try:
        running = await _start(settings, parts, scratch)
        await _until_done(client(running), stop, running.finish)
        parts.progress.interrupted = stop.is_set()
    except BaseException:
        parts.folder.update_session({"state": "failed"})
        raise
    finally:
        # first the recording: what our own end does to open connections is no fault
        parts.recorder.done()
        await parts.sampling.stop()
        if parts.proxy is not None:
            await parts.proxy.stop()
        ended: dict[str, object] = {"ended": time.time(), "packets": parts.sampling.facts()}
        if parts.folder.session.get("state") == "recording":
            ended["state"] = "complete"
        parts.folder.update_session(ended)


def _quietly(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the loop says of connections that our own end cut off is for the log alone.

    asyncio before 3.12.3 complains of every stream handler that is cancelled.
    """
    logging.getLogger(__name__).debug("event loop: %s", context.get("message"))


async def _until_done(
    client: Awaitable[None], stop: asyncio.Event, finish: Callable[[], None]
) -> None:
    task = asyncio.ensure_future(client)
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        finish()
        for item in (task, waiting):
            item.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def _start(settings: CaptureSettings, parts: _Parts, scratch: Path) -> Running:
    interfaces, dns_only = host.sample_interfaces(parts.host)
    if settings.interfaces is not None:
        interfaces, dns_only = list(settings.interfaces), []
    ports = {DNS_PORT, settings.nameserver[1] if settings.nameserver else DNS_PORT}
    whole = [str(network) for network in networks_of(EDGE)]
    await parts.sampling.start(interfaces, dns_only, sorted(ports), settings.only_ports, whole)
    facts: dict[str, object] = {"packets": parts.sampling.facts(), "dns_ports": sorted(ports)}
    if settings.mode == "passive":
        if parts.sampling.reason:
            raise UsageError(
                say(
                    "Passive capture needs packets, but {reason}; run it as root (sudo), or "
                    "capture with --mode proxy.",
                    reason=str(parts.sampling.reason),
                )
            )
        parts.folder.update_session(facts)
        parts.recorder.start(parts.folder)
        return Running(parts.folder.path, parts.progress, parts.mark, parts.recorder.done)
    upstream = network_proxy() if settings.use_system_proxy else None
    parts.lookups.socks = upstream.socks if upstream else None
    roots = trust.write_upstream_roots(scratch / "upstream.pem", settings.roots)
    ca_folder = settings.ca_folder or scratch / "ca"
    ca_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    proxy = Proxy(
        ProxySettings(*settings.listen, ca_folder, roots, upstream, settings.bodies),
        parts.recorder,
    )
    parts.proxy = proxy
    address = await proxy.start()
    facts.update(
        listen=f"{address[0]}:{address[1]}",
        upstream=upstream.url if upstream else None,
        ca_sha256=trust.ca_sha256(proxy.ca_file),
    )
    parts.folder.update_session(facts)
    return Running(
        bundle=parts.folder.path,
        proxy=address,
        ca_file=proxy.ca_file,
        roots=trust.write_client_roots(scratch / "client.pem", proxy.ca_file),
        spki=trust.spki_sha256(proxy.ca_file),
        packets_reason=parts.sampling.reason,
        upstream=upstream.url if upstream else None,
        progress=parts.progress,
        mark=parts.mark,
        finish=parts.recorder.done,
    )
