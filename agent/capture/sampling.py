"""The sampler's process, seen from the session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.capture.pcapng import PcapngWriter
from agent.capture.progress import Progress
from agent.capture.sampler import SNAP_LENGTH

START_SECONDS = 20.0


@dataclass(slots=True)
class Sampling:
    """Starts the sampler, follows its counters and stops it.

    `reason` says in one sentence why no packets are sampled; None while they are.
    """

    path: Path
    progress: Progress
    reason: str | None = None
    interfaces: tuple[str, ...] = ()
    received: int = 0
    written: int = 0
    dropped: int = 0
    whole: tuple[str, ...] = ()
    ended_early: bool = False
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _stopping: bool = field(default=False)

    async def start(
        self,
        interfaces: Sequence[str],
        dns_only: Sequence[str],
        dns_ports: Sequence[int],
        only_ports: Sequence[int] = (),
        whole: Sequence[str] = (),
    ) -> None:
        """Begin to sample; without the right to, the reason is kept and the session goes on.

        Of connections to the networks `whole` every segment's headers are kept.
        """
        if not interfaces:
            self._give_up("no network interface with a default route was found")
            return
        arguments = ["-m", "agent.capture.sampler", "--out", str(self.path)]
        for name in interfaces:
            arguments += ["--interface", name]
        for name in dns_only:
            arguments += ["--dns-only", name]
        for port in dns_ports:
            arguments += ["--dns-port", str(port)]
        for port in only_ports:
            arguments += ["--only-port", str(port)]
        for network in whole:
            arguments += ["--whole", network]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._process = process
        first: Mapping[str, object] = {}
        with contextlib.suppress(TimeoutError, ValueError):
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
            first = json.loads(line)
        if first.get("kind") != "ready":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            self._process = None
            denied = first.get("denied")
            reason = str(first.get("reason") or "the sampler did not start")
            self._give_up("this user may not sniff packets" if denied else reason[:200])
            return
        self.interfaces = tuple(interfaces)
        self.whole = tuple(whole)
        self._reader = asyncio.create_task(self._follow(process))

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        # an empty capture still opens in Wireshark
        PcapngWriter(self.path, (), SNAP_LENGTH).close()

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            with contextlib.suppress(ValueError):
                counts = json.loads(line)
                self.received = int(counts["received"])
                self.written = int(counts["written"])
                self.dropped = int(counts["dropped"])
                if not counts["whole"]:
                    self.whole = ()
                self.progress.packets, self.progress.dropped = self.written, self.dropped
        self.ended_early = not self._stopping

    async def stop(self) -> None:
        """Let the sampler take what waits in the kernel, and end it."""
        process = self._process
        if process is None or process.stdin is None:
            return
        self._stopping = True
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), START_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader
        self.ended_early |= process.returncode != 0

    def facts(self) -> dict[str, object]:
        """The ``packets`` part of session.json."""
        if self.reason is not None:
            return {"sampled": False, "reason": self.reason}
        return {
            "sampled": True,
            "interfaces": list(self.interfaces),
            "received": self.received,
            "written": self.written,
            "dropped": self.dropped,
            "whole": list(self.whole),
            "ended_early": self.ended_early,
        }
