"""One request of the browser while its events come in."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.knowledge.secrets import redact_text
from analysis.read import fields
from analysis.read.exchange import Exchange
from analysis.read.netlog.events import Event
from analysis.read.netlog.headers import read_request_headers, read_response_headers
from analysis.read.sockets import SocketEnd
from analysis.read.streams import StreamFacts


@dataclass(slots=True)
class Request:
    """What is known of a request so far; `hop` counts the addresses it was led to."""

    exchange: Exchange
    hop: int = 1
    destination: str | None = None
    sent: bool = False
    cached: bool = False
    upgraded: bool = False
    blocker: str | None = None
    channel: int | None = None
    frames: list[dict[str, object]] = field(default_factory=list)
    end: SocketEnd | None = None
    stream: StreamFacts = field(default_factory=StreamFacts)
    body: bytearray = field(default_factory=bytearray)
    octets: int = 0


def address_of(event: Event) -> str:
    """The address; of a data: or blob: one, which carries content, only the scheme."""
    url = fields.text(event.params, "url", 16_384) or ""
    scheme = url[:40].partition(":")[0].lower()
    return f"{scheme}:" if scheme in {"data", "blob", "javascript"} else url


def take_upload(request: Request, event: Event) -> None:
    size = fields.whole(event.params, "total_size")
    if event.ends and size is not None and 0 <= size < 2**40:
        request.exchange.request_bytes = size


def take_sending(request: Request, event: Event) -> None:
    request.sent = True
    if event.ends:
        request.exchange.request_end = event.time


def take_request_headers(request: Request, event: Event) -> None:
    request.sent = True
    read_request_headers(request.exchange, event)


def take_response_headers(request: Request, event: Event) -> None:
    request.exchange.response_start = event.time
    read_response_headers(request.exchange, event)


def take_cache(request: Request, event: Event) -> None:
    """An entry that was opened; one that was created holds nothing yet."""
    if event.ends and event.params.get("net_error") is None:
        opened = event.params.get("result")
        request.cached = opened == "opened" or (
            opened is None and event.kind.endswith("OPEN_ENTRY")
        )


def take_delegate(request: Request, event: Event) -> None:
    """Who in the browser held the request up, such as an extension by its name."""
    if name := fields.text(event.params, "delegate_blocked_by", 200):
        request.blocker = redact_text(name, 80)
