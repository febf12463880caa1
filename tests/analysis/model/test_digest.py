"""The hash of a file that is taken beside other work."""

import hashlib
import os
from pathlib import Path

import pytest

from analysis.model.digest import FileDigest


def test_it_is_the_hash_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    path.write_bytes(bytes(3_000_000))
    assert FileDigest(path).hexdigest() == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_what_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert FileDigest(tmp_path / "gone.pcap").hexdigest() is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_nobody_waits_for_a_pipe_without_an_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert FileDigest(tmp_path / "pipe").hexdigest() is None
