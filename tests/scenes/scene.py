"""What a scene is: how its capture is made, and which verdicts are right for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from scene_flows import Flows
from scene_har import Har
from scene_wire import Wire

Build = Callable[[Path], Path]
type Draw[Kind] = Callable[[Kind], None]

BAD = frozenset({"impaired", "blocked"})
BLOCKED = frozenset({"blocked"})
DOWN = frozenset({"down"})
WELL = frozenset({"ok"})
UNCLEAR = frozenset({"ok", "insufficient"})


@dataclass(frozen=True)
class Scene:
    """A labelled capture.

    `primary` are the finding ids that may be the verdict's; empty for a
    session with nothing wrong, which must give neither warning nor critical
    finding. `vendor` must be the primary's vendor (a part of the name is
    enough). `also` must be among the findings, `never` must not.
    """

    name: str
    fault: str
    build: Build
    primary: frozenset[str]
    statuses: frozenset[str]
    vendor: str | None = None
    subject: str | None = None
    also: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()

    @property
    def healthy(self) -> bool:
        return not self.primary


SCENES: dict[str, Scene] = {}


class Label(TypedDict, total=False):
    """What is right for a scene, as in `Scene`."""

    statuses: frozenset[str]
    vendor: str | None
    subject: str | None
    also: tuple[str, ...]
    never: tuple[str, ...]


def on_wire(
    name: str,
    fault: str,
    *primary: str,
    link: str = "ethernet",
    suffix: str = ".pcap",
    **label: Unpack[Label],
) -> Callable[[Draw[Wire]], Draw[Wire]]:
    """Registers a scene drawn as packets."""

    def save(wire: Wire, folder: Path) -> Path:
        return wire.save(folder / f"{name}{suffix}", link)

    return _drawn(Wire, save, name, fault, primary, label)


def in_flows(
    name: str, fault: str, *primary: str, **label: Unpack[Label]
) -> Callable[[Draw[Flows]], Draw[Flows]]:
    """Registers a scene drawn as mitmproxy flows."""

    def save(flows: Flows, folder: Path) -> Path:
        return flows.save(folder / f"{name}.mitm")

    return _drawn(Flows, save, name, fault, primary, label)


def in_har(
    name: str, fault: str, *primary: str, **label: Unpack[Label]
) -> Callable[[Draw[Har]], Draw[Har]]:
    """Registers a scene drawn as a browser's HAR."""

    def save(har: Har, folder: Path) -> Path:
        return har.save(folder / f"{name}.har")

    return _drawn(Har, save, name, fault, primary, label)


def _drawn[Kind](
    make: Callable[[], Kind],
    save: Callable[[Kind, Path], Path],
    name: str,
    fault: str,
    primary: tuple[str, ...],
    label: Label,
) -> Callable[[Draw[Kind]], Draw[Kind]]:
    def register(draw: Draw[Kind]) -> Draw[Kind]:
        def build(folder: Path) -> Path:
            made = make()
            draw(made)
            return save(made, folder)

        assert name not in SCENES, f"two scenes are named {name}"
        SCENES[name] = Scene(
            name,
            fault,
            build,
            frozenset(primary),
            label.get("statuses", BLOCKED),
            label.get("vendor"),
            label.get("subject"),
            frozenset(label.get("also", ())),
            frozenset(label.get("never", ())),
        )
        return draw

    return register
