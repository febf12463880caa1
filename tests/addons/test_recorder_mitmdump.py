"""The recorder, unchanged, under a plain mitmdump with a server on loopback."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mitmproxy import io

from addons import recorder
from analysis.read import read_source

SECRET = "Zx81qLm30PwT77yHn5RkVb2"
WORDS = "words that only the user may read"
PAGE = (
    f'<html data-build="prod-1"><title>{WORDS}</title>'
    f'<script src="/cdn/assets/a-1.js"></script><p>{SECRET}</p></html>'
)
MITMDUMP = str(Path(sys.executable).with_name("mitmdump"))


class Service(BaseHTTPRequestHandler):
    """Answers like the service; its stream waits until its first chunk has arrived."""

    protocol_version = "HTTP/1.1"
    arrived = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith("/stream"):
            self.stream()
        elif self.path.startswith("/backend-api"):
            body = json.dumps({"detail": {"code": "token_expired"}, "user": WORDS}).encode()
            self.answer(401, "application/json", body)
        else:
            self.answer(200, "text/html", PAGE.encode())

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"session={SECRET}; Secure")
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.chunk(f'event: delta\ndata: {{"v":"{WORDS}"}}\n\n'.encode())
        self.arrived.wait(20)
        self.chunk(b'data: {"type":"message_stream_complete"}\n\n')
        self.chunk(b"")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def service() -> Iterator[int]:
    Service.arrived.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    Service.arrived.set()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Dump:
    """A running mitmdump: its forward proxy and its way to the service."""

    process: subprocess.Popen[str]
    forward: int
    reverse: int

    def get(self, path: str, host: str) -> http.client.HTTPResponse:
        """Ask the service under a name of its own, as a reverse proxy's client does."""
        asked = http.client.HTTPConnection("127.0.0.1", self.reverse, timeout=20)
        asked.request(
            "GET", path, headers={"Host": host, "Cookie": f"s={SECRET}", "Referer": f"x?k={SECRET}"}
        )
        return asked.getresponse()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


def free_port() -> int:
    """mitmproxy takes port 0 for one of its modes only."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mitmdump(bundle: Path, service: int, home: Path) -> Iterator[Dump]:
    """mitmdump with nothing but ``-s recorder.py``, on ports the system chose."""
    arguments = [
        *(MITMDUMP, "-s", recorder.__file__, "--listen-host", "127.0.0.1"),
        *("--mode", "regular@0", "--mode", f"reverse:http://127.0.0.1:{service}@{free_port()}"),
        *("--set", f"chatpath_bundle={bundle}", "--set", "keep_host_header=true"),
        *("--set", f"confdir={home}", "--set", "flow_detail=0"),
    ]
    process = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    ports: dict[str, int] = {}
    seen: list[str] = []
    try:
        for line in process.stdout:
            seen.append(line)
            found = re.search(r"(reverse proxy|HTTP\(S\) proxy).* listening at .*:(\d+)", line)
            if found:
                ports[found[1]] = int(found[2])
            if len(ports) == 2:
                break
        assert len(ports) == 2, "".join(seen)
        # what it says further is taken, so that it never waits for a reader
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        yield Dump(process, ports["HTTP(S) proxy"], ports["reverse proxy"])
        process.kill()
        reader.join()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def recorded(bundle: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(bundle.iterdir()))


def test_a_session_of_the_service_is_recorded_without_its_secrets(
    tmp_path: Path, service: int
) -> None:
    bundle = tmp_path / "plain.chatpath"
    with mitmdump(bundle, service, tmp_path / "home") as dump:
        assert dump.get(f"/?token={SECRET}", "chatgpt.com").read() == PAGE.encode()
        assert dump.get("/backend-api/me", "chatgpt.com").status == 401
        stream = dump.get("/stream/backend-api/f/conversation", "chatgpt.com")
        # the service sends the rest only once this has come through: nothing is held back
        assert WORDS in stream.readline().decode() + stream.readline().decode()
        Service.arrived.set()
        assert b"message_stream_complete" in stream.read()
        assert dump.stop() == 0
    everything = recorded(bundle)
    assert SECRET.encode() not in everything
    assert WORDS.encode() not in everything
    tables = read_source(bundle)
    [source] = tables.sources
    assert (source.complete, source.problems) == (True, ())
    assert tables["http"]["host"].tolist() == ["chatgpt.com"] * 3
    assert tables["http"]["status"].tolist() == [200, 401, 200]
    assert tables["http"]["error_code"].tolist()[1] == "token_expired"
    assert tables["sse"]["end"].tolist() == ["complete"]
    assert tables["sse"]["chunks"].tolist()[0] >= 2
    [script] = tables["resources"].to_dict("records")
    assert (script["outcome"], script["url"].endswith("/cdn/assets/a-1.js")) == (
        "never_asked",
        True,
    )
    with (bundle / "flows.mitm").open("rb") as file:
        assert len(list(io.FlowReader(file).stream())) == 3


def test_a_host_that_is_not_listed_leaves_no_trace(tmp_path: Path, service: int) -> None:
    bundle = tmp_path / "plain.chatpath"
    with mitmdump(bundle, service, tmp_path / "home") as dump:
        forward = http.client.HTTPConnection("127.0.0.1", dump.forward, timeout=20)
        forward.request("GET", f"http://127.0.0.1:{service}/private/diary?q=1")
        assert forward.getresponse().read() == PAGE.encode()
        assert dump.get("/private/diary", "bank.example").read() == PAGE.encode()
        assert dump.stop() == 0
    everything = recorded(bundle)
    for trace in (b"diary", b"bank.example", str(service).encode() + b"/"):
        assert trace not in everything
    events = [json.loads(text)["e"] for text in (bundle / "events.jsonl").open()]
    assert events == ["start", "stop"]
    assert (bundle / "flows.mitm").stat().st_size == 0
    assert len(read_source(bundle)["http"]) == 0


def test_a_killed_recording_is_read_and_known_to_have_ended_abruptly(
    tmp_path: Path, service: int
) -> None:
    bundle = tmp_path / "plain.chatpath"
    with mitmdump(bundle, service, tmp_path / "home") as dump:
        dump.get("/", "chatgpt.com").read()
        stream = dump.get("/stream/backend-api/f/conversation", "chatgpt.com")
        stream.readline()
        events = bundle / "events.jsonl"
        waiting = threading.Event()
        # the journal goes to the disk once a second
        while b'"chunks"' not in events.read_bytes().rpartition(b"/stream")[2]:
            waiting.wait(0.05)
        dump.process.kill()
        dump.process.wait(20)
    tables = read_source(bundle)
    assert "abruptly" in " ".join(tables.sources[0].problems)
    assert tables["http"]["status"].tolist() == [200, 200]
    assert tables["sse"]["end"].tolist() == ["open"]


def test_a_recorded_bundle_is_not_written_over(tmp_path: Path, service: int) -> None:
    bundle = tmp_path / "plain.chatpath"
    bundle.mkdir()
    (bundle / "flows.mitm").write_bytes(b"recorded")
    done = subprocess.run(
        [
            *(MITMDUMP, "-s", recorder.__file__, "--listen-host", "127.0.0.1", "-p", "0"),
            *("--set", f"chatpath_bundle={bundle}", "--set", f"confdir={tmp_path / 'home'}"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "Name another folder" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert [part.name for part in bundle.iterdir()] == ["flows.mitm"]
