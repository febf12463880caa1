"""A bundle becomes a golden case: packed small, without what names the machine, and labelled."""

from __future__ import annotations

import json
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.lab.labelled import CAPTURES, LabelError, add


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "session.chatpath"
    with zipfile.ZipFile(CAPTURES / "dns-filter.zip") as archive:
        archive.extractall(folder)
    session = json.loads((folder / "session.json").read_text())
    session["host"] |= {"os": "Linux 6.1-of-somebody", "resolvers": ["192.0.2.53:53"]}
    (folder / "session.json").write_text(json.dumps(session))
    return folder


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "captures"
    folder.mkdir()
    shutil.copy(CAPTURES / "expected.toml", folder)
    return folder


def test_a_labelled_bundle_is_added(bundle: Path, captures: Path) -> None:
    out = add(bundle, "field-1", ["dns.sinkhole"], [], ["ws.chatgpt.com"], captures=captures)
    label = tomllib.loads((captures / "expected.toml").read_text())["field-1.zip"]
    assert label == {
        "primary": ["dns.sinkhole"],
        "status": ["blocked", "impaired"],
        "subjects": ["ws.chatgpt.com"],
    }
    with zipfile.ZipFile(out) as archive:
        host = json.loads(archive.read("session.json"))["host"]
        assert "flows.mitm" in archive.namelist()
    assert host["os"] == "Linux"
    assert host["resolvers"] == ["192.0.2.53:53"]
    again = out.read_bytes()
    out.unlink()
    shutil.copy(CAPTURES / "expected.toml", captures)
    assert add(bundle, "field-1", [], [], [], captures=captures).read_bytes() == again


@pytest.mark.parametrize(
    ("name", "cause", "status", "told"),
    [
        ("field", "dns.nonsense", [], "no finding id"),
        ("field", "dns.sinkhole", ["broken"], "no status"),
        ("dns-filter", "dns.sinkhole", [], "there already"),
    ],
)
def test_a_wrong_label_is_refused(
    bundle: Path, captures: Path, name: str, cause: str, status: list[str], told: str
) -> None:
    before = (captures / "expected.toml").read_text()
    with pytest.raises(LabelError, match=told):
        add(bundle, name, [cause], status, [], captures=captures)
    assert (captures / "expected.toml").read_text() == before


def test_what_is_no_bundle_is_refused(tmp_path: Path, captures: Path) -> None:
    with pytest.raises(LabelError, match="it has no session"):
        add(tmp_path, "field", ["dns.sinkhole"], [], [], captures=captures)
