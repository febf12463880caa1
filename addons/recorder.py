"""Records ChatGPT's traffic as it passes mitmproxy, without holding it up.

Loads in a plain ``mitmdump -s`` as well as in ``chatpath capture``.  What is
recorded of connections, exchanges and websockets is in the modules beside this
one; here is the bundle's life.  Nothing secret is written: see `addons.masking`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from addons.bundle import BundleFolder
from addons.connections import ConnectionRecorder
from addons.exchanges import ExchangeRecorder
from addons.recording import Listener, Recording
from addons.sockets import SocketRecorder

SYNC_SECONDS = 1.0


class Recorder:
    """The recorder addon; `addons` are its parts, which mitmproxy calls beside it.

    Without a `folder` one is made when mitmproxy runs. `listener` is told of
    every event, for a live status line.
    """

    def __init__(
        self, folder: BundleFolder | None = None, listener: Listener | None = None
    ) -> None:
        self.folder = folder
        self.recording = Recording(listener)
        self._own_session = folder is None
        self._exchanges = ExchangeRecorder(self.recording)
        self.addons = [
            ConnectionRecorder(self.recording),
            self._exchanges,
            SocketRecorder(self.recording),
        ]
        self._task: asyncio.Task[None] | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "chatpath_bundle",
            str,
            "",
            "Folder of the bundle to record; a new one in the working directory when empty.",
        )
        loader.add_option(
            "chatpath_via",
            str,
            "",
            "host:port of a SOCKS proxy that takes every connection of this process.",
        )
        loader.add_option(
            "chatpath_bodies",
            str,
            "redacted",
            "What to keep of response bodies: none, redacted or full.",
            choices=["none", "redacted", "full"],
        )

    def running(self) -> None:
        if self.folder is None:
            name = ctx.options.chatpath_bundle or datetime.now().strftime(
                "chatpath-%Y%m%d-%H%M%S.chatpath"
            )
            try:
                self.folder = BundleFolder(Path(name))
            except OSError as error:
                # an error that is logged while mitmproxy starts makes it stop
                logging.error(f"The bundle {name} cannot be written: {error} Name another folder.")
                return
        self.start(self.folder)

    def start(self, folder: BundleFolder) -> None:
        """Open the bundle's files; done by `running`, or by a session without a proxy."""
        self.recording.open(folder)
        if self._own_session:
            folder.update_session(
                {
                    "tool": {"chatpath": version("chatpath"), "mitmproxy": version("mitmproxy")},
                    "started": time.time(),
                    "state": "recording",
                    "mode": "addon",
                    "bodies": ctx.options.chatpath_bodies,
                    "packets": {"sampled": False, "reason": "recorded with the addon alone"},
                }
            )
        with contextlib.suppress(RuntimeError):
            self._task = asyncio.get_running_loop().create_task(self._keep_on_disk())

    async def _keep_on_disk(self) -> None:
        """Once a second, what was recorded goes to the disk, off the proxy's loop."""
        loop = asyncio.get_running_loop()
        while self.recording.is_open:
            await asyncio.sleep(SYNC_SECONDS)
            self._exchanges.flush()
            self.recording.flush()
            await loop.run_in_executor(None, self.recording.sync)

    def done(self) -> None:
        """End the recording; what passes from now on is not the session's any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if not self.recording.is_open:
            return
        self._exchanges.flush()
        self.recording.event("stop", {})
        self.recording.close()
        if self._own_session and self.folder is not None:
            self.folder.update_session({"ended": time.time(), "state": "complete"})


addons = [Recorder()]
