"""NetLogs that Chromium writes here and now, against the demo's service on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.browser import find_browsers, launch_browser, stop_browser
from agent.demo.scenes import scene_named
from agent.demo.stage import NAMES, Stage, demo_stage, has_loopback_network
from analysis.diagnose import diagnose
from analysis.model.diagnosis import Severity
from analysis.model.frames import Tables
from analysis.read import read_source

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not has_loopback_network(), reason="needs all of 127/8 on loopback"),
]
LONGEST = 30.0


def record(
    folder: Path,
    scene: str = "healthy",
    flags: Sequence[str] = (),
    *,
    rules: str = "",
    url: str = "",
    trusted: bool = True,
    until: Callable[[Stage, Path], None] | None = None,
    killed: bool = False,
) -> Tables:
    """The NetLog of a session; `killed` ends it as a crash would, with events not yet written.

    The page opened is the stage's, unless `url` names another. `rules` come
    before those that lead the service's names to it. The session is over when
    `until` returns; without it, when the page has done its work.
    """
    log = folder / "netlog.json"
    with demo_stage(scene_named(scene), folder) as stage:
        # another stage may hold port 443: then the page and what it names have another one
        own = [f"MAP {name} {stage.service.address[0]}" for name in NAMES]
        browser = find_browsers()[0]
        process = launch_browser(
            browser.executable,
            proxy=None,
            url=url or stage.url,
            ca_spki=stage.certificates.ca_spki if trusted else None,
            headless=True,
            profile=folder / "profile",
            extensions=(stage.extension,) if stage.extension else (),
            extra_args=[
                f"--log-net-log={log}",
                f"--host-resolver-rules={','.join([rules, *own] if rules else own)}",
                *flags,
            ],
        )
        try:
            if until is None:
                assert stage.service.done.wait(LONGEST), stage.service.outcome
            else:
                until(stage, log)
        finally:
            if killed:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            stop_browser(process)
    return read_source(log)


def written(*words: bytes) -> Callable[[Stage, Path], None]:
    """Waits until the log holds one of `words`; the browser flushes it event by event."""

    def until(_: Stage, log: Path) -> None:
        ticks = threading.Event()
        for _step in range(round(LONGEST * 10)):
            if log.is_file() and any(word in log.read_bytes() for word in words):
                return
            ticks.wait(0.1)
        raise AssertionError(f"the browser logged none of {words!r}")

    return until


def failed(number: int) -> Callable[[Stage, Path], None]:
    return written(b'"params":{"net_error":%d},' % number)


def errors(tables: Tables, host: str = "chatgpt.com") -> set[str]:
    http = tables["http"]
    return set(http[http["host"] == host]["error"].dropna())


def stages(tables: Tables) -> set[str]:
    connections = tables["connections"]
    ours = connections[connections["host"].fillna("").str.endswith("chatgpt.com")]
    return set(ours["error_stage"].dropna())


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return record(tmp_path_factory.mktemp("healthy"), flags=["--net-log-capture-mode=Everything"])


def test_a_healthy_session_is_read_as_it_was(healthy: Tables) -> None:
    http = healthy["http"]
    ours = http[http["host"] == "chatgpt.com"]
    assert len(ours) > 20
    assert set(ours["status"].dropna()) == {200}
    document = ours[ours["request_dest"] == "document"].iloc[0]
    assert (document["path"], document["http_version"]) == ("/", "HTTP/2.0")
    assert document["address"] == "127.0.0.2"
    connections = healthy["connections"]
    assert document["connection"] in set(connections["connection"])
    assert set(connections["issuer"].dropna()) == {
        "O=chatpath demo, CN=chatpath demo CA (this run only)"
    }
    assert "h2" in set(connections["alpn"])
    socket_row = healthy["ws"].iloc[0]
    assert (socket_row["host"], socket_row["status"]) == ("ws.chatgpt.com", 101)
    assert socket_row["server_frames"] > 5
    assert healthy["sse"]["chunks"].max() > 5
    assert set(healthy["resources"]["outcome"]) == {"loaded"}


def test_a_healthy_session_is_found_healthy(healthy: Tables) -> None:
    loud = [item for item in diagnose(healthy).findings if item.severity is not Severity.INFO]
    # the service is on this machine: where that is busy, TLS is answered later than TCP indeed
    assert [item.summary for item in loud if item.id != "vpn.latency"] == []


def test_a_log_with_everything_gives_no_secret_away(healthy: Tables) -> None:
    text = "".join(frame.to_json(orient="records") for frame in healthy.frames.values())
    assert "accessToken" not in text
    assert "__Secure-" not in text
    assert "BEGIN CERTIFICATE" not in text


def test_a_blocked_script_shows_in_a_log_with_everything(tmp_path: Path) -> None:
    """Chromium stops such a request before its network code, so that no event tells of it."""
    mode = "--net-log-capture-mode=Everything"
    diagnosis = diagnose(record(tmp_path, "blocked-script", [mode]))
    assert diagnosis.verdict.primary == "script.blocked_by_extension"


def test_a_websocket_that_is_cut_is_seen(tmp_path: Path) -> None:
    tables = record(tmp_path, "dropped-websocket")
    assert set(tables["ws"]["close_code"].dropna()) == {1006}
    assert diagnose(tables).verdict.primary == "ws.dropped"


def test_a_log_of_a_killed_browser_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    tables = record(tmp_path, until=written(b"chatgpt.com"), killed=True)
    (source,) = tables.sources
    assert not source.complete
    assert "cut off" in source.problems[0]


def test_a_name_that_is_denied_is_seen(tmp_path: Path) -> None:
    tables = record(tmp_path, rules="MAP ws.chatgpt.com ~NOTFOUND")
    assert errors(tables, "ws.chatgpt.com") == {"net::ERR_NAME_NOT_RESOLVED"}
    assert stages(tables) == {"dns"}
    assert diagnose(tables).verdict.primary == "dns.nxdomain_filter"


def test_a_refused_connection_is_seen(tmp_path: Path) -> None:
    tables = record(tmp_path, rules="MAP chatgpt.com 127.0.0.99:9", until=failed(-102))
    assert "net::ERR_CONNECTION_REFUSED" in set(tables["connections"]["error"].dropna())
    assert stages(tables) == {"tcp"}


def test_a_foreign_certificate_is_seen(tmp_path: Path) -> None:
    tables = record(tmp_path, trusted=False, until=failed(-202))
    assert "net::ERR_CERT_AUTHORITY_INVALID" in set(tables["connections"]["error"].dropna())
    assert stages(tables) == {"tls"}


@contextlib.contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A port on loopback that answers whatever comes in this way, or with a reset."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.recv(65536)
                    if answer is None:
                        linger = struct.pack("ii", 1, 0)
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    else:
                        client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_reset_in_the_handshake_is_seen(tmp_path: Path) -> None:
    with answering(None) as port:
        rules = f"MAP chatgpt.com 127.0.0.1:{port}"
        tables = record(tmp_path, rules=rules, until=failed(-101))
    assert "net::ERR_CONNECTION_RESET" in set(tables["connections"]["error"].dropna())
    assert stages(tables) == {"tls"}


@pytest.mark.parametrize(
    ("answer", "words", "finding"),
    [
        (b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n", 407, "auth_required"),
        (b"HTTP/1.1 403 Forbidden\r\n", 403, "denied"),
    ],
    ids=["login", "forbidden"],
)
def test_a_proxy_that_refuses_is_seen(
    tmp_path: Path, answer: bytes, words: int, finding: str
) -> None:
    with answering(answer + b"Content-Length: 0\r\nConnection: close\r\n\r\n") as port:
        flags = [f"--proxy-server=127.0.0.1:{port}"]
        tables = record(tmp_path, flags=flags, until=failed(-111) if words == 403 else gave_up())
    said = set(tables["connections"]["error"].dropna())
    assert f"refused HTTP CONNECT request: {words}" in said
    assert set(tables["connections"]["via"].dropna()) == {f"127.0.0.1:{port}"}
    assert ("all", f"127.0.0.1:{port}") in settings(tables)
    assert diagnose(tables).verdict.primary == f"proxy.{finding}"


def gave_up() -> Callable[[Stage, Path], None]:
    """A browser without a person at it asks for the login in vain."""
    return written(b'"params":{"net_error":-111},', b'"params":{"net_error":-127},')


def settings(tables: Tables) -> set[Any]:
    host = tables["host"]
    chosen = host[host["section"] == "proxy"]
    return set(zip(chosen["name"], chosen["value"], strict=True))


def test_quic_that_nobody_answers_is_seen(tmp_path: Path) -> None:
    flags = ["--enable-quic", "--origin-to-force-quic-on=chatgpt.com:443"]
    rules = "MAP chatgpt.com 127.0.0.99:443"
    url = "https://chatgpt.com/"
    tables = record(tmp_path, flags=flags, rules=rules, url=url, until=failed(-358))
    quic = tables["quic"]
    assert set(quic["sni"]) == {"chatgpt.com"}
    assert not quic["answered"].any()
    assert quic["client_packets"].min() > 0
