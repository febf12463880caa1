"""A captured session, end to end: real proxy, real TLS, real streams, real websocket."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import Recorded

from agent.capture.session import CaptureSettings, capture
from agent.demo.turns import ANSWERS
from analysis.diagnose import diagnose
from analysis.model.errors import UsageError
from analysis.model.frames import Tables
from analysis.read import read_source

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tables(healthy: Recorded) -> Tables:
    return read_source(healthy.bundle)


def test_the_client_got_everything(healthy: Recorded) -> None:
    assert healthy.outcome["ok"] is True
    assert [turn["text"] for turn in healthy.outcome["turns"]] == list(ANSWERS)


def test_the_verdict_is_ok(tables: Tables) -> None:
    diagnosis = diagnose(tables)
    assert diagnosis.verdict.status == "ok"
    assert [item.id for item in diagnosis.findings if item.severity != "info"] == []


def test_exchanges_are_whole(tables: Tables) -> None:
    http = tables["http"]
    assert len(http) > 30
    finished = http[http["status"] != 101]
    assert finished["status"].notna().all()
    assert (finished["ended"] >= finished["started"]).all()
    assert http["connection"].isin(tables["connections"]["connection"]).all()


def test_chunks_of_the_answer_went_on_one_by_one(healthy: Recorded, tables: Tables) -> None:
    """The recorder saw the first piece long before the service sent the last."""
    stream = tables["sse"].set_index("end").loc["complete"]
    assert stream["chunks"] >= 20
    assert stream["first_chunk"] < healthy.sse_sent[-1]
    arrivals = [moment / 1000 for moment in healthy.outcome["sse_arrivals_ms"]]
    assert arrivals[0] < healthy.sse_sent[-1]
    assert len({round(moment, 3) for moment in arrivals}) >= 20


def test_the_handed_over_turn(tables: Tables) -> None:
    assert "handoff" in set(tables["sse"]["end"])
    socket = tables["ws"].iloc[0]
    assert socket["status"] == 101
    assert socket["close_code"] == 1000
    assert socket["closed_by"] == "client"
    assert bool(socket["clean"])
    assert socket["subscribed"] == 1
    assert socket["completed"] == 1
    frames = tables["ws_frames"]
    assert socket["server_frames"] == (~frames["from_client"] & frames["opcode"].isin([1, 2])).sum()
    items = [item for row in frames["items"].dropna() for item in row]
    assert len(items) == len(set(items)) > 10


def test_every_script_the_page_names_was_loaded(tables: Tables) -> None:
    resources = tables["resources"]
    assert len(resources[resources["kind"] == "script"]) >= 8
    assert set(resources["outcome"]) == {"loaded"}
    assert resources["needed"].any()


def test_lookups_are_recorded_with_and_without_packets(tables: Tables) -> None:
    dns = tables["dns"]
    answers = dns[dns["response"] & (dns["qname"] == "ws.chatgpt.com") & (dns["qtype"] == "A")]
    assert len(answers) >= 1
    assert set(answers["rcode"]) == {0}
    assert all(list(row) == ["127.0.0.2"] for row in answers["answers"])


def test_the_upstream_certificate_is_noted(healthy: Recorded, tables: Tables) -> None:
    upstream = tables["connections"].dropna(subset=["tls_ms"])
    assert upstream["verified"].all()
    assert upstream["issuer"].str.contains("CN=").all()
    assert (upstream["tcp_ms"] >= 0).all()
    assert (upstream["not_after"] > upstream["not_before"]).all()


def test_markers_and_host_facts(tables: Tables) -> None:
    assert list(tables["markers"]["text"]) == ["the person typed this"]
    assert {"os", "capture"} <= set(tables["host"]["section"])


@pytest.mark.root
def test_packets_of_the_session(healthy: Recorded, tables: Tables) -> None:
    facts = tables.captures[0]
    assert facts.packets_dropped == 0
    assert facts.packets_reason is None
    legs = tables["tls"].groupby("leg")["sni"].agg(set)
    assert "ws.chatgpt.com" in legs["upstream"]
    # other sessions on this loopback use other ports
    ports = set(tables["tcp"]["server_port"])
    assert ports == {healthy.stage.service.address[1]}
    wire = tables["dns"][tables["dns"]["frame"].notna()]
    assert "ws.chatgpt.com" in set(wire["qname"])


def test_wireshark_opens_the_packets(healthy: Recorded, tshark: str) -> None:
    done = subprocess.run(
        [
            tshark,
            "-nr",
            str(healthy.bundle / "packets.pcapng"),
            "-T",
            "fields",
            "-e",
            "frame.number",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((healthy.bundle / "session.json").read_text())["packets"].get("written", 0)
    assert len(done.stdout.split()) == written


def test_mitmdump_opens_the_flows(healthy: Recorded, tables: Tables) -> None:
    mitmdump = Path(sys.executable).parent / "mitmdump"
    done = subprocess.run(
        [mitmdump, "-nr", healthy.bundle / "flows.mitm", "--set", "flow_detail=1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "/backend-api/f/conversation" in done.stdout
    assert "/ws/user/" in done.stdout
    assert "closed by client: 1000" in done.stdout


def test_nothing_secret_is_written(healthy: Recorded) -> None:
    """Tokens, cookies, prompts, answers and signatures, as the service and client used them."""
    secrets = {
        *(word for answer in ANSWERS for word in (answer, answer[:25])),
        *healthy.stage.service.app.secrets,
    }
    assert len(secrets) > 8
    for path in sorted(healthy.bundle.iterdir()):
        content = path.read_bytes()
        found = {secret for secret in secrets if secret.encode() in content}
        assert found == set(), f"in {path.name}"


def test_a_bundle_is_never_overwritten(healthy: Recorded) -> None:
    before = (healthy.bundle / "events.jsonl").read_bytes()

    async def client(_: object) -> None:
        raise AssertionError("must not start")

    with pytest.raises(UsageError, match="Choose another --out"):
        capture(CaptureSettings(out=healthy.bundle), client)
    assert (healthy.bundle / "events.jsonl").read_bytes() == before


def test_a_taken_port_is_one_sentence(tmp_path: Path, healthy: Recorded) -> None:
    async def client(_: object) -> None:
        raise AssertionError("must not start")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = CaptureSettings(
            out=tmp_path / "b.chatpath",
            listen=("127.0.0.1", port),
            interfaces=(),
            use_system_proxy=False,
        )
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            capture(settings, client)


@contextlib.contextmanager
def streaming(bundle: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A capture in a process of its own, in mid-answer; and how many chunks it has recorded."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "endless.py"), str(bundle)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("streaming "), process.stderr and process.stderr.read()
        yield process, int(line.split()[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_interrupted_in_mid_capture(tmp_path: Path) -> None:
    """Ctrl-C while an answer streams ends the recording properly, and without a word."""
    bundle = tmp_path / "interrupted.chatpath"
    with streaming(bundle) as (process, _):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert errors == ""
    tables = read_source(bundle)
    assert tables.captures[0].end_state == "complete"
    assert tables.sources[0].complete
    assert [item.id for item in diagnose(tables).findings if item.severity != "info"] == []


def test_killed_in_mid_capture(tmp_path: Path) -> None:
    """SIGKILL while an answer streams: everything up to about the last second can be read."""
    bundle = tmp_path / "killed.chatpath"
    with streaming(bundle) as (process, chunks):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    tables = read_source(bundle)
    source = tables.sources[0]
    assert not source.complete
    assert any("ended abruptly" in problem for problem in source.problems)
    assert tables.captures[0].end_state == "abrupt"
    stream = tables["sse"].iloc[0]
    assert stream["end"] == "open"
    assert stream["chunks"] >= chunks
    socket = tables["ws"].iloc[0]
    assert socket["status"] == 101
    assert bool(tables["ws"]["ended"].isna().iloc[0])
    assert diagnose(tables).verdict.status in {"ok", "insufficient"}
