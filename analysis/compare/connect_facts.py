"""Facts of reaching the hosts: the name's answer, address families, TCP, the TLS handshake."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.compare.facts import Fact, evidence_of, fact, listed, place_of
from analysis.detect.attempts import Attempt, by_host, wire
from analysis.detect.dns_answers import Answer, answers, good_by_host, healed
from analysis.detect.path_answers import net_error
from analysis.detect.reach import cancelled
from analysis.detect.support import Record, matters, records, where
from analysis.knowledge import threshold
from analysis.knowledge.addresses import Address, address
from analysis.model.connect_error import Manner, manner, net_error_stage
from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables
from analysis.model.message import Message, joined, say, some

_FAILED = {"tcp": "tcp.connect", "tls": "tls.handshake"}


def connect_facts(tables: Tables) -> Iterator[Fact]:
    """Facts per host of the name's answer, TCP and TLS; of the session for the families."""
    exchanges = _exchanges(tables)
    yield from _names(tables, exchanges)
    yield from _families(tables, exchanges)
    yield from _connections(tables, exchanges)


def _exchanges(tables: Tables) -> list[Record]:
    """What exchanges tell of reaching a host, where the browser alone was recorded."""
    http = where(tables["http"], "host", matters)
    if http.empty:
        return []
    columns = ["source", "flow", "host", "status", "error", "address", "from_cache"]
    told = http[http["address"].notna() | http["error"].notna()]
    return [row for row in records(told[columns]) if not cancelled(row["error"])]


def _stage(row: Record) -> str | None:
    """The layer at which an exchange failed before it was sent; None when it was answered."""
    if row["status"] is not None and row["status"] >= 100:
        return None
    return net_error_stage(row["error"] or "")


# --- names


def _names(tables: Tables, exchanges: list[Record]) -> Iterator[Fact]:
    found: dict[str, tuple[str, str, bool, tuple[Evidence, ...]]] = {}
    good = good_by_host(answers(tables))
    for answer in answers(tables):
        kind = _kind(answer)
        if kind is None or (answer.failed and healed(answer, good)):
            continue
        value, shown = kind
        if answer.host not in found or (answer.failed and not found[answer.host][2]):
            pieces = evidence_of(
                answer.row,
                say(
                    "{resolver} answers {host}: {answer}",
                    resolver=answer.resolver,
                    host=answer.host,
                    answer=shown,
                ),
            )
            found[answer.host] = (value, shown, answer.failed, pieces)
    for host, value, failed, row in _names_by_use(tables, exchanges):
        if host not in found or (failed and not found[host][2] and not len(tables["dns"])):
            found[host] = (value, value, failed, evidence_of(row, joined([host, value], ": ")))
    for host, (value, shown, failed, evidence) in found.items():
        yield fact(
            "dns.answer",
            value,
            kind="false" if failed else "usable",
            subject=place_of(host),
            shown=shown,
            fault=failed,
            hosts=(host,),
            evidence=evidence,
        )


def _kind(answer: Answer) -> tuple[str, str] | None:
    """What sort of answer it is, and the answer itself; None for one without weight."""
    given = listed(str(item) for item in answer.addresses)
    if answer.name_vendor:
        redirected = say("redirected to {vendor}", vendor=answer.name_vendor)
        return redirected, redirected
    if answer.sunk:
        sort = answer.address_vendor or _sort(answer.bogus[0] if answer.bogus else None)
        return say("false address ({sort})", sort=sort), say(
            "false address {address} ({sort})", address=given, sort=sort
        )
    if answer.denied:
        code = {3: "NXDOMAIN", 5: "REFUSED"}.get(answer.rcode) or say("no address")
        denied = say("denied: {code}", code=code)
        return denied, denied
    if answer.fake:
        proxy = say("address of a local proxy")
        return proxy, say("{what} ({address})", what=proxy, address=given)
    if answer.addresses:
        sort = _sort(answer.addresses[0])
        what = say("{sort} address", sort=sort)
        return what, say("{what} ({address})", what=what, address=given)
    return None


def _sort(of: Address | None) -> str:
    if of is None:
        return say("unknown")
    if of.is_unspecified:
        return say("null")
    if of.is_loopback:
        return say("loopback")
    return say("public") if of.is_global else say("private")


