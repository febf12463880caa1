"""Runs one scene: network, service, parts, the real `chatpath capture`, the real `analyze`."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.demo.certificates import Certificates, write_certificates
from tests.lab import network as lab_network
from tests.lab.extension import write_extension
from tests.lab.network import ROOT, Namespace, Network
from tests.lab.scene import Part, Scene
from tests.lab.service_plan import PlanError

CHATPATH = Path(sys.executable).with_name("chatpath")
AUTHORITY = ("Google Trust Services", "WE1")
"""The lab's CA is called as the one that signs the real names today."""
HOSTS = (
    "chatgpt.com", "*.chatgpt.com", "openai.com", "*.openai.com", "*.oaistatic.com",
    "*.oaiusercontent.com", "challenges.cloudflare.com", "*.oaistatsig.com",
    "*.ingest.sentry.io", "*.browser-intake-datadoghq.com", "*.example.org",
    "dns.google",
)  # fmt: skip
DISTANCE_MS = (12.0, 24.0)
"""Round-trip time to the service; the seed draws from it."""
CAPTURE_SECONDS = 240.0
"""A capture that takes longer is broken in a way that no scene means."""
ANALYZE_SECONDS = 240.0
_READY_SECONDS = 60.0


@dataclass(slots=True)
class Run:
    """What one run of a scene gave.

    `diagnosis` is the JSON of `chatpath analyze`, or None with the reason in `trouble`; `skipped`
    is the reason why the scene cannot run here. `seen` is what the user saw, step by step.
    """

    scene: str
    seed: int
    diagnosis: dict[str, Any] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    took: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    trouble: str | None = None
    skipped: str | None = None
    bundle: Path | None = None


class SceneError(Exception):
    """The lab itself failed, not what it tests."""


@cache
def chromium() -> str | None:
    """The browser's executable."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def why_not(scene: Scene) -> str | None:
    """Why the scene cannot run on this machine, or None."""
    reason = lab_network.why_not()
    if reason is not None:
        return reason
    if chromium() is None:
        return "needs Chromium"
    if find_spec("netfilterqueue") is None or shutil.which("iptables") is None:
        return "needs iptables and the Python package NetfilterQueue"
    for part in scene.parts:
        reason = _why_no_part(part)
        if reason is not None:
            return reason
    return None


def run_scene(scene: Scene, seed: int, folder: Path) -> Run:
    """Run the scene in `folder`, which must not exist; the bundle stays there."""
    run = Run(scene.name, seed)
    run.skipped = why_not(scene)
    if run.skipped is not None:
        return run
    began = time.monotonic()
    folder.mkdir(parents=True)
    try:
        with Network(seed) as network, contextlib.ExitStack() as stack:
            _run(scene, run, folder, network, stack)
        run.diagnosis = analyze(folder / "session.chatpath")
    except (SceneError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        run.trouble = " ".join(str(error).split())[:500]
    run.bundle = folder / "session.chatpath"
    run.seconds = round(time.monotonic() - began, 1)
    return run


def judge_again(scene: Scene, seed: int, folder: Path) -> Run:
    """Analyze the bundle that an earlier run has left in `folder`."""
    run = Run(scene.name, seed, bundle=folder / "session.chatpath")
    try:
        run.diagnosis = analyze(folder / "session.chatpath")
    except (SceneError, subprocess.SubprocessError) as error:
        run.trouble = str(error)
    return run


def analyze(bundle: Path) -> dict[str, Any]:
    """What `chatpath analyze --format json` says, as a user runs it."""
    done = subprocess.run(
        [str(CHATPATH), "analyze", str(bundle), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=ANALYZE_SECONDS,
        check=False,
        cwd=ROOT,
    )
    try:
        value = json.loads(done.stdout)
    except ValueError:
        value = None
    if done.returncode not in {0, 1, 4} or not isinstance(value, dict):
        raise SceneError(f"analyze ended with {done.returncode}: {done.stderr[-300:]}")
    return value


def _run(
    scene: Scene, run: Run, folder: Path, network: Network, stack: contextlib.ExitStack
) -> None:
    certificates = write_certificates(folder, authority=AUTHORITY, hosts=HOSTS)
    plan = scene.network
    if plan.nameservers or plan.hosts:
        servers = plan.nameservers or (lab_network.addresses.RESOLVER[0],)
        network.resolve_with(*servers, hosts=plan.hosts)
    settings = _service_file(scene, folder, certificates, run.seed)
    started = [_start(network.service, ["tests.lab.service", settings])]
    distance = f"{network.random.uniform(*DISTANCE_MS):.1f}"
    started.append(_start(network.service, ["tests.lab.distance", distance]))
    if plan.resolver:
        version = ["6"] if plan.ipv6 else []
        started.append(_start(network.resolver, ["tests.lab.resolver", *version]))
    run.took = dict(versions())
    environment = dict(scene.capture.environment)
    roots = [certificates.ca_file] if scene.capture.trust else []
    for part in scene.parts:
        made = stack.enter_context(_part(part, network))
        environment |= getattr(made, "environment", {})
        roots += getattr(made, "trusted", [])
        version = getattr(made, "version", None)
        if version is not None:
            run.took[part.use] = str(version() if callable(version) else version)
    _capture(scene, run, folder, network, certificates, environment, roots)
    for process in started:
        if process.poll() is not None:
            raise SceneError(f"the lab's own {process.args} ended: {_last_words(process)}")


def _start(host: Namespace, module: list[str | Path]) -> subprocess.Popen[str]:
    """Start a module of ours and wait until it says that it is ready."""
    process = host.popen(
        host.python(str(module[0]), *module[1:]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise SceneError(f"{module[0]} did not start: {_last_words(process)}")
    return process


def _last_words(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    return process.stdout.read()[-500:] if process.poll() is not None else "no reason given"


def _service_file(scene: Scene, folder: Path, certificates: Certificates, seed: int) -> Path:
    path = folder / "service.json"
    settings = {
        "plan": scene.table.get("service", {}),
        "seed": seed,
        "ca": str(certificates.ca_file),
        "chain": str(certificates.chain_file),
        "key": str(certificates.key_file),
        "spki": certificates.ca_spki,
    }
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def _capture(
    scene: Scene,
    run: Run,
    folder: Path,
    network: Network,
    certificates: Certificates,
    environment: dict[str, str],
    roots: list[Path],
) -> None:
    """`chatpath capture` around the user's browser, as root in the client's namespace."""
    interrupt = scene.capture.end == "interrupt"
    stay, seen = folder / "stay", folder / "seen.json"
    extension = write_extension(folder / "extension", scene.browser)
    steps = {
        "steps": list(scene.steps),
        "chromium": chromium(),
        "spki": certificates.ca_spki,
        "extension": str(extension) if extension else None,
        "arguments": list(scene.browser.arguments),
        "settings": scene.browser.settings,
        "stay": str(stay) if interrupt else None,
    }
    (folder / "steps.json").write_text(json.dumps(steps), encoding="utf-8")
    home = folder / "home"
    home.mkdir()
    trust = [word for root in roots for word in ("--trust-ca", root)]
    driver = network.client.python("tests.lab.driver", folder / "steps.json", seen)
    command = [
        # processes of other scenes and of this machine are not the client's
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *(CHATPATH, "capture", "--yes", "--out", folder / "session.chatpath"),
        *("--listen", "127.0.0.1:0", "--mode", scene.capture.mode, *trust),
        *scene.capture.arguments,
        *("--", *driver),
    ]
    clean = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    with (folder / "capture.log").open("w") as log:
        process = network.client.popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**clean, "HOME": str(home), **environment},
        )
        _wait(process, stay if interrupt else None)
    if seen.exists():
        run.seen = json.loads(seen.read_text(encoding="utf-8"))
    said = (folder / "capture.log").read_text(encoding="utf-8", errors="replace")
    if process.returncode not in {0, 1, 4} or not run.seen:
        raise SceneError(f"capture ended with {process.returncode}: {said[-400:]}")


def _wait(process: subprocess.Popen[Any], stay: Path | None) -> None:
    """Wait for the capture's end; with `stay`, press Ctrl-C once the user is through."""
    deadline = time.monotonic() + CAPTURE_SECONDS
    while process.poll() is None:
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise SceneError(f"the capture took longer than {CAPTURE_SECONDS:.0f} s")
        if stay is not None and stay.exists():
            os.killpg(process.pid, signal.SIGINT)
            stay = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)


