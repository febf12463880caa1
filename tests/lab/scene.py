"""Scenes: what is made, what the user does, and the true cause; read from TOML and checked."""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.network import ROLES, ROOT
from tests.lab.service_plan import PlanError, ServicePlan, build

SCENES = Path(__file__).parent / "scenes"
CATALOGUE = ROOT / "analysis" / "knowledge" / "findings.tsv"
STATUSES = ("ok", "impaired", "blocked", "down", "insufficient")
STEPS = {
    "open": {"url", "limit", "until", "tries"},
    "reload": {"limit", "until"},
    "goto": {"url", "limit"},
    "fetch": {"url", "method", "body", "content", "headers", "times", "gap", "limit"},
    "upload": {"name", "size", "claim", "limit"},
    "download": {"limit"},
    "voice": {"limit"},
    "wait": {"seconds"},
    "command": {"argv", "limit"},
}
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_TEXTS = ("name", "title", "made")
_LISTS = ("cause", "status", "subjects", "also", "never", "unsaid", "near_miss_of", "steps", "part")
_TABLES = ("service", "network", "browser", "capture")
_KEYS = {*_TEXTS, *_LISTS, *_TABLES, "ci", "healthy", "vendor"}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really the matter.

    `causes`: finding ids of which one must be primary; none for a healthy scene, where nothing
    above info may be found. `also` must be found beside it (a second fault, or a note). `never`
    must not be found above info, `unsaid` not even as a note. `subjects` must be among the
    primary's, `vendor` in its vendor or summary.
    """

    causes: tuple[str, ...]
    statuses: tuple[str, ...]
    vendor: str | None = None
    subjects: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return not self.causes


@dataclass(frozen=True, slots=True)
class Part:
    """A part by its name in `tests.lab.parts` ("dnsmasq.Dnsmasq"), where it sits, and its settings.

    It is made as `Dnsmasq(network.<at>, **settings)`, or with the whole network for "network".
    """

    use: str
    at: str = "network"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """`ipv6` gives names AAAA records; `resolver` false leaves DNS to the scene's parts."""

    ipv6: bool = False
    resolver: bool = True
    nameservers: tuple[str, ...] = ()
    hosts: str = ""


@dataclass(frozen=True, slots=True)
class BrowserPlan:
    """`block` are URL filters of an extension with `resources` types; `headers` it changes.

    `arguments` are further command line arguments of Chromium; `settings` are what its user has
    set before, as its file "Local State" has it.
    """

    block: tuple[str, ...] = ()
    resources: tuple[str, ...] = ("script",)
    headers: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    lab_ca: bool = True


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """How chatpath runs: `mode` proxy or passive; `end` when the browser is closed or by Ctrl-C.

    `trust` says whether the lab's CA is given by --trust-ca; `environment` is what the user's
    shell has set, such as HTTPS_PROXY; `offset` are seconds by which the client's clock is wrong.
    """

    mode: str = "proxy"
    end: str = "closed"
    trust: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One reproducible situation."""

    name: str
    title: str
    made: str
    family: str
    truth: Truth
    steps: tuple[dict[str, Any], ...]
    parts: tuple[Part, ...]
    service: ServicePlan
    network: NetworkPlan
    browser: BrowserPlan
    capture: CapturePlan
    near_miss_of: tuple[str, ...]
    ci: bool
    table: dict[str, Any]

    @property
    def digest(self) -> str:
        """Changes with what is made and done, not with the label."""
        acting = [self.table.get(key) for key in ("steps", "part", *_TABLES)]
        return hashlib.sha256(repr(acting).encode()).hexdigest()[:16]


def load_scenes(folder: Path = SCENES) -> list[Scene]:
    """Every scene of the folder's TOML files. Raises PlanError naming file, scene and fault."""
    ids = catalogue_ids()
    scenes: list[Scene] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise PlanError(f"{path.name}: {error}") from error
        for key in set(tables) - {"scene"}:
            raise PlanError(f"{path.name}: only [[scene]] tables are known, not {key!r}")
        for number, table in enumerate(tables.get("scene", []), start=1):
            try:
                scenes.append(_scene(table, path.stem, ids))
            except PlanError as error:
                name = table.get("name", f"number {number}")
                raise PlanError(f"{path.name}, scene {name}: {error}") from None
    names = [scene.name for scene in scenes]
    for name in names:
        if names.count(name) > 1:
            raise PlanError(f"two scenes are called {name}")
    return scenes


