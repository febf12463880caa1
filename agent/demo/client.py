"""The built-in client: the page's requests, for machines without a Chromium-family browser.

It goes through an HTTP proxy with CONNECT and speaks HTTP/1.1. What it reports has the same
fields as the page's own report.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from agent.demo.client_socket import SocketClosedError, UpdatesClient

NETWORK_ERROR = "A network error occurred. Please check your connection and try again."
PREPARING_ERROR = "There was a problem preparing your chat."
_TIMEOUT = 15.0  # seconds without a byte
_PARALLEL = 4  # connections used for scripts and boot calls, as a browser does over HTTP/1.1
_ATTEMPTS = 3
_MAX_BODY = 4 << 20
_REQUIREMENTS = "/backend-api/sentinel/chat-requirements"
_FAILURES = (OSError, http.client.HTTPException, ValueError, KeyError, SocketClosedError)


def run_client(
    proxy: tuple[str, int],
    ca_file: Path,
    base_url: str,
    skip: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Do the page's whole session and return what was seen.

    `ca_file` is the authority to trust (a mitmproxy's own, when that is the proxy). Scripts whose
    path is in `skip` are not asked for, as a browser extension would have it.
    """
    return _Session(proxy, ca_file, base_url, skip).run()


class _Session:
    def __init__(
        self, proxy: tuple[str, int], ca_file: Path, base_url: str, skip: frozenset[str]
    ) -> None:
        self._http = _Http(proxy, ssl.create_default_context(cafile=str(ca_file)), base_url)
        self._pool = ThreadPoolExecutor(_PARALLEL)
        self._skip = skip
        self._seen: dict[str, Any] = {
            "client": "builtin",
            "ok": False,
            "errors": [],
            "scripts": {"named": 0, "missing": []},
            "turns": [],
            "websocket": {"opened": 0, "items": 0, "closes": []},
            "sse_arrivals_ms": [],
        }
        self._updates: UpdatesClient | None = None

    def run(self) -> dict[str, Any]:
        started = time.monotonic()
        sentence = NETWORK_ERROR
        try:
            document = self._load_page()
            self._boot(document)
            sentence = PREPARING_ERROR
            if self._seen["scripts"]["missing"]:
                raise ValueError("a script that the page needs is missing")
            sentence = NETWORK_ERROR
            self._turn("Say something.")
            self._http.get(document.chunk)
            self._turn("Think about it, then say more.")
            self._seen["ok"] = True
        except _FAILURES as error:
            self._seen["cause"] = f"{type(error).__name__}: {error}"
            self._seen["errors"].append(sentence)
        if self._updates is not None:
            self._updates.close()
        self._seen["elapsed_ms"] = round((time.monotonic() - started) * 1000)
        self._pool.shutdown()
        self._optional("POST", "/demo/done", self._seen)
        self._http.close()
        return self._seen

    def _load_page(self) -> _Document:
        document = _Document()
        document.feed(self._http.get("/").decode("utf-8", "replace"))
        scripts = self._seen["scripts"]
        scripts["named"] = len(document.scripts)
        wanted = [path for path in document.scripts if path not in self._skip]
        scripts["missing"] += [path for path in document.scripts if path in self._skip]
        loaded = self._pool.map(self._try_get, [*wanted, *document.others])
        scripts["missing"] += [path for path, good in zip(wanted, loaded, strict=False) if not good]
        return document

    def _boot(self, document: _Document) -> None:
        session = json.loads(self._http.get("/api/auth/session"))
        self._http.headers["Authorization"] = f"Bearer {session['accessToken']}"
        pool = self._pool
        needed = [
            pool.submit(self._http.get, path)
            for path in (
                "/backend-api/me",
                "/backend-api/models?history_and_training_disabled=false",
                "/backend-api/settings/user",
                "/backend-api/conversations?offset=0&limit=28&order=updated",
            )
        ]
        needed.append(pool.submit(self._http.post, "/backend-api/conversation/init", {}))
        pool.submit(self._optional, "POST", document.bootstrap["ab"] + "/v1/initialize", {})
        pool.submit(self._optional, "POST", "/ces/v1/t", {"event": "page_load"})
        pool.submit(self._optional, "GET", "/cdn-cgi/trace", None)
        try:
            self._open_socket()
        except _FAILURES:
            self._updates = None  # tried again when an answer is handed over
        for call in needed:
            call.result()

    def _turn(self, prompt: str) -> None:
        challenge = json.loads(self._http.post(f"{_REQUIREMENTS}/prepare", {}))
        token = json.loads(
            self._http.post(
                f"{_REQUIREMENTS}/finalize", {"prepare_token": challenge["prepare_token"]}
            )
        )["token"]
        conduit = json.loads(self._http.post("/backend-api/f/conversation/prepare", {}))
        self._pool.submit(self._optional, "POST", "/backend-api/sentinel/ping", {})
        record: dict[str, Any] = {"transport": "sse", "complete": False, "events": 0, "text": ""}
        self._seen["turns"].append(record)
        first = len(self._seen["turns"]) == 1
        answer = _Answer(record)
        message = {"author": {"role": "user"}, "content": {"parts": [prompt]}}
        for frame in self._http.events(
            "/backend-api/f/conversation",
            {"action": "next", "messages": [message]},
            {
                "Accept": "text/event-stream",
                "X-Conduit-Token": conduit["conduit_token"],
                "OpenAI-Sentinel-Chat-Requirements-Token": token,
            },
        ):
            if first:
                self._seen["sse_arrivals_ms"].append(time.time() * 1000)
            answer.take(frame)
        if answer.hand_off is not None:
            record["transport"] = "websocket"
            self._follow(answer.hand_off, answer)
        if not record["complete"]:
            raise ValueError("the answer ended early")

    def _follow(self, hand_off: dict[str, Any], answer: _Answer) -> None:
        topic = hand_off["options"][0]["topic_id"]
        known: set[str] = set()
        websocket = self._seen["websocket"]
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                updates = self._updates or self._open_socket()
                for number, frame in updates.follow(topic, offset=len(known)):
                    if number not in known:
                        known.add(number)
                        websocket["items"] += 1
                        answer.take(frame)
                return
            except (OSError, SocketClosedError, ValueError, KeyError) as error:
                code = getattr(error, "code", 1006)
                websocket["closes"].append({"code": code, "was_clean": code != 1006})
                self._updates = None
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(0.15 * attempt)
                conversation = hand_off["conversation_id"]
                self._http.get(f"/backend-api/conversation/{conversation}/stream_status")

    def _open_socket(self) -> UpdatesClient:
        reply = json.loads(self._http.get("/backend-api/celsius/ws/user"))
        url = reply["websocket_url"]
        stream = self._http.tunnel(url)
        self._updates = UpdatesClient(stream, url)
        self._seen["websocket"]["opened"] += 1
        return self._updates

    def _try_get(self, url: str) -> bool:
        try:
            self._http.get(url)
        except _FAILURES:
            return False
        return True

    def _optional(self, method: str, url: str, body: Any) -> None:
        """A call whose failure the page does not mind."""
        try:
            self._http.request(method, url, body)
        except _FAILURES as error:
            self._seen.setdefault("unimportant", []).append(f"{urlsplit(url).path}: {error}")


