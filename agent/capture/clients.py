"""What is watched during a capture: a person's browser, a command, or just time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.browser import Browser, launch_browser, stop_browser
from agent.capture import trust
from agent.capture.session import Client, Running
from analysis.model.errors import UsageError
from analysis.model.message import say

POLL_SECONDS = 0.2
_END_SECONDS = 5.0


@dataclass(slots=True)
class Outcome:
    """The exit status of the command that was watched, where there was one."""

    status: int | None = None


def for_a_time(duration: float | None) -> Client:
    """Record for `duration` seconds, or until a signal."""

    async def client(_: Running) -> None:
        if duration is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(duration)

    return client


def with_browser(
    browser: Browser,
    url: str,
    duration: float | None,
    *,
    headless: bool = False,
    extensions: Sequence[Path] = (),
    until: Client | None = None,
) -> Client:
    """Open `url` in a browser with a profile of its own; ends when it is closed.

    `until` ends it earlier.
    """

    async def client(running: Running) -> None:
        with tempfile.TemporaryDirectory(prefix="chatpath-", ignore_cleanup_errors=True) as profile:
            process = launch_browser(
                browser.executable,
                proxy=running.proxy_url,
                url=url,
                ca_spki=running.spki,
                headless=headless,
                profile=Path(profile),
                extensions=tuple(extensions),
            )
            waits = [asyncio.create_task(_closed(process))]
            waits.append(asyncio.create_task(_as_coroutine(until or for_a_time(duration), running)))
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                if waits[0] in done and process.returncode:
                    raise UsageError(
                        say(
                            "{browser} ended with status {returncode}; is there a display for "
                            "it? Use --browser none and your own browser otherwise.",
                            browser=str(browser.name),
                            returncode=str(process.returncode),
                        )
                    )
            finally:
                running.finish()
                for task in waits:
                    task.cancel()
                await asyncio.to_thread(stop_browser, process)

    return client


async def _as_coroutine(client: Client, running: Running) -> None:
    await client(running)


async def _closed(process: subprocess.Popen[bytes]) -> None:
    # a thread that waits briefly, so that nothing holds up the end of the session
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, POLL_SECONDS)


def with_command(command: Sequence[str], duration: float | None, outcome: Outcome) -> Client:
    """Run `command` through the capture; ends with it.

    Raises UsageError when it cannot be started.
    """

    async def client(running: Running) -> None:
        environment = dict(os.environ)
        if running.proxy_url and running.ca_file and running.roots and running.spki:
            environment = trust.client_environment(
                running.proxy_url, running.ca_file, running.roots, running.spki
            )
        environment["CHATPATH_BUNDLE"] = str(running.bundle)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, start_new_session=sys.platform != "win32"
            )
        except OSError as error:
            raise UsageError(
                say(
                    "{command} cannot be started ({reason}); check the command after --.",
                    command=str(command[0]),
                    reason=str(error.strerror),
                )
            ) from error
        try:
            outcome.status = await asyncio.wait_for(process.wait(), duration)
        except TimeoutError:
            pass
        finally:
            running.finish()
            if process.returncode is None:
                await _end(process)

    return client


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the command with everything it started, and nothing else."""
    for strong in (False, True):
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL if strong else signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_SECONDS)
            return