def catalogue_ids() -> tuple[str, ...]:
    """The public finding ids, in their order."""
    with CATALOGUE.open(encoding="utf-8", newline="") as text:
        return tuple(row["id"] for row in csv.DictReader(text, delimiter="\t"))


def _scene(table: dict[str, Any], family: str, ids: Sequence[str]) -> Scene:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise PlanError(f"there is no key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    for key in _TEXTS:
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise PlanError(f"{key} must be a text")
    if not _NAME.fullmatch(table["name"]):
        raise PlanError("a name is made of small words and digits, joined by hyphens")
    for key in ("cause", "also", "never", "unsaid", "near_miss_of"):
        for item in table.get(key, []):
            if item not in ids:
                raise PlanError(f"{key} names {item!r}, which is not in findings.tsv")
    if bool(table.get("cause")) == bool(table.get("healthy")):
        raise PlanError("say either cause = [ids] or healthy = true")
    statuses = tuple(table.get("status", ["ok"] if table.get("healthy") else []))
    if not statuses or set(statuses) - set(STATUSES):
        raise PlanError(f"status must be a list of {', '.join(STATUSES)}")
    parts = tuple(_part(item) for item in table.get("part", []))
    capture = build(CapturePlan, table.get("capture", {}), "capture")
    if capture.mode not in {"proxy", "passive"} or capture.end not in {"closed", "interrupt"}:
        raise PlanError("capture.mode is proxy or passive; capture.end is closed or interrupt")
    return Scene(
        name=table["name"],
        title=table["title"],
        made=" ".join(table["made"].split()),
        family=family,
        truth=Truth(
            causes=tuple(table.get("cause", ())),
            statuses=statuses,
            vendor=table.get("vendor"),
            subjects=tuple(table.get("subjects", ())),
            also=tuple(table.get("also", ())),
            never=tuple(table.get("never", ())),
            unsaid=tuple(table.get("unsaid", ())),
        ),
        steps=tuple(_step(item) for item in table.get("steps", ["open"])),
        parts=parts,
        service=ServicePlan.parse(table.get("service", {})),
        network=build(NetworkPlan, table.get("network", {}), "network"),
        browser=build(BrowserPlan, table.get("browser", {}), "browser"),
        capture=capture,
        near_miss_of=tuple(table.get("near_miss_of", ())),
        ci=bool(table.get("ci", False)),
        table=table,
    )


def _step(item: Any) -> dict[str, Any]:
    step = {"do": item} if isinstance(item, str) else dict(item)
    known = STEPS.get(step.get("do", ""))
    if known is None:
        raise PlanError(f"there is no step {item!r}; known are {', '.join(STEPS)}")
    unknown = sorted(set(step) - known - {"do"})
    if unknown:
        raise PlanError(f"step {step['do']} has no {unknown[0]!r}; it knows {', '.join(known)}")
    return step


def _part(item: dict[str, Any]) -> Part:
    item = dict(item)
    use, at = item.pop("use", ""), item.pop("at", "network")
    if not re.fullmatch(r"[a-z_0-9]+\.\w+", use):
        raise PlanError(f"part.use is module.Name of tests.lab.parts, not {use!r}")
    if at not in (*ROLES, "network"):
        raise PlanError(f"part.at is one of {', '.join(ROLES)} or network, not {at!r}")
    return Part(use, at, item)
