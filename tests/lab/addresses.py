"""Who has which address in the lab: the real names of the service, in its real ranges.

Sources: DNS answers seen in the field (Cloudflare ranges, 2026), OpenAI's published voice
addresses (edition of 2026-03-26), Azure storage ranges for files. The client's and the
resolver's addresses are of an Indonesian access provider's kind.
"""

from __future__ import annotations

CLIENT = ("192.168.77.20", "2001:448a:2000:77::20")
CLIENT_GATEWAY = ("192.168.77.1", "2001:448a:2000:77::1")
RESOLVER = ("202.134.0.155", "2001:448a:ffff::155")
"""What the client's resolv.conf names (version 4 alone)."""
PUBLIC_RESOLVERS = ("9.9.9.9", "8.8.8.8", "1.1.1.1")
"""Further addresses in the resolver's namespace, for clients that ask another resolver."""
TUNNEL = ("45.83.220.10", "2a0d:5600:24::10")
"""The far end of a tunnel as the internet sees it."""
PROXY = "10.20.30.40"
"""A company's proxy host, in the tunnel's namespace."""

_CHATGPT = ("104.18.32.47", "172.64.155.209", "2606:4700:4400::6812:202f")
_WEBSOCKET = ("104.18.39.21", "172.64.148.235", "2606:4700:4400::6812:2715")
_OPENAI = ("104.18.41.158", "172.64.146.98", "2606:4700:4400::6812:299e")
_FILES = ("20.60.135.4",)
_VOICE = ("20.162.96.163", "4.151.200.38")
_API = ("162.159.140.245", "172.66.0.243", "2606:4700:7::a29f:8cf5")

ZONE: dict[str, tuple[str, ...]] = {
    "chatgpt.com": _CHATGPT,
    "www.chatgpt.com": _CHATGPT,
    "ab.chatgpt.com": _CHATGPT,
    "ws.chatgpt.com": _WEBSOCKET,
    "chat.openai.com": _OPENAI,
    "openai.com": _OPENAI,
    "auth.openai.com": _OPENAI,
    "sentinel.openai.com": _OPENAI,
    "status.openai.com": _OPENAI,
    "api.openai.com": _API,
    "auth-cdn.oaistatic.com": ("104.18.37.228", "172.64.150.28"),
    "cdn.oaistatic.com": ("104.18.37.228", "172.64.150.28"),
    "persistent.oaistatic.com": ("104.18.37.228", "172.64.150.28"),
    "challenges.cloudflare.com": ("104.18.94.41", "104.18.95.41"),
    "files.oaiusercontent.com": _FILES,
    "sdmntprsoutheastasia.oaiusercontent.com": _FILES,
    "voice.chatgpt.com": _VOICE,
    "api.oaistatsig.com": ("34.128.128.0",),
    "o33249.ingest.sentry.io": ("34.120.195.249",),
    "rum.browser-intake-datadoghq.com": ("3.233.158.25",),
    "dns.google": ("8.8.4.4",),
    "www.example.org": ("93.184.216.34",),
    "intranet.example.org": ("93.184.216.35",),
}
"""The true answers: name to its addresses of both versions."""


def service_addresses() -> tuple[str, ...]:
    """Every address that the service's namespace has, in a fixed order."""
    return tuple(dict.fromkeys(address for answer in ZONE.values() for address in answer))
