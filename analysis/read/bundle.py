"""A bundle, as a folder or a zip, as tables; a broken one as far as it goes."""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.diagnosis import Source, SourceKind
from analysis.model.errors import InputError
from analysis.model.frames import CaptureFacts, Row, Tables, concat, frame_of_rows
from analysis.model.markup import sound
from analysis.model.message import joined, say
from analysis.read import fields
from analysis.read.beside import only_added
from analysis.read.exchange_tables import ExchangeTables, by_start
from analysis.read.flows import FlowFile
from analysis.read.har import read_har
from analysis.read.journal import Journal, read_journal
from analysis.read.legs import with_legs
from analysis.read.netlog import read_netlog
from analysis.read.packets import read_packets
from analysis.read.recorded import take_recorded
from analysis.read.streams import chunk_frame

SESSION, FLOWS, EVENTS, PACKETS = "session.json", "flows.mitm", "events.jsonl", "packets.pcapng"
PARTS = (SESSION, FLOWS, EVENTS, PACKETS)
NETLOG, HAR = "netlog.json", ".har"
MAX_HARS = 8
MAX_SESSION = 4 * 1024 * 1024
MAX_UNZIPPED = 8 * 1024**3
MAX_RATIO = 100
"""Octets of a bundle for each octet of its zip; what was recorded packs to a tenth or so."""

_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError),
    *(NotImplementedError, ValueError, struct.error),
)
_COPY = 1024 * 1024
KNOWN_FORMAT = 1


def is_bundle(path: Path) -> bool:
    """True for a folder that holds any part of a bundle."""
    return path.is_dir() and any((path / part).is_file() for part in PARTS)


def read_bundle(path: Path, name: str | None = None, prefix: str = "") -> Tables:
    """The bundle's tables, its source, and what the capture says of itself.

    A NetLog and HAR files that the browser saved beside it are read too, each a source of
    its own.
    `prefix` goes before the names of its files where several captures are read
    as one session. Raises InputError when there is no bundle, or nothing in it
    can be read.
    """
    name = name or path.name
    if path.is_file():
        with _unzipped(path) as (folder, problems):
            return _with_browsers_own(_read(folder, name, prefix, problems), folder, prefix)
    return _with_browsers_own(_read(path, name, prefix, []), path, prefix)


def _with_browsers_own(tables: Tables, folder: Path, prefix: str) -> Tables:
    parts = [tables]
    problems: list[str] = []
    if (folder / NETLOG).is_file():
        try:
            parts.append(only_added(read_netlog(folder / NETLOG, prefix + NETLOG), tables))
        except InputError as error:
            problems.append(
                say("{file} cannot be read: {error}", file=NETLOG, error=error.sentence)
            )
    listed = sorted(path for path in folder.iterdir() if path.suffix == HAR and path.is_file())
    for path in listed[:MAX_HARS]:
        try:
            parts.append(only_added(read_har(path, prefix + path.name), tables))
        except InputError as error:
            problems.append(
                say("{file} cannot be read: {error}", file=str(path.name), error=error.sentence)
            )
    if len(listed) > MAX_HARS:
        problems.append(
            say(
                "{n} of {all} HAR files left out",
                n=len(listed) - MAX_HARS,
                all=len(listed),
            )
        )
    if not problems and not parts[1:]:
        return tables
    whole = concat(parts)
    own = whole.sources[0]
    if problems:
        own = replace(own, complete=False, problems=(*own.problems, *problems))
    return Tables(whole.frames, (own, *whole.sources[1:]), whole.captures)


