"""The browser's command line, and that stopping it ends all of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest

from agent.browser import browser_arguments, find_browsers, launch_browser, stop_browser

URL = "https://chatgpt.com/?a=1&b=2"


def arguments(profile: Path, **changed: object) -> list[str]:
    settings: dict[str, object] = {
        "proxy": "127.0.0.1:8080",
        "url": URL,
        "ca_spki": "cGlu",
        "headless": True,
        "profile": profile,
    }
    return browser_arguments(**(settings | changed))  # type: ignore[arg-type]


def test_everything_goes_through_the_proxy(tmp_path: Path) -> None:
    given = arguments(tmp_path)
    assert "--proxy-server=127.0.0.1:8080" in given
    assert "--disable-quic" in given
    assert any(flag.startswith("--proxy-bypass-list=<-loopback>") for flag in given)
    assert "--ignore-certificate-errors-spki-list=cGlu" in given
    assert f"--user-data-dir={tmp_path}" in given
    assert given[-1] == URL


def test_without_a_proxy_the_network_settings_are_left_alone(tmp_path: Path) -> None:
    given = " ".join(arguments(tmp_path, proxy=None, ca_spki=None, headless=False))
    assert "--proxy" not in given
    assert "--disable-quic" not in given
    assert "--ignore-certificate-errors" not in given
    assert "--headless" not in given


def test_extension_is_loaded_before_the_page(tmp_path: Path) -> None:
    given = arguments(tmp_path, extensions=(tmp_path / "one", tmp_path / "two"))
    assert f"--load-extension={tmp_path / 'one'},{tmp_path / 'two'}" in given
    features = [flag for flag in given if flag.startswith("--disable-features=")]
    assert len(features) == 1
    assert "DisableLoadExtensionCommandLineSwitch" in features[0]
    assert given[-1].startswith("data:text/html")
    assert "url=https://chatgpt.com/?a=1&amp;b=2" in unquote(given[-1])


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no user ids on this system")
@pytest.mark.parametrize(("user", "expected"), [(0, True), (1000, False)])
def test_sandbox_is_given_up_for_root_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, expected: bool
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    assert ("--no-sandbox" in arguments(tmp_path)) is expected


@pytest.mark.skipif(sys.platform == "win32", reason="finds programs by PATH as on Unix")
def test_browsers_are_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("google-chrome", "chromium-browser"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {browser.name: browser for browser in find_browsers()}
    assert found["chromium"].executable == tmp_path / "chromium-browser"
    assert found["chromium"].loads_extensions
    assert not found["chrome"].loads_extensions


@pytest.mark.browser
def test_stop_ends_the_browser_and_its_helpers(tmp_path: Path) -> None:
    browsers = find_browsers()
    if not browsers:
        pytest.skip("no Chromium-family browser is installed")
    process = launch_browser(
        browsers[0].executable,
        proxy=None,
        url="about:blank",
        ca_spki=None,
        headless=True,
        profile=tmp_path / "profile",
    )
    try:
        leader = psutil.Process(process.pid)
        while not (helpers := leader.children(recursive=True)):
            assert process.poll() is None, "the browser ended by itself"
    finally:
        stop_browser(process)
    assert helpers
    # A container's first process may never collect them: dead is what counts, not gone.
    for _ in range(30):
        if not helpers:
            break
        helpers = [helper for helper in helpers if runs(helper)]
        psutil.wait_procs(helpers, timeout=1)
    assert helpers == []


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
