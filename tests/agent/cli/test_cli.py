"""The command line as a user meets it: in a process of its own."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.knowledge import findings
from analysis.model.tables import SCHEMAS

CAPTURES = Path(__file__).parents[3] / "captures"
SINKHOLE = CAPTURES / "dns-filter.zip"
HEALTHY = CAPTURES / "healthy.zip"


def chatpath(*arguments: str | Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    if home is not None:
        environment["HOME"] = str(home)
    return subprocess.run(
        [Path(sys.executable).parent / "chatpath", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment,
    )


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """stderr, after checking that it is a single line without a traceback."""
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("chatpath: ")
    assert done.stdout == ""
    return lines[0]


@pytest.mark.parametrize("command", ["analyze", "report", "tables", "replay"])
def test_missing_file(command: str, tmp_path: Path) -> None:
    extra = {"report": ["-o", str(tmp_path / "r.html")], "tables": ["--table", "dns"]}
    done = chatpath(command, tmp_path / "nothing.pcap", *extra.get(command, []))
    assert done.returncode == 3
    assert "does not exist" in one_sentence(done)


def test_folder_without_a_bundle(tmp_path: Path) -> None:
    done = chatpath("analyze", tmp_path)
    assert done.returncode == 3
    assert "without a chatpath bundle" in one_sentence(done)


GOOD_PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pcap", b""),
        ("text.pcap", b"this is a text file\n"),
        ("half-header.pcap", GOOD_PCAP[:10]),
        ("cut.pcap", GOOD_PCAP + bytes(9)),
        ("cut.pcapng", b"\x0a\x0d\x0d\x0a" + bytes(6)),
        ("cut.mitm", b"1234:8:websocket;0:~7:version;2:21#"),
        ("broken.zip", b"PK\x03\x04 no zip"),
        ("broken.pcap.gz", gzip.compress(GOOD_PCAP, mtime=0)[:-12]),
        ("a.har", b'{"log": {}}'),
        ("binary.bin", bytes(range(256)) * 4),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    done = chatpath("analyze", path)
    assert done.returncode == 3
    assert name in one_sentence(done)


def test_json_goes_to_stdout_and_nothing_else_does() -> None:
    done = chatpath("analyze", SINKHOLE, "--format", "json")
    assert done.returncode == 1
    payload = json.loads(done.stdout)
    assert payload["schema"] == "chatpath.diagnosis/1"
    assert payload["verdict"]["primary"] == "dns.sinkhole"
    assert payload["sources"][0]["kind"] == "bundle"


def test_healthy_is_exit_code_0() -> None:
    done = chatpath("analyze", HEALTHY)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_an_empty_capture_is_exit_code_4(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(GOOD_PCAP)
    assert chatpath("analyze", path).returncode == 4


def test_replay_says_the_same_as_analyze() -> None:
    replay = chatpath("replay", SINKHOLE, "--format", "json")
    assert replay.returncode == 1
    assert replay.stdout == chatpath("analyze", SINKHOLE, "--format", "json").stdout


def test_replay_wants_a_bundle(tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    path.write_bytes(GOOD_PCAP)
    done = chatpath("replay", path)
    assert done.returncode == 3
    assert "is no bundle" in one_sentence(done)


def test_report_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    done = chatpath("report", SINKHOLE, "-o", path)
    assert done.returncode == 1
    text = path.read_text()
    assert "ws.chatgpt.com" in text
    assert "Content-Security-Policy" in text
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    done = chatpath("report", HEALTHY, "-o", tmp_path)
    assert done.returncode == 2
    assert "cannot be written" in one_sentence(done)


def test_a_table_as_json_goes_to_stdout() -> None:
    done = chatpath("tables", SINKHOLE, "--table", "dns", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "ws.chatgpt.com" in {row["qname"] for row in json.loads(done.stdout)}


def test_tables_as_json_have_the_declared_columns(tmp_path: Path) -> None:
    done = chatpath("tables", SINKHOLE, "--table", "all", "--format", "json", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    for name, schema in SCHEMAS.items():
        rows = json.loads((tmp_path / f"{name}.json").read_text())
        assert isinstance(rows, list)
        assert {tuple(row) for row in rows} <= {tuple(schema.column_names)}, name


def test_all_tables_go_to_a_folder(tmp_path: Path) -> None:
    done = chatpath(
        "tables", HEALTHY, "--table", "all", "--format", "parquet", "-o", tmp_path / "tables"
    )
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "tables").iterdir()}
    assert written == {f"{name}.parquet" for name in SCHEMAS}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tables", str(HEALTHY), "--table", "all"], "-o FOLDER"),
        (["tables", str(HEALTHY), "--table", "dns", "--format", "parquet"], "-o FILE"),
        (["findings", "no.such"], "no finding"),
        (["demo", "--scene", "nonsense"], "no scene"),
        (["capture", "--yes", "--listen", "nowhere"], "HOST:PORT"),
        (["capture", "--yes", "--listen", "127.0.0.1:99999"], "HOST:PORT"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], words: str) -> None:
    done = chatpath(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert words in done.stderr.strip().splitlines()[-1]


def test_capture_asks_before_it_records(tmp_path: Path) -> None:
    done = chatpath("capture", "--out", tmp_path / "b.chatpath", "--duration", "1")
    assert done.returncode == 2
    assert "must agree" in done.stderr
    assert "--yes" in done.stderr
    assert not (tmp_path / "b.chatpath").exists()


def test_findings_lists_the_catalogue() -> None:
    done = chatpath("findings")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        entry.id for entry in findings()
    ]
    assert "does not prove" in chatpath("findings", "dns.sinkhole").stdout


def test_version() -> None:
    assert chatpath("--version").stdout.startswith("chatpath 0.")


def test_capture_runs_a_command_through_itself(tmp_path: Path) -> None:
    """The command gets proxy and CA through its environment; the session ends with it."""
    code = (
        "import os, pathlib; print(os.environ['https_proxy'] == os.environ['HTTPS_PROXY'], "
        "'BEGIN CERT' in pathlib.Path(os.environ['SSL_CERT_FILE']).read_text())"
    )
    bundle = tmp_path / "b.chatpath"
    done = chatpath(
        *("capture", "--yes", "--listen", "127.0.0.1:0", "--interface", "lo"),
        *("--out", bundle, "--", sys.executable, "-c", code),
        home=tmp_path,
    )
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("True True\n")
    assert "Proxy: http://127.0.0.1:" in done.stderr
    assert str(bundle) in done.stderr
    assert json.loads((bundle / "session.json").read_text())["state"] == "complete"
    assert (tmp_path / ".chatpath" / "ca").stat().st_mode & 0o77 == 0


def test_capture_for_a_time(tmp_path: Path) -> None:
    bundle = tmp_path / "b.chatpath"
    done = chatpath(
        *("capture", "--yes", "--listen", "127.0.0.1:0", "--interface", "lo"),
        *("--duration", "0.5", "--out", bundle),
        home=tmp_path,
    )
    assert done.returncode == 4, done.stderr
    session = json.loads((bundle / "session.json").read_text())
    assert session["ended"] - session["started"] >= 0.5


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    done = chatpath(
        *("capture", "--yes", "--listen", "127.0.0.1:0", "--interface", "lo"),
        *("--out", tmp_path / "b.chatpath", "--", "no-such-program-here"),
        home=tmp_path,
    )
    assert done.returncode == 2
    assert "cannot be started" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
