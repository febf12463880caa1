"""The network's own proxy, through which the capture must go as the browser would."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from agent.capture.host import bare_proxy
from analysis.model.errors import UsageError
from analysis.model.message import say

SERVICE = "chatgpt.com"


@dataclass(frozen=True, slots=True)
class NetworkProxy:
    """`url` without its login; `login` as ``user:password``, never shown or written."""

    url: str
    login: str | None = field(default=None, repr=False)


def network_proxy() -> NetworkProxy | None:
    """The proxy that this machine uses for ChatGPT: environment, Windows or macOS settings.

    Raises UsageError for a kind of proxy that the capture cannot go through.
    """
    if urllib.request.proxy_bypass(SERVICE):
        return None
    address = urllib.request.getproxies().get("https", "")
    if not address:
        return None
    url = bare_proxy(address)
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            say(
                "The network's proxy {settings} is no HTTP proxy, so the capture cannot go "
                "through it; capture with --mode passive, or unset it for this run.",
                settings=str(url or "in the settings"),
            )
        )
    parts = urlsplit(address if "://" in address else f"http://{address}")
    login = None
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return NetworkProxy(url, login)
