"""mitmproxy inside this process: options, CA, start and stop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import options
from mitmproxy.addons import default_addons
from mitmproxy.master import Master

from addons.recorder import Recorder
from agent.capture.network_proxy import NetworkProxy
from analysis.model.errors import UsageError
from analysis.model.message import say

START_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """How to run the proxy.

    `ca_folder` holds (or gets) our own CA; `roots` is the PEM file of roots
    trusted upstream; `upstream` is the network's own proxy, if any.
    """

    host: str
    port: int
    ca_folder: Path
    roots: Path
    upstream: NetworkProxy | None = None
    bodies: str = "redacted"


class _Started:
    """Tells when the proxy listens, or why it does not."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def running(self) -> None:
        self.event.set()


class _ErrorLines(logging.Handler):
    """Keeps mitmproxy's last error lines, which say why it could not start."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines = [*self.lines[-4:], record.getMessage()[:300]]


class Proxy:
    """The running proxy. Use `start` and `stop` on the same event loop."""

    def __init__(self, settings: ProxySettings, recorder: Recorder) -> None:
        upstream = settings.upstream
        socks = upstream.socks if upstream else None
        mode = f"upstream:{upstream.url}" if upstream and not socks else "regular"
        self.master = Master(
            options.Options(
                listen_host=settings.host,
                listen_port=settings.port,
                confdir=str(settings.ca_folder),
                mode=[mode],
                ssl_verify_upstream_trusted_ca=str(settings.roots),
            ),
            event_loop=asyncio.get_running_loop(),
            with_termlog=False,
        )
        self._started = _Started()
        self._errors = _ErrorLines()
        self.master.addons.add(*default_addons(), recorder, self._started)
        self.master.options.update(
            chatpath_bodies=settings.bodies,
            # ours is the CA; a service's own page must not be replaced by mitmproxy's
            onboarding=False,
            chatpath_via=socks.place if socks else "",
            upstream_auth=upstream.login if upstream else None,
        )
        self.ca_file = settings.ca_folder / "mitmproxy-ca-cert.pem"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> tuple[str, int]:
        """Listen; the address. Raises UsageError when the port cannot be had."""
        logging.getLogger("mitmproxy").addHandler(self._errors)
        self._task = asyncio.create_task(self.master.run())
        waiting = asyncio.create_task(self._started.event.wait())
        await asyncio.wait(
            {waiting, self._task}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        addresses = self.master.addons.get("proxyserver").listen_addrs()
        if not addresses:
            host, port = self.master.options.listen_host, self.master.options.listen_port
            await self.stop()
            reason = self._errors.lines[-1] if self._errors.lines else "no reason given"
            raise UsageError(
                say(
                    "The proxy cannot listen on {host}:{port} ({reason}); choose another port "
                    "with --listen 127.0.0.1:PORT.",
                    host=str(host),
                    port=str(port),
                    reason=str(reason),
                )
            )
        host, port, *_ = addresses[0]
        return str(host), int(port)

    async def stop(self) -> None:
        """End all connections and write what is open."""
        self.master.shutdown()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=START_SECONDS)
        logging.getLogger("mitmproxy").removeHandler(self._errors)