def _factory(part: Part) -> Any:
    module, _, name = part.use.partition(".")
    try:
        return getattr(importlib.import_module(f"tests.lab.parts.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise PlanError(f"there is no part {part.use}: {error}") from error


def _why_no_part(part: Part) -> str | None:
    check = getattr(_factory(part), "why_not", None)
    reason: str | None = check() if check is not None else None
    return reason


def _part(part: Part, network: Network) -> contextlib.AbstractContextManager[Any]:
    place = network if part.at == "network" else getattr(network, part.at)
    try:
        made: contextlib.AbstractContextManager[Any] = _factory(part)(place, **part.settings)
    except TypeError as error:
        raise SceneError(f"part {part.use}: {error}") from error
    return made


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """Versions of what every scene takes."""
    from importlib.metadata import version

    found = {name: version(name) for name in ("chatpath", "mitmproxy", "hypercorn", "playwright")}
    found["python"] = sys.version.split()[0]
    found["linux"] = os.uname().release
    for name in ("chromium", "ip"):
        path = shutil.which(name)
        if path is not None:
            flag = "-V" if name == "ip" else "--version"
            told = subprocess.run([path, flag], capture_output=True, text=True, check=False)
            match = re.search(r"[\d.]+\d", told.stdout)
            found[name] = match[0] if match else told.stdout.strip()[:60]
    return tuple(found.items())


def scenes_named(scenes: list[Scene], names: list[str]) -> Iterator[Scene]:
    """The scenes of these names or families, in their order. Raises PlanError for another name."""
    known = {scene.name for scene in scenes} | {scene.family for scene in scenes}
    for name in names:
        if name not in known:
            raise PlanError(f"there is no scene or family {name!r}; `list` names them all")
    for scene in scenes:
        if not names or scene.name in names or scene.family in names:
            yield scene
