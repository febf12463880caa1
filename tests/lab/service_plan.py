"""What the service does in a scene: the keys of `[scene.service]`, checked."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

_ACTIONS = ("answer", "pass", "hang", "reset", "cut")
_TOKEN = re.compile(r"@(iso|unix|ray)(?:\(([+-]?\d+)\))?@")


class PlanError(ValueError):
    """A scene that says something which the lab does not know; the text names it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that is not answered as usual: the first rule that fits is taken.

    `host` and `path` are glob patterns. The rule passes over its first `skip` requests and acts
    on the `times` after them (None: on all). `do`: "answer" with `status`, `type`, `headers` and
    `body`; "pass" on to the usual answer, after `delay` seconds; "hang" without one; "reset" the
    connection; "cut" it after `body`, whose length is given as `length`. `edge` adds the edge's
    own headers. In `body`, `@iso(+300)@` and `@unix(-60)@` stand for a time that many seconds
    from now, `@ray@` for a ray id; it is sent `repeat` times over.
    """

    path: str
    host: str = "*"
    method: str = "*"
    skip: int = 0
    times: int | None = None
    do: str = "answer"
    delay: float = 0.0
    status: int = 200
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"
    length: int = 0
    repeat: int = 1
    edge: bool = True

    def __post_init__(self) -> None:
        if self.do not in _ACTIONS:
            raise PlanError(f"answer.do is {self.do!r}, not one of {', '.join(_ACTIONS)}")

    def fits(self, method: str, host: str, path: str) -> bool:
        return (
            self.method in {"*", method}
            and fnmatchcase(host, self.host)
            and fnmatchcase(path, self.path)
        )

    def text(self) -> str:
        """The body with its times filled in, as often as it is sent."""

        def fill(match: re.Match[str]) -> str:
            moment = time.time() + int(match[2] or 0)
            if match[1] == "iso":
                return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            if match[1] == "unix":
                return str(int(moment))
            return f"{int(moment * 1000):016x}"[-16:]

        return _TOKEN.sub(fill, self.body) * self.repeat


@dataclass(frozen=True, slots=True)
class Stream:
    """Faults of the event stream of inline turn number `turn` (0: of every one).

    `pause` seconds before event `pause_at`; `hold_first` keeps event 1 until event 2; `buffer`
    sends all at the end with a length; `cut_at` ends the stream after so many events, with a
    reset or, with `clean`, with its proper end; `error_at` puts the service's own error there.
    """

    turn: int = 0
    pause_at: int = 3
    pause: float = 0.0
    hold_first: bool = False
    buffer: bool = False
    cut_at: int | None = None
    clean: bool = False
    error_at: int | None = None


@dataclass(frozen=True, slots=True)
class Socket:
    """Faults of the websocket.

    `refuse` answers the upgrade with that status; `hang` never answers it; `reset` resets it.
    `drop_after` live items the transport is cut, once or `always`. After `silent_after` items
    nothing more is sent; after `close_after` items it is closed with `code` and `reason`. Items
    in `skip` are lost. `pause` seconds pass before the first item, as with a thinking model.
    """

    refuse: int | None = None
    body: str = ""
    edge: bool = True
    hang: bool = False
    reset: bool = False
    drop_after: int | None = None
    always: bool = True
    silent_after: int | None = None
    close_after: int | None = None
    code: int = 1000
    reason: str = ""
    skip: tuple[int, ...] = ()
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The service of one scene; an empty plan is a healthy service.

    `turns` says how each turn is answered ("inline" or "handoff"), the last for all later ones.
    `http3` offers HTTP/3. `signed_in` false is a guest. `stale` serves a page of an older release,
    one of whose files is gone. `cookies` are set with the page (count, bytes each); a request
    with more than `cookie_limit` bytes of them is refused as by the edge. `link_age` is how long
    ago, in seconds, links to files ended (negative: they end then). `slow` are seconds before
    every dynamic answer. `voice` answers STUN on the voice addresses. `trace` replaces lines of
    `/cdn-cgi/trace`. `indicator` is the status page's, `component` what it names as failing.
    `clock` is how many seconds its clock is ahead of the machine's. `policy` are two texts: the
    first is replaced by the second in the page's Content-Security-Policy.
    """

    answer: tuple[Answer, ...] = ()
    stream: Stream = Stream()
    socket: Socket = Socket()
    turns: tuple[str, ...] = ("inline", "handoff")
    http3: bool = False
    signed_in: bool = True
    stale: bool = False
    cookies: tuple[int, int] = (0, 0)
    cookie_limit: int = 16384
    link_age: float = -300.0
    slow: float = 0.0
    voice: bool = True
    trace: dict[str, str] = field(default_factory=dict)
    indicator: str = "none"
    component: str = "Conversations"
    answer_words: int = 0
    clock: float = 0.0
    policy: tuple[str, str] = ("", "")

    @classmethod
    def parse(cls, table: dict[str, Any]) -> ServicePlan:
        """The plan of a TOML table. Raises PlanError naming what is wrong."""
        table = dict(table)
        answers = tuple(build(Answer, item, "service.answer") for item in table.pop("answer", []))
        stream = build(Stream, table.pop("stream", {}), "service.stream")
        socket = build(Socket, table.pop("socket", {}), "service.socket")
        return build(
            cls, {**table, "answer": answers, "stream": stream, "socket": socket}, "service"
        )


def build[T](kind: type[T], table: dict[str, Any], where: str) -> T:
    """An instance of a dataclass from a TOML table, its keys and their types checked."""
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise PlanError(f"{where} has no key {unknown[0]!r}; it knows {', '.join(known)}")
    values = {}
    for name, value in table.items():
        if isinstance(value, list):
            value = tuple(value)  # noqa: PLW2901
        expected = str(known[name].type).partition("[")[0].replace(" | None", "")
        allowed = {"float": (int, float)}.get(expected) or _BUILTIN.get(expected)
        if allowed is not None and (
            not isinstance(value, allowed) or (isinstance(value, bool) and expected != "bool")
        ):
            raise PlanError(f"{where}.{name} is {value!r}, but must be of type {expected}")
        values[name] = value
    try:
        return kind(**values)
    except TypeError as error:
        raise PlanError(f"{where}: {error}".replace(f"{kind.__name__}.__init__() ", "")) from None


_BUILTIN: dict[str, Any] = {"str": str, "int": int, "bool": bool, "tuple": tuple, "dict": dict}