class _Http:
    """Requests through the proxy; each thread keeps one connection per origin."""

    def __init__(self, proxy: tuple[str, int], context: ssl.SSLContext, base_url: str) -> None:
        self._proxy = proxy
        self._context = context
        self._base = base_url
        self._local = threading.local()
        self._all: list[http.client.HTTPSConnection] = []
        self._cookie = ""
        self.headers = {
            "User-Agent": "chatpath-demo-client",
            "OAI-Device-Id": str(uuid.uuid4()),
            "OAI-Language": "en-US",
        }

    def get(self, url: str) -> bytes:
        return self.request("GET", url, None)

    def post(self, url: str, body: Any) -> bytes:
        return self.request("POST", url, body)

    def request(self, method: str, url: str, body: Any) -> bytes:
        response = self._send(method, url, body, {})
        data = response.read(_MAX_BODY)
        if response.status >= 400:
            raise ValueError(f"{response.status} from {urlsplit(url).path}")
        return data

    def events(self, url: str, body: Any, headers: dict[str, str]) -> Iterator[str]:
        """The server-sent events of a response, each as soon as it is complete."""
        response = self._send("POST", url, body, headers)
        if response.status >= 400:
            raise ValueError(f"{response.status} from {urlsplit(url).path}")
        pending = b""
        while data := response.read1(_MAX_BODY):
            *frames, pending = (pending + data).split(b"\n\n")
            for frame in frames:
                yield frame.decode("utf-8", "replace")

    def tunnel(self, url: str) -> ssl.SSLSocket:
        """A TLS connection to the origin of `url`, through the proxy."""
        connection = self._connection(urlsplit(url).netloc)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        stream = connection.sock
        connection.sock = None
        return stream

    def close(self) -> None:
        for connection in self._all:
            connection.close()

    def _send(
        self, method: str, url: str, body: Any, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        target = urlsplit(urljoin(self._base, url))
        path = target.path + (f"?{target.query}" if target.query else "")
        connections = self._local.__dict__
        connection = connections.get(target.netloc)
        if connection is None:
            connection = connections[target.netloc] = self._connection(target.netloc)
            self._all.append(connection)
        sent = {"Host": target.netloc, **self.headers, **headers}
        if self._cookie and target.netloc == urlsplit(self._base).netloc:
            sent["Cookie"] = self._cookie
        data = None
        if body is not None:
            data = json.dumps(body)
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, sent)
            response: http.client.HTTPResponse = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        received = response.headers.get_all("Set-Cookie")
        if received:
            self._cookie = "; ".join(value.partition(";")[0] for value in received)
        return response

    def _connection(self, netloc: str) -> http.client.HTTPSConnection:
        host, _, port = netloc.partition(":")
        connection = http.client.HTTPSConnection(
            *self._proxy, timeout=_TIMEOUT, context=self._context
        )
        connection.set_tunnel(host, int(port or 443))
        return connection


