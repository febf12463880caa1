"""The network's own proxy, through which the capture must go as the browser would."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from agent.capture.host import bare_proxy
from agent.capture.socks import SocksProxy
from analysis.model.errors import UsageError
from analysis.model.message import say

SERVICE = "chatgpt.com"
_HTTP = ("http://", "https://")
_SOCKS5 = ("socks5://", "socks5h://", "socks://")


@dataclass(frozen=True, slots=True)
class NetworkProxy:
    """`url` without its login; `login` as ``user:password``, never shown or written.

    `socks` says how to ask it, where it is a SOCKS proxy.
    """

    url: str
    login: str | None = field(default=None, repr=False)
    socks: SocksProxy | None = None


def network_proxy() -> NetworkProxy | None:
    """The proxy that this machine uses for ChatGPT: environment, Windows or macOS settings.

    ALL_PROXY stands for what has no variable of its own, as curl and Chromium take it.

    Raises UsageError for a kind of proxy that the capture cannot go through.
    """
    if urllib.request.proxy_bypass(SERVICE):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get("https") or proxies.get("all") or ""
    if not address:
        return None
    url = bare_proxy(address)
    if not url.startswith((*_HTTP, *_SOCKS5)):
        raise UsageError(
            say(
                "The network's proxy {settings} is neither an HTTP nor a SOCKS5 proxy, so the "
                "capture cannot go through it; capture with --mode passive, or unset it for this "
                "run.",
                settings=str(url or "in the settings"),
            )
        )
    parts = urlsplit(address if "://" in address else f"http://{address}")
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    if url.startswith(_SOCKS5):
        place = urlsplit(url)
        assert place.hostname is not None
        assert place.port is not None
        return NetworkProxy(url, socks=SocksProxy(place.hostname, place.port, login))
    return NetworkProxy(url, ":".join(login) if login else None)
