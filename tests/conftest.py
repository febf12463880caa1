"""What the whole suite shares: reasons to skip, and where the corpus lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# a busy machine is slow, not wrong; a submission must not fail by chance where another passed
settings.register_profile("chatpath", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("chatpath")

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    for item in items:
        if item.get_closest_marker("root") and not is_root:
            item.add_marker(pytest.mark.skip(reason="needs root (raw sockets)"))
        if item.get_closest_marker("browser") and not chromium:
            item.add_marker(pytest.mark.skip(reason="needs Chromium"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The real captures beside the project; tests read them in place."""
    folder = ROOT.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip("the corpus of real captures is not here")
    return folder


@pytest.fixture(scope="session")
def tshark() -> str:
    found = shutil.which("tshark")
    if found is None:
        pytest.skip("needs tshark")
    return found
