"""``chatpath capture``: record a session on this machine."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.language import chosen, told
from analysis.model.message import say

if TYPE_CHECKING:
    from rich.console import Console

    from agent.capture.clients import Outcome
    from agent.capture.progress import Progress
    from agent.capture.session import Client, Running

DEFAULT_URL = "https://chatgpt.com/"
DEFAULT_LISTEN = "127.0.0.1:8080"


class Mode(StrEnum):
    PROXY = "proxy"
    PASSIVE = "passive"


class Bodies(StrEnum):
    NONE = "none"
    REDACTED = "redacted"
    FULL = "full"


_CONSENT = (
    say("chatpath records this machine's traffic with ChatGPT until you stop it:"),
    say(
        "  - addresses, sizes, times and states of requests, streams and websockets\n"
        "    to OpenAI's hosts;"
    ),
    say(
        "  - the machine's name lookups, connection set-ups and TLS handshakes,\n"
        "    to any host, where the right to sniff is given;"
    ),
    say("  - operating system, interfaces, resolvers, proxies, VPN and security programs."),
    say(
        "It opens the TLS of OpenAI's hosts alone. Cookies, tokens, prompts and answers\n"
        "are not kept. Everything stays in the bundle on this machine.\n"
        "The person at this machine must agree."
    ),
)

_FULL = say(
    "With --bodies full, answers of the service are kept in clear in the bundle: do not share it."
)


def capture(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- CMD ...]", help="Command to run through the capture."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="BUNDLE", help="Folder of the bundle.")
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="proxy: proxy and packets; passive: packets alone.")
    ] = Mode.PROXY,
    browser: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Browser to open with the capture: chromium, chrome, edge, brave, or none.",
        ),
    ] = "none",
    url: Annotated[str, typer.Option(help="Page that the browser opens.")] = DEFAULT_URL,
    interface: Annotated[
        list[str] | None,
        typer.Option(metavar="IF", help="Interface to sample; may be given more than once."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the proxy listens; port 0 takes any.")
    ] = DEFAULT_LISTEN,
    duration: Annotated[
        float | None, typer.Option(metavar="S", min=0.1, help="Stop after so many seconds.")
    ] = None,
    bodies: Annotated[
        Bodies, typer.Option(help="What to keep of the service's answers.")
    ] = Bodies.REDACTED,
    trust_ca: Annotated[
        list[Path] | None,
        typer.Option(metavar="PEM", help="Further CA file to trust, such as the company's own."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="The person at this machine has agreed.")
    ] = False,
) -> None:
    """Record a session until Ctrl-C, --duration, or the end of the command.

    The exit code is that of the diagnosis: 0 no problem, 1 problem found, 4 not enough seen.
    """
    import sys
    from datetime import datetime

    from rich.console import Console

    from agent.capture.clients import Outcome
    from agent.capture.progress import Progress
    from agent.capture.session import CaptureSettings
    from agent.capture.session import capture as record
    from agent.cli.common import OutputFormat, exit_code, print_diagnosis, read_and_diagnose

    console = Console(stderr=True, highlight=False)
    _ask_consent(console, full=bodies is Bodies.FULL, yes=yes)
    progress = Progress()
    outcome = Outcome()
    client = _client(command, browser, url, duration, outcome)
    settings = CaptureSettings(
        out=out or Path(datetime.now().strftime("chatpath-%Y%m%d-%H%M%S.chatpath")),
        mode=mode.value,
        listen=_address(listen),
        bodies=bodies.value,
        interfaces=tuple(interface) if interface else None,
        roots=tuple(trust_ca or ()),
        ca_folder=Path.home() / ".chatpath" / "ca",
    )
    typed = sys.stdin.isatty() and not command
    by_hand = browser == "none" and not command
    bundle = record(
        settings, _watched(client, console, progress, typed=typed, by_hand=by_hand), progress
    )
    if outcome.status:
        ended = say("The command ended with status {status}.", status=str(outcome.status))
        console.print(told(ended), markup=False)
    _, diagnosis = read_and_diagnose([bundle])
    print_diagnosis(diagnosis, OutputFormat.TEXT, chosen(None))
    place = told(say("Bundle: {folder}", folder=str(bundle)))
    console.print(place, markup=False, soft_wrap=True)
    command_line = f"chatpath report {bundle} -o report.html"
    place = told(say("Report: {command}", command=command_line))
    console.print(place, markup=False, soft_wrap=True)
    raise typer.Exit(exit_code(diagnosis))


def _ask_consent(console: Console, *, full: bool, yes: bool) -> None:
    import sys

    from analysis.model.errors import UsageError

    console.print("\n".join(told(part) for part in _CONSENT), markup=False)
    if full:
        console.print(told(_FULL), style="bold yellow", markup=False)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(say("Nobody can be asked here; add --yes when the person has agreed."))
    if not typer.confirm(told(say("Record now?")), err=True):
        raise typer.Exit(2)


def _address(text: str) -> tuple[str, int]:
    from analysis.model.errors import UsageError

    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(
            say(
                "{text} is no HOST:PORT; write for example --listen {example}.",
                text=repr(text),
                example=DEFAULT_LISTEN,
            )
        )
    return host.strip("[]"), int(port)


def _client(
    command: list[str] | None,
    browser: str,
    url: str,
    duration: float | None,
    outcome: Outcome,
) -> Client:
    from agent.browser import find_browsers
    from agent.capture.clients import for_a_time, with_browser, with_command
    from analysis.model.errors import UsageError

    if command:
        return with_command(command, duration, outcome)
    if browser == "none":
        return for_a_time(duration)
    found = {item.name: item for item in find_browsers()}
    if browser not in found:
        names = ", ".join(found) or say("none")
        raise UsageError(
            say(
                "There is no browser {browser} here (found: {names}); use --browser none and "
                "set the proxy in your browser yourself.",
                browser=repr(browser),
                names=names,
            )
        )
    return with_browser(found[browser], url, duration)


def _watched(
    client: Client, console: Console, progress: Progress, *, typed: bool, by_hand: bool
) -> Client:
    """The client with a live status line, and with remarks typed by the person."""

    async def watched(running: Running) -> None:
        import asyncio

        _announce(console, running, typed=typed, by_hand=by_hand)
        status = asyncio.create_task(_show(console, progress))
        stop_typing = _take_remarks(running, console) if typed else None
        try:
            await client(running)
        finally:
            status.cancel()
            if stop_typing is not None:
                stop_typing()

    return watched


def _announce(console: Console, running: Running, *, typed: bool, by_hand: bool) -> None:
    if running.proxy_url:
        console.print(f"Proxy: {running.proxy_url}   CA: {running.ca_file}", markup=False)
    if running.upstream:
        way = say("Through the network's proxy {proxy}", proxy=str(running.upstream))
        console.print(told(way), markup=False)
    if running.packets_reason:
        none = say("No packets: {reason}.", reason=running.packets_reason)
        console.print(told(none), markup=False)
    if by_hand and running.proxy_url:
        console.print(
            told(say("Set this proxy in your browser, and let it trust the CA for this time."))
        )
    if typed:
        console.print(
            told(say("Type a remark and Enter to mark a moment. Ctrl-C ends the recording."))
        )


async def _show(console: Console, progress: Progress) -> None:
    import asyncio

    from rich.text import Text

    if not console.is_terminal:
        return
    with console.status(Text(progress.line())) as status:
        while True:
            await asyncio.sleep(0.5)
            status.update(Text(progress.line()))


def _take_remarks(running: Running, console: Console) -> Callable[[], object]:
    """Read lines from the terminal as markers; returns what ends the reading."""
    import asyncio
    import sys

    loop = asyncio.get_running_loop()

    def take() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(sys.stdin)
        elif line.strip():
            running.mark(line.strip())
            console.print(told(say("Marked.")))

    try:
        loop.add_reader(sys.stdin, take)
    except (NotImplementedError, PermissionError):
        return lambda: None  # Windows' loop cannot watch the console
    return lambda: loop.remove_reader(sys.stdin)
