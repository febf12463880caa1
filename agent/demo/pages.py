"""The HTML document of the demo service and the hashed files it names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import jinja2

# In the order the document names them; `app` is the one that starts the session.
SCRIPTS = ("runtime", "report", "net", "delta", "stream", "updates", "composer", "app")
CHUNKS = ("markdown",)  # not in the document: imported when first needed
BLOCKED_SCRIPT = "composer"  # the script that the blocked-script scene takes away
BUILD = "prod-" + hashlib.sha1(b"chatpath demo", usedforsecurity=False).hexdigest()
BUILD_NUMBER = "7210438"
SENTINEL_PATH = "/sentinel/20261104d3f1/sdk.js"
JSD_PATH = "/cdn-cgi/challenge-platform/scripts/jsd/main.js"
STYLE_PATH = "/cdn/assets/root-d8k2m4qz.css"
SPRITES_PATH = "/cdn/assets/sprites-core-x7v0q1tb.svg"
_SPRITES = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    b'<circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" stroke-width="2"/></svg>'
)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file as it is served."""

    content_type: str
    body: bytes


def asset_path(name: str) -> str:
    """The URL path of a script: `/cdn/assets/<8 hex>-<16 base36>.js`, fixed for a release."""
    digest = hashlib.sha256(name.encode("ascii")).digest()
    tail = "".join(_BASE36[byte % 36] for byte in digest[4:20])
    return f"/cdn/assets/{digest[:4].hex()}-{tail}.js"


@cache
def assets() -> dict[str, Asset]:
    """Every static file of the service by its URL path."""
    names = (*SCRIPTS, *CHUNKS)
    served = {}
    for name in names:
        text = _read(f"{name}.js")
        for other in names:
            text = text.replace(f'"./{other}.js"', json.dumps(asset_path(other)))
        served[asset_path(name)] = _script(text)
    return served | {
        SENTINEL_PATH: _script(_read("sentinel.js")),
        JSD_PATH: _script(_read("jsd.js")),
        STYLE_PATH: Asset("text/css; charset=utf-8", _read("root.css").encode()),
        SPRITES_PATH: Asset("image/svg+xml", _SPRITES),
    }


def document(origins: dict[str, str], nonce: str) -> bytes:
    """The page; `origins` has the origin of each sub-service, under `ab`, `cdn` and `ws`."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_read("index.html.j2"))
    return template.render(
        build=BUILD,
        number=BUILD_NUMBER,
        nonce=nonce,
        origins=origins,
        style=STYLE_PATH,
        sprites=SPRITES_PATH,
        sentinel=SENTINEL_PATH,
        jsd=JSD_PATH,
        scripts=[asset_path(name) for name in SCRIPTS],
        chunk=asset_path(CHUNKS[0]),
    ).encode()


def content_security_policy(origins: dict[str, str], nonce: str) -> str:
    """The policy header of the page: what it may load and whom it may call."""
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; "
        f"style-src 'self'; img-src 'self' {origins['cdn']}; "
        f"connect-src 'self' {origins['ab']} {origins['ws']}; base-uri 'none'"
    )


def _script(text: str) -> Asset:
    return Asset("text/javascript; charset=utf-8", text.encode())


def _read(name: str) -> str:
    return files("agent.demo").joinpath("site", name).read_text(encoding="utf-8")
