"""Registers sessions as scenes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from line import Line
from scene import BAD, SCENES, WELL, Label, Scene
from session import Session
from session_flows import save_flows
from session_har import save_har

type DrawSession = Callable[[Session], None]


def as_record(
    name: str, medium: str, fault: str, *primary: str, **label: Unpack[Label]
) -> Callable[[DrawSession], DrawSession]:
    """A session as `medium` records it: "flows", or a dialect of `session_har.CREATORS`."""

    def register(draw: DrawSession) -> DrawSession:
        def build(folder: Path) -> Path:
            session = Session(seed=sum(name.encode()))
            draw(session)
            if medium == "flows":
                return save_flows(session, folder / f"{name}.mitm")
            return save_har(session, folder / f"{name}.har", medium)

        _add("whole-" + name, fault, primary, label, build)
        return draw

    return register


type DrawLine = Callable[[Line], None]


def as_packets(
    name: str,
    fault: str,
    *primary: str,
    link: str = "ethernet",
    suffix: str = ".pcap",
    **label: Unpack[Label],
) -> Callable[[DrawLine], DrawLine]:
    """A client's capture."""

    def register(draw: DrawLine) -> DrawLine:
        def build(folder: Path) -> Path:
            line = Line(seed=sum(name.encode()))
            draw(line)
            return line.save(folder / f"{name}{suffix}", link)

        _add("whole-" + name, fault, primary, label, build)
        return draw

    return register


def _add(
    name: str, fault: str, primary: tuple[str, ...], label: Label, build: Callable[[Path], Path]
) -> None:
    assert name not in SCENES, f"two scenes are named {name}"
    SCENES[name] = Scene(
        name,
        fault,
        build,
        frozenset(primary),
        label.get("statuses", BAD if primary else WELL),
        label.get("vendor"),
        label.get("subject"),
        frozenset(label.get("also", ())),
        frozenset(label.get("never", ())),
    )