class _Document(HTMLParser):
    """The scripts, other files and settings that the page names."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.others: list[str] = []
        self.bootstrap: dict[str, str] = {}
        self._in_bootstrap = False

    @property
    def chunk(self) -> str:
        """The script that the page imports only when an answer is complete."""
        return self.bootstrap["chunk"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        source = values.get("src") or values.get("href")
        if tag == "script" and source:
            self.scripts.append(source)
        elif tag in {"link", "img"} and source:
            self.others.append(source)
        self._in_bootstrap = values.get("id") == "client-bootstrap"

    def handle_data(self, data: str) -> None:
        if self._in_bootstrap and data.strip():
            self.bootstrap = json.loads(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_bootstrap = False


class _Answer:
    """Delta encoding v1: keeps the text of the answer in its record."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self._last = ("", "")
        self.hand_off: dict[str, Any] | None = None

    def take(self, frame: str) -> None:
        self._record["events"] += 1
        lines = frame.strip().split("\n")
        data = "\n".join(line[6:] for line in lines if line.startswith("data: "))
        if data == "[DONE]":
            return
        value = json.loads(data)
        if lines[0] == "event: delta":
            self._last = (value.get("p", self._last[0]), value.get("o", self._last[1]))
            if self._last == ("/message/content/parts/0", "append"):
                self._record["text"] += value["v"]
        elif isinstance(value, dict) and value.get("type") == "message_stream_complete":
            self._record["complete"] = True
        elif isinstance(value, dict) and value.get("type") == "stream_handoff":
            self.hand_off = value
