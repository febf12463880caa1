"""The scenes of `chatpath demo`: what is broken in each and what the diagnosis must say."""

from __future__ import annotations

from dataclasses import dataclass

from agent.demo.app import Faults
from agent.demo.pages import BLOCKED_SCRIPT, asset_path
from agent.demo.resolver import Action, Policy


@dataclass(frozen=True, slots=True)
class Scene:
    """One reproducible situation with a known true cause.

    `expected` are the finding ids of which one must be primary (none for a healthy scene) and
    `statuses` the verdicts that are right. `policy` is the filter in the resolver, `delay` is in
    seconds per direction, `blocked_scripts` are URL paths that an extension takes away.
    """

    name: str
    title: str
    broken: str
    expected: tuple[str, ...]
    statuses: tuple[str, ...]
    policy: tuple[tuple[str, Policy], ...] = ()
    delay: float = 0.0
    blocked_scripts: tuple[str, ...] = ()
    faults: Faults | None = None


SCENES = (
    Scene(
        name="dns-filter",
        title="A DNS filter blocks the websocket's name",
        broken="The resolver answers 0.0.0.0 for ws.chatgpt.com, as Pi-hole does.",
        expected=("dns.sinkhole",),
        statuses=("blocked", "impaired"),
        policy=(("ws.chatgpt.com", Policy(Action.SINKHOLE)),),
    ),
    Scene(
        name="vpn-latency",
        title="A tunnel makes everything slow",
        broken="TCP is accepted next door, but all data takes 150 ms more each way.",
        expected=("vpn.latency",),
        statuses=("impaired",),
        delay=0.15,
    ),
    Scene(
        name="blocked-script",
        title="A browser extension blocks a script",
        broken="One script that the page names never leaves the browser.",
        expected=("script.blocked_by_extension",),
        statuses=("blocked", "impaired"),
        blocked_scripts=(asset_path(BLOCKED_SCRIPT),),
    ),
    Scene(
        name="dropped-websocket",
        title="The websocket is cut in mid-answer",
        broken="The connection below the websocket is reset; no close frame is sent.",
        expected=("ws.dropped",),
        statuses=("blocked", "impaired"),
        faults=Faults(drop_websocket_after=7),
    ),
    Scene(
        name="healthy",
        title="Nothing is broken",
        broken="Nothing.",
        expected=(),
        statuses=("ok",),
    ),
)


def scene_named(name: str) -> Scene:
    """The scene of that name; KeyError when there is none."""
    return {scene.name: scene for scene in SCENES}[name]
