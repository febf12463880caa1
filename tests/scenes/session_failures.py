"""How each recorder words the failures of a request."""

from __future__ import annotations

# word: Chromium's net error, WebKit's sentence, mitmproxy's sentence
WORDS: dict[str, tuple[str, str, str]] = {
    "name": (
        "net::ERR_NAME_NOT_RESOLVED",
        "A server with the specified hostname could not be found.",
        "[Errno -2] Name or service not known",
    ),
    "refused": (
        "net::ERR_CONNECTION_REFUSED",
        "Could not connect to the server.",
        "[Errno 111] Connect call failed ('{peer}', 443)",
    ),
    "timeout": (
        "net::ERR_CONNECTION_TIMED_OUT",
        "The request timed out.",
        "[Errno 110] Connect call failed ('{peer}', 443)",
    ),
    "reset": (
        "net::ERR_CONNECTION_RESET",
        "The network connection was lost.",
        "[Errno 104] Connection reset by peer",
    ),
    "closed": (
        "net::ERR_CONNECTION_CLOSED",
        "The network connection was lost.",
        "server closed connection",
    ),
    "h2": (
        "net::ERR_HTTP2_PROTOCOL_ERROR",
        "The network connection was lost.",
        "HTTP/2 connection closed: <ConnectionTerminated error_code:2, last_stream_id:1>",
    ),
    "incomplete": (
        "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
        "The network connection was lost.",
        "peer closed connection",
    ),
    "aborted": ("net::ERR_ABORTED", "Load request cancelled", "Client disconnected."),
    "client-blocked": (
        "net::ERR_BLOCKED_BY_CLIENT",
        "The URL was blocked by a content blocker",
        "",
    ),
    "policy": ("net::ERR_BLOCKED_BY_ADMINISTRATOR", "", ""),
    "csp": (
        "net::ERR_BLOCKED_BY_CSP",
        "Refused to load because of the Content Security Policy",
        "",
    ),
    "authority": (
        "net::ERR_CERT_AUTHORITY_INVALID",
        "The certificate for this server is invalid.",
        "Certificate verify failed: unable to get local issuer certificate",
    ),
    "expired": (
        "net::ERR_CERT_DATE_INVALID",
        "The certificate for this server has expired.",
        "Certificate verify failed: certificate has expired",
    ),
    "changed": ("net::ERR_NETWORK_CHANGED", "The network connection was lost.", ""),
    "offline": (
        "net::ERR_INTERNET_DISCONNECTED",
        "The Internet connection appears to be offline.",
        "[Errno 101] Network is unreachable",
    ),
    "proxy": (
        "net::ERR_PROXY_CONNECTION_FAILED",
        "There was a problem communicating with the web proxy server.",
        "[Errno 111] Connect call failed ('{peer}', 3128)",
    ),
    "tunnel": (
        "net::ERR_TUNNEL_CONNECTION_FAILED",
        "There was a problem communicating with the secure web proxy server.",
        "Upstream proxy {peer} refused HTTP CONNECT request: 403 Forbidden",
    ),
    "tunnel-407": (
        "net::ERR_TUNNEL_CONNECTION_FAILED",
        "There was a problem communicating with the secure web proxy server.",
        "Upstream proxy {peer} refused HTTP CONNECT request: 407 Proxy Authentication Required",
    ),
    "tls": (
        "net::ERR_SSL_PROTOCOL_ERROR",
        "An SSL error has occurred and a secure connection to the server cannot be made.",
        "OpenSSL Error([('SSL routines', '', 'sslv3 alert handshake failure')])",
    ),
    "integrity": ("net::ERR_FAILED", "", ""),
    "quic": ("net::ERR_QUIC_PROTOCOL_ERROR", "The network connection was lost.", ""),
}


def chrome(word: str) -> str:
    return WORDS[word][0]


def safari(word: str) -> str:
    return WORDS[word][1]


def mitmproxy(word: str, peer: str | None) -> str:
    return WORDS[word][2].format(peer=peer)
