"""The user at the browser: `python -m tests.lab.driver STEPS.json OUT.json`, run by the capture.

Debian's Chromium with a clean profile does a scene's steps, each waiting for what it is about
and not for a time. What the user saw is written to OUT.json. Through the capture's proxy when
there is one (`CHATPATH_PROXY`), else straight to the network.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from agent.browser import browser_arguments

LIMIT = 60.0
"""Seconds after which a user gives up on a step that says nothing else."""
PAGE = "https://chatgpt.com/"
_BOOTED = "window.demo && window.demo.seen.booted"
# name: what is to be true of the page
_UNTIL = {
    "reported": "!window.demo || window.demo.seen.elapsed_ms !== undefined",
    "booted": _BOOTED,
    "answering": "window.demo && window.demo.seen.turns.some((turn) => turn.events > 3)",
    "first-turn": "window.demo && window.demo.seen.turns.some((turn) => turn.complete)",
    "socket": "window.demo && window.demo.seen.websocket.opened > 0",
    "failed": "window.demo && window.demo.seen.errors.length > 0",
    "loaded": "document.readyState === 'complete'",
}
_WAIT = """async (limit) => {
  const end = performance.now() + limit * 1000;
  while (!(%s)) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}"""
_FETCH = """async ({ url, method, body, type, headers, limit }) => {
  const given = body === null ? {} : { body, headers: { "content-type": type, ...headers } };
  try {
    const answer = await fetch(url, {
      method, headers, ...given, signal: AbortSignal.timeout(limit * 1000),
    });
    const text = await answer.text();
    return { status: answer.status, length: text.length, text: text.slice(0, 2000) };
  } catch (error) {
    return { error: String(error) };
  }
}"""
_VOICE = """async ({ servers, limit }) => {
  const peer = new RTCPeerConnection({ iceServers: servers.map((urls) => ({ urls })) });
  peer.createDataChannel("oai-events");
  const found = [];
  const gathered = new Promise((resolve) => {
    peer.onicecandidate = ({ candidate }) => {
      if (candidate) found.push(candidate.type);
      else resolve();
    };
    setTimeout(resolve, limit * 1000);
  });
  const offer = await peer.createOffer();
  let status = null;
  try {
    const answer = await fetch("/realtime/vp?dcid=0", {
      method: "POST", headers: { "content-type": "application/sdp" }, body: offer.sdp,
    });
    status = answer.status;
  } catch (error) {
    status = String(error);
  }
  await peer.setLocalDescription(offer);
  await gathered;
  peer.close();
  return { status, candidates: found };
}"""
_TELEMETRY = """() => addEventListener("load", () => {
  if (location.host !== "chatgpt.com") return;
  for (const url of ["https://o33249.ingest.sentry.io/api/1/envelope/",
                     "https://rum.browser-intake-datadoghq.com/api/v2/rum"]) {
    fetch(url, { method: "POST", mode: "no-cors", body: "{}" }).catch(() => {});
  }
})"""


class User:
    """One user with one tab."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self._context = context
        self._page = page
        self.seen: list[dict[str, Any]] = []

    def do(self, step: dict[str, Any]) -> None:
        """One step; what came of it is added to `seen`, also when it failed."""
        options = {name: value for name, value in step.items() if name != "do"}
        began = time.monotonic()
        try:
            result = getattr(self, step["do"])(**options)
        except Error as error:
            result = {"error": error.message.splitlines()[0][:300]}
        result = {"step": step["do"], "seconds": round(time.monotonic() - began, 2), **result}
        self.seen.append(result)

    def open(
        self, url: str = PAGE, limit: float = LIMIT, until: str = "reported", tries: int = 1
    ) -> dict[str, Any]:
        """Open the page, again when it did not open at all, and wait for `until`."""
        for attempt in range(tries):
            try:
                self._page.goto(url, timeout=limit * 1000, wait_until="load")
                break
            except Error:
                if attempt == tries - 1:
                    raise
        return self._until(until, limit)

    def reload(self, limit: float = LIMIT, until: str = "reported") -> dict[str, Any]:
        """Press F5."""
        self._page.reload(timeout=limit * 1000, wait_until="load")
        return self._until(until, limit)

    def goto(self, url: str, limit: float = LIMIT) -> dict[str, Any]:
        """Go to another page and wait until it is loaded."""
        answer = self._page.goto(url, timeout=limit * 1000, wait_until="load")
        return {"status": answer.status if answer else None, "title": self._page.title()[:80]}

    def fetch(
        self,
        url: str,
        method: str = "GET",
        body: str | None = None,
        content: str = "application/json",
        headers: dict[str, str] | None = None,
        times: int = 1,
        gap: float = 0.0,
        limit: float = LIMIT,
    ) -> dict[str, Any]:
        """A request by the page's own script, `times` in a row and `gap` seconds apart."""
        asked = {
            "url": url, "method": method, "body": body, "type": content,
            "headers": headers or {}, "limit": limit,
        }  # fmt: skip
        answers = []
        for number in range(times):
            if number and gap:
                self._page.wait_for_timeout(gap * 1000)
            answers.append(self._page.evaluate(_FETCH, asked))
        return {"answers": answers[:20]}

    def upload(
        self,
        name: str = "report.csv",
        size: int = 20000,
        claim: int | None = None,
        limit: float = LIMIT,
    ) -> dict[str, Any]:
        """Upload a file as the web client does; `claim` is the size it states, if another."""
        asked = {"file_name": name, "file_size": claim or size, "use_case": "my_files"}
        first = self._fetch_json("/backend-api/files", "POST", asked, limit)
        if "upload_url" not in first["value"]:
            return first
        put = {
            "url": first["value"]["upload_url"], "method": "PUT", "body": "x" * size,
            "type": "text/csv", "headers": {"x-ms-blob-type": "BlockBlob"}, "limit": limit,
        }  # fmt: skip
        stored = self._page.evaluate(_FETCH, put)
        file = {"file_id": first["value"]["file_id"]}
        if stored.get("status") == 201:
            after = self._fetch_json(
                "/backend-api/files/process_upload_stream", "POST", file, limit
            )
        else:
            path = f"/backend-api/files/{file['file_id']}/upload-failed"
            after = self._fetch_json(path, "POST", {"error": "upload"}, limit)
        return {"stored": stored, "after": after}

    def download(self, limit: float = LIMIT) -> dict[str, Any]:
        """Download a file by its signed link."""
        first = self._fetch_json("/backend-api/files/download/file-lab", "GET", None, limit)
        link = first["value"].get("download_url")
        if not link:
            return first
        asked = {"url": link, "method": "GET", "body": None, "type": "", "headers": {}}
        return {"got": self._page.evaluate(_FETCH, {**asked, "limit": limit})}

    def voice(self, limit: float = 8.0) -> dict[str, Any]:
        """Start voice mode: the session over HTTPS, then STUN to two voice servers."""
        servers = [f"stun:{address}:3478" for address in ("20.162.96.163", "4.151.200.38")]
        found: dict[str, Any] = self._page.evaluate(_VOICE, {"servers": servers, "limit": limit})
        return found

    def wait(self, seconds: float) -> dict[str, Any]:
        """Read, think, or drink a coffee: time that the scene is about."""
        self._page.wait_for_timeout(seconds * 1000)
        return {}

    def command(self, argv: list[str], limit: float = LIMIT) -> dict[str, Any]:
        """Another program of the user, in the same environment."""
        try:
            done = subprocess.run(argv, capture_output=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return {"error": "took too long"}
        return {"status": done.returncode, "said": done.stderr.decode(errors="replace")[-300:]}

    def _until(self, until: str, limit: float) -> dict[str, Any]:
        # not wait_for_function: the page's own policy forbids what that does inside it
        reached = self._page.evaluate(_WAIT % _UNTIL[until], limit)
        demo = self._page.evaluate("window.demo ? window.demo.seen : null")
        text = self._page.evaluate("document.body ? document.body.innerText.slice(0, 300) : ''")
        return {"reached": reached, "page": demo, "text": None if demo else text}

    def _fetch_json(
        self, path: str, method: str, body: dict[str, Any] | None, limit: float
    ) -> dict[str, Any]:
        asked = {
            "url": path, "method": method, "type": "application/json", "headers": {},
            "body": None if body is None else json.dumps(body), "limit": limit,
        }  # fmt: skip
        answer: dict[str, Any] = self._page.evaluate(_FETCH, asked)
        value: Any = {}
        with contextlib.suppress(ValueError, TypeError):
            value = json.loads(answer.get("text", ""))
        return {"answer": answer, "value": value if isinstance(value, dict) else {}}


def arguments(plan: dict[str, Any], profile: Path) -> list[str]:
    """Chromium's command line for Playwright: the product's own, without what Playwright adds."""
    pins = [os.environ.get("CHATPATH_CA_SPKI"), plan["spki"]]
    made = browser_arguments(
        proxy=os.environ.get("CHATPATH_PROXY"),
        url="about:blank",
        ca_spki=",".join(pin for pin in pins if pin),
        headless=True,
        profile=profile,
        extensions=[Path(plan["extension"])] if plan["extension"] else [],
        extra_args=plan["arguments"],
    )
    return [item for item in made[:-1] if not item.startswith("--user-data-dir")]


def main() -> int:
    """Do all steps; 0 unless the browser itself could not be had."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = Path(sys.argv[2])
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        sync_playwright() as playwright,
    ):
        if plan["settings"]:
            Path(profile, "Local State").write_text(json.dumps(plan["settings"]))
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=plan["chromium"],
            headless=True,
            args=arguments(plan, Path(profile)),
            ignore_default_args=["--disable-extensions"],
        )
        page = context.pages[0] if context.pages else context.new_page()
        context.add_init_script(f"({_TELEMETRY})()")
        user = User(context, page)
        for step in plan["steps"]:
            user.do(step)
        out.write_text(json.dumps(user.seen, indent=1), encoding="utf-8")
        if plan["stay"]:
            # the user ends the capture first, and the browser later or never
            Path(plan["stay"]).touch()
            with contextlib.suppress(Error):
                page.wait_for_timeout(60_000)
        with contextlib.suppress(Error):
            context.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
