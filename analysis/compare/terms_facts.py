"""Facts of what the ends agreed on: certificates, TLS, HTTP/3 and the version of HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analysis.compare.facts import Fact, evidence_of, fact, hosts_of, listed
from analysis.detect.certificates import OWN_ISSUERS, foreign_issuer, inspector_of
from analysis.detect.support import Record, matters, records, where, without_own_leg
from analysis.model.frames import Tables
from analysis.model.message import say


def terms_facts(tables: Tables) -> Iterator[Fact]:
    """At most one fact of each of these factors, over all hosts of the session."""
    yield from _issuers(tables)
    yield from _tls_terms(tables)
    yield from _quic(tables)


_PUBLIC = say("a public authority")


def _issuers(tables: Tables) -> Iterator[Fact]:
    """Public authorities are one and the same here: the service changes between them."""
    signed: dict[str, set[str]] = {}
    rows: dict[str, Record] = {}
    for host, row in _certificates(tables):
        issuer = row["issuer"]
        if any(own in issuer.lower() for own in OWN_ISSUERS):
            continue
        who = inspector_of(f"{issuer} {row.get('root') or ''}")
        who = who or (issuer if foreign_issuer(issuer) else _PUBLIC)
        signed.setdefault(who, set()).add(host)
        rows.setdefault(who, row)
    if not signed:
        return
    private = sorted(set(signed) - {_PUBLIC}) or [_PUBLIC]
    hosts = sorted({host for who in private for host in signed[who]})
    pieces = [
        piece
        for who in private
        for piece in evidence_of(rows[who], say("signed by {who}", who=who))
    ]
    yield fact("tls.issuer", listed(private), hosts=hosts, evidence=pieces)


def _certificates(tables: Tables) -> Iterator[tuple[str, Record]]:
    connections = tables["connections"]
    if len(connections):
        for row in records(where(connections[connections["issuer"].notna()], "host", matters)):
            yield row["host"], row
    hellos = without_own_leg(tables["tls"], tables)
    if len(hellos):
        for row in records(where(hellos[hellos["issuer"].notna()], "sni", matters)):
            yield row["sni"], row


def _tls_terms(tables: Tables) -> Iterator[Fact]:
    """Version and protocol over all hosts; websockets ask for HTTP/1.1 and are left out."""
    versions: list[str] = []
    protocols: list[str] = []
    connections = where(tables["connections"], "host", matters)
    hellos = where(without_own_leg(tables["tls"], tables), "sni", matters)
    if len(connections):
        versions += _texts(connections["tls_version"])
        protocols += _texts(connections["alpn"])
    if len(hellos):
        versions += _texts(hellos[hellos["server_hello_ms"].notna()]["version"])
        protocols += _texts(hellos["server_alpn"])
    if versions:
        yield fact("tls.version", listed(versions))
    upper = [name for name in protocols if name != "http/1.1"] or protocols
    if upper:
        yield fact("tls.alpn", listed(upper))


def _quic(tables: Tables) -> Iterator[Fact]:
    quic = where(tables["quic"], "sni", matters)
    if len(quic):
        answered = bool(quic["answered"].fillna(False).any())
        rows = records(quic.head(1))
        yield fact(
            "quic.use",
            say("used") if answered else say("tried without an answer"),
            hosts=[str(name) for name in quic["sni"].dropna().unique()[:4]],
            evidence=evidence_of(rows[0], say("first Initial")),
        )
    elif len(tables["tcp"]) and hosts_of(tables):
        yield fact("quic.use", say("not used"))
    http = where(tables["http"], "host", matters)
    if len(http):
        kept = http[http["upgrade"].isna() & http["status"].notna()]
        versions = _texts(kept["http_version"])
        if versions:
            yield fact("http.version", listed(_version(text) for text in versions))


def _version(text: str) -> str:
    """``h2`` and ``HTTP/2.0`` are the same version."""
    low = text.lower().removeprefix("http/").removeprefix("h").removesuffix(".0")
    return f"HTTP/{low}" if low[:1].isdigit() else text


def _texts(column: Iterable[object]) -> list[str]:
    return sorted({str(item) for item in column if isinstance(item, str) and item})
