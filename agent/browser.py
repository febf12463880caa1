"""Finding and starting a Chromium-family browser for one captured session."""

from __future__ import annotations

import contextlib
import html
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

_CLOSED = "localhost:9"
# Flags that keep the browser from talking on its own account and from asking questions.
_QUIET = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-client-side-phishing-detection",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-breakpad",
    "--metrics-recording-only",
    "--no-pings",
    "--password-store=basic",
    "--use-mock-keychain",
    # Account list, field suggestions and updates: sent to a closed port instead of the network.
    f"--gaia-url=https://{_CLOSED}",
    f"--google-base-url=https://{_CLOSED}",
    f"--component-updater=url-source=https://{_CLOSED}/",
)
_QUIET_FEATURES = (
    "AutofillServerCommunication",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "Translate",
)
# Without it, newer versions ignore --load-extension in silence.
_EXTENSION_FEATURE = "DisableLoadExtensionCommandLineSwitch"
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser found on this machine.

    `loads_extensions` is False for Google Chrome, whose branded builds dropped
    `--load-extension` in version 137; the others keep it.
    """

    name: str
    executable: Path

    @property
    def loads_extensions(self) -> bool:
        """Whether an unpacked extension can be loaded from the command line."""
        return self.name != "chrome"


_PROGRAMS = {
    "chromium": ("chromium", "chromium-browser"),
    "chrome": ("google-chrome", "google-chrome-stable", "chrome"),
    "edge": ("microsoft-edge", "microsoft-edge-stable", "msedge"),
    "brave": ("brave-browser", "brave"),
}
_MAC_APPLICATIONS = {
    "chromium": "Chromium.app/Contents/MacOS/Chromium",
    "chrome": "Google Chrome.app/Contents/MacOS/Google Chrome",
    "edge": "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "brave": "Brave Browser.app/Contents/MacOS/Brave Browser",
}
_WINDOWS_PROGRAMS = {
    "chromium": "Chromium/Application/chrome.exe",
    "chrome": "Google/Chrome/Application/chrome.exe",
    "edge": "Microsoft/Edge/Application/msedge.exe",
    "brave": "BraveSoftware/Brave-Browser/Application/brave.exe",
}


def find_browsers() -> list[Browser]:
    """The Chromium-family browsers of this machine, the least modified first."""
    found = []
    for name in _PROGRAMS:
        executable = next(_existing(name), None)
        if executable is not None:
            found.append(Browser(name, executable))
    return found


def _existing(name: str) -> Iterator[Path]:
    """Where this browser is, by PATH and by the usual places of the platform."""
    for program in _PROGRAMS[name]:
        path = shutil.which(program)
        if path is not None:
            yield Path(path)
    candidates: list[Path] = []
    if sys.platform == "darwin":
        roots = (Path("/Applications"), Path.home() / "Applications")
        candidates = [root / _MAC_APPLICATIONS[name] for root in roots]
    elif sys.platform == "win32":
        variables = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        roots = tuple(Path(os.environ[key]) for key in variables if key in os.environ)
        candidates = [root / _WINDOWS_PROGRAMS[name] for root in roots]
    else:
        candidates = [Path("/snap/bin") / program for program in _PROGRAMS[name]]
    yield from (path for path in candidates if path.is_file())


def browser_arguments(
    *,
    proxy: str | None,
    url: str,
    ca_spki: str | None,
    headless: bool,
    profile: Path,
    extensions: Sequence[Path] = (),
    extra_args: Sequence[str] = (),
) -> list[str]:
    """The command line after the program name; see `launch_browser`."""
    features = list(_QUIET_FEATURES)
    arguments = [*_QUIET, f"--user-data-dir={profile}"]
    if headless:
        # The new headless mode is the real browser, extensions included; the old one was not.
        arguments += ["--headless=new", "--window-size=1280,900", "--mute-audio"]
    if proxy is not None:
        # Loopback names would else bypass the proxy; QUIC would go round it.
        arguments += [
            f"--proxy-server={proxy}",
            f"--proxy-bypass-list=<-loopback>;{_CLOSED}",
            "--disable-quic",
        ]
    if ca_spki is not None:
        arguments.append(f"--ignore-certificate-errors-spki-list={ca_spki}")
    if extensions:
        paths = ",".join(str(path) for path in extensions)
        arguments += [f"--load-extension={paths}", f"--disable-extensions-except={paths}"]
        features.append(_EXTENSION_FEATURE)
        url = _after_start(url)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses to run as root
    arguments.append(f"--disable-features={','.join(features)}")
    return [*arguments, *extra_args, url]


def _after_start(url: str) -> str:
    """A page that goes on to `url` at once.

    Chromium 156 often never starts the first navigation of the command line while it is still
    loading an extension's blocking rules (18 of 40 starts); the second one is not affected.
    """
    page = f'<meta http-equiv="refresh" content="0;url={html.escape(url)}">'
    return "data:text/html;charset=utf-8," + quote(page)


def launch_browser(
    executable: Path,
    *,
    proxy: str | None,
    url: str,
    ca_spki: str | None,
    headless: bool,
    profile: Path,
    extensions: Sequence[Path] = (),
    extra_args: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start the browser on `url` with a profile of its own, in a process group of its own.

    `proxy` is `host:port`, or None for the system's settings. `ca_spki` is the base64 SHA-256 of
    the SubjectPublicKeyInfo of a CA whose certificates are to be accepted in this session only;
    nothing is installed on the machine. End it with `stop_browser`.
    """
    arguments = browser_arguments(
        proxy=proxy,
        url=url,
        ca_spki=ca_spki,
        headless=headless,
        profile=profile,
        extensions=extensions,
        extra_args=extra_args,
    )
    profile.mkdir(parents=True, exist_ok=True)
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        [str(executable), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **group,
    )


def stop_browser(process: subprocess.Popen[bytes]) -> None:
    """End the browser and the processes it started, and nothing else.

    Asked is the main process alone: where its network process ended first, it would start
    another one, which empties the log (``--log-net-log``) that it was told to write.
    """
    _ask_to_end(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    # The main process may be gone before its helpers are.
    _end_group(process)
    process.wait()


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        _taskkill(process)
    else:
        process.terminate()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        _taskkill(process, "/F")
        return
    # The leader's pid names the group for as long as one member lives.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _taskkill(process: subprocess.Popen[bytes], *more: str) -> None:
    if process.poll() is None:
        command = ["taskkill", "/T", "/PID", str(process.pid), *more]
        subprocess.run(command, capture_output=True, check=False)