def _names_by_use(
    tables: Tables, exchanges: list[Record]
) -> Iterator[tuple[str, str, bool, Record]]:
    """Host, sort of answer, whether it failed, and row, from what connections were made to."""
    for row in records(where(tables["connections"], "host", matters)):
        if row["error_stage"] == "dns":
            yield row["host"], say("no address"), True, row
        elif row["via"] is None and row["address"]:
            sort = _sort(address(row["address"]))
            if row["error_stage"] is None or sort == "public":
                yield row["host"], say("{sort} address", sort=sort), False, row
            else:
                yield row["host"], say("false address ({sort})", sort=sort), True, row
    for row in exchanges:
        if _stage(row) == "dns":
            yield row["host"], say("no address"), True, row
        elif row["address"] and address(row["address"]) and row["status"]:
            sort = _sort(address(row["address"]))
            yield row["host"], say("{sort} address", sort=sort), False, row


def _families(tables: Tables, exchanges: list[Record]) -> Iterator[Fact]:
    reached = [attempt.server for attempt in wire(tables).attempts if attempt.answered]
    made = where(tables["connections"], "host", matters)
    if len(made):
        reached += [str(text) for text in made[made["error"].isna()]["address"].dropna().unique()]
    reached += [row["address"] for row in exchanges if row["address"] and row["status"]]
    found = {f"IPv{of.version}" for text in reached if (of := address(text))}
    if found:
        yield fact("tcp.family", some(sorted(found)))


# --- TCP and TLS


def _connections(tables: Tables, exchanges: list[Record]) -> Iterator[Fact]:
    """Per host: reached, or where and how opening a connection to it failed every time."""
    failed: dict[str, tuple[str, str, Record]] = {}
    reached: set[str] = set()
    for row in records(where(tables["connections"], "host", matters)):
        if row["error_stage"] in _FAILED:
            failed.setdefault(row["host"], (row["error_stage"], row["error"] or "", row))
        elif row["tls_ms"] is not None and row["error"] is None:
            reached.add(row["host"])
    for row in exchanges:
        stage = _stage(row)
        if stage in _FAILED:
            words = net_error(row) or row["error"] or ""
            failed.setdefault(row["host"], (stage, words, row))
        elif row["status"] and not row["from_cache"]:
            reached.add(row["host"])
    for host, attempts in by_host(wire(tables).attempts).items():
        if not matters(host):
            continue
        if any(attempt.shook_hands for attempt in attempts):
            reached.add(host)
            continue
        lost = next(((how, one) for one in attempts if (how := _lost(one))), None)
        if lost:
            (stage, words), attempt = lost
            failed.setdefault(host, (stage, words, attempt.tcp))
    yield from _as_facts(failed, reached)


def _lost(attempt: Attempt) -> tuple[str, str] | None:
    if attempt.dead:
        return "tcp", say("no answer")
    if attempt.refused:
        return "tcp", say("refused")
    if attempt.hello is None:
        return None
    if attempt.hello["alert"] is not None:
        alert = str(attempt.hello["alert"])
        if attempt.hello["alert_by"] == "server":
            return "tls", say("alert {code} by the server", code=alert)
        return "tls", say("alert {code} by the client", code=alert)
    if attempt.reset:
        return "tls", say("reset after the ClientHello")
    waited = attempt.end - (attempt.hello["time"] or attempt.end)
    return (
        ("tls", say("no answer to the ClientHello")) if waited >= threshold("silence_s") else None
    )


def _as_facts(failed: dict[str, tuple[str, str, Record]], reached: set[str]) -> Iterator[Fact]:
    for host, (stage, words, row) in failed.items():
        if host in reached:
            continue
        yield fact(
            _FAILED[stage],
            say("failed: {why}", why=_plain(words)),
            kind="failed",
            subject=place_of(host),
            fault=True,
            hosts=(host,),
            evidence=evidence_of(row, say("to {host}: {error}", host=host, error=words)),
        )
        if stage == "tls":
            yield fact("tcp.connect", say("opened"), subject=place_of(host), hosts=(host,))
    for host in sorted(reached):
        yield fact("tcp.connect", say("opened"), subject=place_of(host), hosts=(host,))
        yield fact("tls.handshake", say("done"), subject=place_of(host), hosts=(host,))


_MANNERS: dict[Manner, str] = {
    "refused": say("refused"),
    "timed out": say("timed out"),
    "unreachable": say("unreachable"),
    "reset": say("reset"),
    "closed": say("closed"),
}


def _plain(words: str) -> str:
    """An error without the address and port of this one try."""
    low = words.lower()
    if "verify failed" in low or "err_cert_" in low:
        return say("certificate refused")
    known = manner(words)
    if known:
        return _MANNERS[known]
    if isinstance(words, Message):
        return words
    return words.partition("(")[0].strip() or say("unknown")