@contextmanager
def _unzipped(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The bundle's own files, and no others, unpacked within bounds; and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="chatpath-") as scratch:
        folder, problems = Path(scratch), list[str]()
        left = min(MAX_UNZIPPED, MAX_RATIO * path.stat().st_size + MAX_SESSION)
        try:
            archive = zipfile.ZipFile(path)
        except _ZIP_ERRORS as error:
            raise InputError(
                say(
                    "{path} is a zip that cannot be opened ({reason}); pack the bundle again.",
                    path=str(path),
                    reason=_reason(error),
                )
            ) from error
        with archive:
            for entry in _entries(archive):
                part = Path(entry.filename).name
                try:
                    with archive.open(entry) as packed, (folder / part).open("wb") as out:
                        while data := packed.read(min(_COPY, left)):
                            out.write(data)
                            left -= len(data)
                except _ZIP_ERRORS as error:
                    problems.append(
                        say(
                            "{part} is damaged in the zip ({reason})",
                            part=str(part),
                            reason=_reason(error),
                        )
                    )
                if not left:
                    problems.append(
                        say("{part} unpacks to more than a bundle holds; cut there", part=str(part))
                    )
                    break
            if not any(folder.iterdir()):
                raise InputError(
                    say(
                        "{path} is a zip without a chatpath bundle in it; name a bundle made "
                        "by chatpath capture.",
                        path=str(path),
                    )
                )
        yield folder, problems


def _entries(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The parts of the first bundle in the archive, each once."""
    listed = [(Path(entry.filename), entry) for entry in archive.infolist() if not entry.is_dir()]
    place = next((path.parent for path, _ in listed if path.name in PARTS), None)
    seen: set[str] = set()
    for path, entry in listed:
        wanted = path.name in (*PARTS, NETLOG) or path.suffix == HAR
        if wanted and path.parent == place and path.name not in seen:
            seen.add(path.name)
            yield entry


def _reason(error: Exception) -> str:
    return redact_text(str(error) or type(error).__name__, 80)


@dataclass(slots=True)
class _Parts:
    session: Mapping[str, object]
    exchanges: ExchangeTables
    connections: pd.DataFrame
    journal: Journal
    packets: Tables | None
    problems: list[str]


def _read(folder: Path, name: str, prefix: str, problems: list[str]) -> Tables:
    parts = _load(folder, name, prefix, problems)
    journal = parts.journal
    captured = _capture_facts(parts, name)
    frames = {
        **by_start(parts.exchanges.frames()),
        "connections": parts.connections,
        "chunks": chunk_frame(prefix + EVENTS, journal.streams),
        "markers": frame_of_rows("markers", journal.markers),
        "host": frame_of_rows(
            "host",
            [
                {column: sound(value) for column, value in row.items()}
                for row in _host_rows(parts.session, prefix + SESSION)
            ],
        ),
    }
    packets = parts.packets
    lookups = journal.lookups
    if packets is not None:
        lookups = list(_unseen(lookups, packets))
        for table in ("quic", "udp", "icmp", "cleartext", "activity"):
            frames[table] = packets[table]
        listen = captured.listen
        for table in ("tcp", "tls"):
            frames[table] = with_legs(packets[table], journal.connections.values(), listen)
    own = Tables.of({**frames, "dns": frame_of_rows("dns", lookups)})
    complete = captured.end_state == "complete" and not parts.problems
    if captured.end_state == "abrupt":
        parts.problems.append(
            say(
                "the recording ended abruptly (the process or the machine was stopped); everything "
                "up to about the last second is here"
            )
        )
    source = Source(
        name,
        SourceKind.BUNDLE,
        _digest(folder),
        complete,
        tuple(parts.problems),
        captured.started or journal.first_time,
        captured.ended or journal.last_time,
    )
    whole = Tables(own.frames, (source,), (captured,))
    if packets is None or not len(packets["dns"]):
        return whole
    return _with_packet_lookups(whole, packets)


def _with_packet_lookups(whole: Tables, packets: Tables) -> Tables:
    both = [frame for frame in (packets["dns"], whole["dns"]) if len(frame)]
    merged = pd.concat(both, ignore_index=True)
    return Tables({**whole.frames, "dns": merged}, whole.sources, whole.captures)


def _load(folder: Path, name: str, prefix: str, problems: list[str]) -> _Parts:
    session = _session(folder / SESSION, problems)
    journal = Journal()
    if (folder / EVENTS).is_file():
        journal = read_journal(folder / EVENTS, prefix + EVENTS)
        problems += journal.problems
    else:
        problems.append(say("{file} is missing", file=EVENTS))
    events = journal.first_time is not None or bool(journal.exchanges)
    connections = frame_of_rows("connections", journal.connections.values())
    exchanges = ExchangeTables()
    if (folder / FLOWS).is_file():
        flows = FlowFile(folder / FLOWS, prefix + FLOWS)
        take_recorded(exchanges, journal, flows)
        problems += [joined([FLOWS, problem], ": ") for problem in flows.problems]
        connections = connections if len(connections) else flows.connections.frame()
    else:
        take_recorded(exchanges, journal, ())
        problems.append(say("{file} is missing", file=FLOWS))
    packets = None
    if (folder / PACKETS).is_file():
        ports = frozenset(fields.wholes(session, "dns_ports")) or frozenset({53})
        try:
            packets = read_packets(folder / PACKETS, prefix + PACKETS, dns_ports=ports)
            problems += [
                joined([PACKETS, problem], ": ")
                for source in packets.sources
                for problem in source.problems
            ]
        except InputError as error:
            problems.append(
                say("{file} cannot be read: {error}", file=PACKETS, error=error.sentence)
            )
    elif fields.flag(fields.mapping(session, "packets"), "sampled") is not False:
        problems.append(say("{file} is missing", file=PACKETS))
    if not (session or events or len(exchanges) or packets):
        raise InputError(
            say(
                "{name} is a bundle of which nothing can be read; record the session again.",
                name=str(name),
            )
        )
    return _Parts(session, exchanges, connections, journal, packets, problems)


def _session(path: Path, problems: list[str]) -> Mapping[str, object]:
    if not path.is_file():
        problems.append(say("{file} is missing", file=SESSION))
        return {}
    try:
        with path.open("rb") as file:
            session = json.loads(file.read(MAX_SESSION))
        if not isinstance(session, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        problems.append(say("{file} is damaged ({error})", file=SESSION, error=str(error)[:80]))
        return {}
    if (fields.whole(session, "format") or 0) > KNOWN_FORMAT:
        problems.append(
            say(
                "{file} is of a newer format; a newer chatpath reads more of it",
                file=SESSION,
            )
        )
    return session


def _unseen(lookups: list[Row], packets: Tables) -> Iterator[Row]:
    """Logged lookups that the packets do not show."""
    dns = packets["dns"]
    seen = set(zip(dns["id"], dns["qname"], dns["qtype"], dns["response"], strict=True))
    for row in lookups:
        key = (row.get("id"), row.get("qname"), row.get("qtype"), row.get("response"))
        if key not in seen:
            yield row


def _capture_facts(parts: _Parts, name: str) -> CaptureFacts:
    session = parts.session
    packets = fields.mapping(session, "packets")
    state = fields.text(session, "state")
    sampled = fields.whole(packets, "written")
    reason = fields.text(packets, "reason", 200)
    if fields.flag(packets, "ended_early"):
        reason = say("the sampler ended before the session did")
    return CaptureFacts(
        source=name,
        started=fields.moment(session.get("started")),
        ended=fields.moment(session.get("ended")) or parts.journal.last_time,
        end_state=("complete" if state == "complete" else "abrupt") if session else None,
        mode=fields.text(session, "mode", 20),
        listen=fields.text(session, "listen", 60),
        packets_sampled=sampled,
        packets_dropped=fields.whole(packets, "dropped"),
        packets_reason=reason,
        whole=tuple(fields.texts(packets, "whole") or ()),
        ca_sha256=fields.text(session, "ca_sha256", 64),
        scene=fields.text(session, "scene", 60),
    )


def _host_rows(session: Mapping[str, object], source: str) -> Iterator[Mapping[str, str]]:
    """session.json flattened to section, name and value."""
    host = fields.mapping(session, "host")
    for key in ("os", "timezone", "python"):
        value = fields.text(host, key, 200)
        if value is not None:
            yield {"source": source, "section": "os", "name": key, "value": value}
    for section, key in (("interface", "interfaces"), ("route", "routes")):
        listed = host.get(key)
        for item in listed[:64] if isinstance(listed, list) else []:
            if isinstance(item, dict):
                name = fields.text(item, "name", 60) or fields.text(item, "interface", 60) or ""
                text = json.dumps(item, sort_keys=True)[:500]
                yield {"source": source, "section": section, "name": name, "value": text}
    for section, key in (("resolver", "resolvers"), ("agent", "agents")):
        for index, text in enumerate((fields.texts(host, key) or [])[:64], 1):
            yield {"source": source, "section": section, "name": str(index), "value": text[:200]}
    for scheme, address in list(fields.mapping(host, "proxies").items())[:16]:
        if isinstance(address, str):
            yield {
                "source": source,
                "section": "proxy",
                "name": scheme,
                "value": redact_url(address)[:200],
            }
    upstream = fields.text(session, "upstream", 200)
    if upstream:
        yield {
            "source": source,
            "section": "proxy",
            "name": "upstream",
            "value": redact_url(upstream),
        }
    tool = fields.mapping(session, "tool")
    for name, version in list(tool.items())[:8]:
        if isinstance(version, str):
            yield {"source": source, "section": "capture", "name": name, "value": version[:60]}
    for name in ("mode", "bodies", "listen", "scene", "state"):
        text_value = fields.text(session, name, 100)
        if text_value:
            yield {"source": source, "section": "capture", "name": name, "value": text_value}


def _digest(folder: Path) -> str:
    """SHA-256 over the names and digests of the bundle's files."""
    whole = hashlib.sha256()
    for part in PARTS:
        path = folder / part
        if path.is_file():
            with path.open("rb") as file:
                whole.update(f"{part} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
