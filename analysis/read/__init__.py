"""From whatever a user has to tables: one reader per kind of input.

A reader is imported when an input asks for it: what mitmproxy's flows need
takes longer to import than most packet files take to read. pandas comes with
the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model.errors import InputError
from analysis.model.message import say

if TYPE_CHECKING:
    from analysis.model.frames import Tables

_ZIP = b"PK\x03\x04"


def is_bundle_path(path: Path) -> bool:
    """True for a bundle's folder, and for a zip, which may hold one."""
    if path.is_dir():
        from analysis.read.bundle import is_bundle

        return is_bundle(path)
    try:
        with path.open("rb") as file:
            return file.read(4) == _ZIP
    except OSError:
        return False


def read_sources(paths: Sequence[Path]) -> Tables:
    """Several captures as one session.

    Raises InputError, one sentence with the next step, for the first that
    cannot be read.
    """
    from analysis.model.frames import concat

    return concat([read_source(path, shared=len(paths) > 1) for path in paths])


def read_source(path: Path, *, shared: bool = False) -> Tables:
    """One capture; with `shared`, names of its files begin with the bundle's name."""
    prefix = f"{path.name}/" if shared else ""
    try:
        if not path.exists():
            raise InputError(say("{path} does not exist; check the path.", path=str(path)))
        if path.is_dir():
            return _read_folder(path, prefix)
        if not path.is_file():
            raise InputError(
                say("{path} is neither a file nor a folder; name a saved capture.", path=str(path))
            )
        with path.open("rb") as file:
            first = file.read(4096)
    except OSError as error:
        raise InputError(
            say(
                "{path} cannot be opened ({reason}); check the path and its permissions.",
                path=str(path),
                reason=str(error.strerror),
            )
        ) from error
    return _read_file(path, first, prefix)


def _read_folder(path: Path, prefix: str) -> Tables:
    from analysis.read.bundle import is_bundle, read_bundle

    if not is_bundle(path):
        raise InputError(
            say(
                "{path} is a folder without a chatpath bundle in it; name the .chatpath "
                "folder that chatpath capture made.",
                path=str(path),
            )
        )
    return read_bundle(path, prefix=prefix)


def _read_file(path: Path, first: bytes, prefix: str) -> Tables:
    if not first:
        raise InputError(say("{path} is empty; save the capture again.", path=str(path)))
    from analysis.read.packets import looks_like_packets, read_packets

    if looks_like_packets(first):
        return read_packets(path)
    if first.startswith(_ZIP):
        from analysis.read.bundle import read_bundle

        return read_bundle(path, prefix=prefix)
    from analysis.read.har import looks_like_har, read_har

    if looks_like_har(first):
        return read_har(path)
    from analysis.read.netlog import looks_like_netlog, read_netlog

    if looks_like_netlog(first):
        return read_netlog(path)
    from analysis.read.flows import looks_like_flows, read_flows

    if looks_like_flows(first):
        return read_flows(path)
    raise InputError(
        say(
            "{path} is neither a chatpath bundle nor a pcap, pcapng, mitmproxy flow, HAR or "
            "Chrome NetLog file; name a saved capture.",
            path=str(path),
        )
    )
