"""What a scene is: how its capture is made, and which verdicts are right for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scene_flows import Flows
from scene_har import Har
from scene_wire import Wire

Build = Callable[[Path], Path]

BAD = frozenset({"impaired", "blocked"})
BLOCKED = frozenset({"blocked"})
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


def on_wire(
    name: str,
    fault: str,
    *primary: str,
    statuses: frozenset[str] = BLOCKED,
    vendor: str | None = None,
    subject: str | None = None,
    also: tuple[str, ...] = (),
    never: tuple[str, ...] = (),
    link: str = "ethernet",
    suffix: str = ".pcap",
) -> Callable[[Callable[[Wire], None]], Callable[[Wire], None]]:
    """Registers a scene drawn as packets."""

    def register(draw: Callable[[Wire], None]) -> Callable[[Wire], None]:
        def build(folder: Path) -> Path:
            wire = Wire()
            draw(wire)
            return wire.save(folder / f"{name}{suffix}", link)

        _add(name, fault, build, primary, statuses, vendor, subject, also, never)
        return draw

    return register


def in_flows(
    name: str,
    fault: str,
    *primary: str,
    statuses: frozenset[str] = BLOCKED,
    vendor: str | None = None,
    subject: str | None = None,
    also: tuple[str, ...] = (),
    never: tuple[str, ...] = (),
) -> Callable[[Callable[[Flows], None]], Callable[[Flows], None]]:
    """Registers a scene drawn as mitmproxy flows."""

    def register(draw: Callable[[Flows], None]) -> Callable[[Flows], None]:
        def build(folder: Path) -> Path:
            flows = Flows()
            draw(flows)
            return flows.save(folder / f"{name}.mitm")

        _add(name, fault, build, primary, statuses, vendor, subject, also, never)
        return draw

    return register


def in_har(
    name: str,
    fault: str,
    *primary: str,
    statuses: frozenset[str] = BLOCKED,
    vendor: str | None = None,
    subject: str | None = None,
    also: tuple[str, ...] = (),
    never: tuple[str, ...] = (),
) -> Callable[[Callable[[Har], None]], Callable[[Har], None]]:
    """Registers a scene drawn as a browser's HAR."""

    def register(draw: Callable[[Har], None]) -> Callable[[Har], None]:
        def build(folder: Path) -> Path:
            har = Har()
            draw(har)
            return har.save(folder / f"{name}.har")

        _add(name, fault, build, primary, statuses, vendor, subject, also, never)
        return draw

    return register


def _add(
    name: str,
    fault: str,
    build: Build,
    primary: tuple[str, ...],
    statuses: frozenset[str],
    vendor: str | None,
    subject: str | None,
    also: tuple[str, ...],
    never: tuple[str, ...],
) -> None:
    assert name not in SCENES, f"two scenes are named {name}"
    SCENES[name] = Scene(
        name,
        fault,
        build,
        frozenset(primary),
        statuses,
        vendor,
        subject,
        frozenset(also),
        frozenset(never),
    )
