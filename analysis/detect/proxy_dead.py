"""Proxies that packets show dead: closed, silent, or open and mute.

A client with a proxy asks the proxy to look names up, so a dead one leaves packets
that name nothing of ChatGPT.  A place is taken for a proxy where the machine is
configured so, where it answered as one earlier in the capture, where its own name
says so (known to the resolver or not) or a configuration script that was fetched in
clear, or where it listens on a proxy's port and the packets hold no way out beside it:
no listed name, and, as test servers use some of these ports, no web connection that
worked meanwhile.  Source: RFC 9110 section 9.3.6;
Chromium, which asks a proxy for every host; port table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

import pandas as pd

from analysis.detect.attempts import names_of_addresses
from analysis.detect.dns_answers import NXDOMAIN
from analysis.detect.once import once
from analysis.detect.support import (
    Record,
    matters,
    records,
    rule_of,
    syns_sent,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.proxy_ports import AUTOCONFIG, proxy_ports, shared_ports
from analysis.model.frames import Tables

type Place = tuple[str, int | None]
"""Address and port; of a name that is not known, the name alone."""

_PROXY_NAME = re.compile(r"[^.]*prox[yi]|wpad\b", re.I)
_WEB = (80, 443)
_SCRIPTS = 20
"""Configuration scripts looked at: a machine has one."""


@dataclass(frozen=True, slots=True)
class Dead:
    """One proxy without a sign of life: its failed tries; `surely` when it is known as a proxy."""

    place: Place
    tries: tuple[Record, ...]
    surely: bool
    mute: bool = False
    unknown: bool = False

    @property
    def name(self) -> str:
        host, port = self.place
        return host if port is None else f"{host}:{port}"

    @property
    def hosts(self) -> list[str]:
        """What was asked of it."""
        return [_asked(row) for row in self.tries if row["connect_host"] and _for_us(row)]


def settings(tables: Tables) -> list[Record]:
    """Proxy settings of the machine, as the recorder found them."""
    return records(where(tables["host"], "section", lambda name: name == "proxy"))


def dead_proxies(tables: Tables) -> list[Dead]:
    """Every proxy that packets show dead at the end of the capture."""
    configured = configured_places(tables)
    found = [Dead(place, rows, surely=True) for place, rows in _not_as_set(tables, configured)]
    tcp = without_own_leg(tables["tcp"], tables)
    if len(tcp):
        spoken = _spoken(tcp)
        found += _died(tables, tcp, spoken - configured)
        found += _never_there(tables, tcp, spoken | configured)
        found += _mute(tcp)
    found += _unknown_names(tables)
    return found


def configured_places(tables: Tables) -> frozenset[Place]:
    places = set()
    for row in settings(tables):
        value = row["value"] or ""
        try:
            parts = urlsplit(value if "//" in value else f"//{value}")
            if parts.hostname and parts.port is not None:
                places.add((parts.hostname, parts.port))
        except ValueError:
            continue  # a setting that is no address leads nowhere in packets
    return frozenset(places)


def _not_as_set(
    tables: Tables, configured: frozenset[Place]
) -> Iterator[tuple[Place, tuple[Record, ...]]]:
    """Configured proxies of which no try was answered."""
    for place, rows in _tries(tables["tcp"], configured).items():
        failed = tuple(row for row in rows if _lost(row, threshold("proxy_syns")))
        if failed and not any(map(_opened, rows)):
            yield place, failed


def _died(tables: Tables, tcp: pd.DataFrame, spoken: frozenset[Place]) -> Iterator[Dead]:
    """Proxies that answered as such, and then took no connection until the end."""
    for place, rows in _tries(tcp, spoken).items():
        last = max((_began(row) for row in rows if _opened(row)), default=0.0)
        since = tuple(row for row in rows if _began(row) > last and _lost(row))
        if len(since) < threshold("proxy_tries"):
            continue
        began = _began(since[0])
        if not _asked_since(tables, tcp, began) and _heard(tables, since, began):
            yield Dead(place, since, surely=True)


def _never_there(tables: Tables, tcp: pd.DataFrame, known: frozenset[Place]) -> Iterator[Dead]:
    """Places that a proxy's port or name tells of, where the packets hold no other way out."""
    places = {
        (server, port)
        for server, port in tcp[["server", "server_port"]].drop_duplicates().itertuples(index=False)
        if port in proxy_ports() and (server, port) not in known
    }
    tried = {
        place: [row for row in rows if _lost(row)]
        for place, rows in _tries(tcp, frozenset(places)).items()
        if not any(map(_opened, rows))
    }
    tried = {place: rows for place, rows in tried.items() if len(rows) >= threshold("proxy_tries")}
    if not tried:
        return
    names, listed = names_of_addresses(tables), names_chatgpt(tables)
    # a configuration script looks names up by itself, to choose the proxy
    only_looked_up = listed and not _asked_since(tables, tcp, 0.0)
    for place, rows in tried.items():
        called = names.get(place[0], frozenset())
        told = _in_script(tables, place, called)
        surely = told or any(map(_PROXY_NAME.match, called))
        if not _heard(tables, rows) or (listed and not (told and only_looked_up)):
            continue
        # on a port that other servers use as well it may be a test server that is down
        alone = place[1] not in shared_ports() or not web_meanwhile(tcp, rows)
        if surely or alone:
            yield Dead(place, tuple(rows), surely=surely)


def _in_script(tables: Tables, place: Place, called: Iterable[str]) -> bool:
    """A proxy auto-configuration script that the machine fetched names the place."""
    wanted = [f"{host}:{place[1]}".lower() for host in (place[0], *called)]
    return any(text in told for told in _scripts(tables) for text in wanted)


@once
def _scripts(tables: Tables) -> list[str]:
    """What configuration scripts name, each once."""
    told: dict[str, None] = {}
    for name in ("cleartext", "http"):
        scripts = where(tables[name], "content_type", _is_script)
        told |= dict.fromkeys(scripts["body_excerpt"].dropna().str.lower().unique()[:_SCRIPTS])
    return list(told)


def _is_script(content_type: str) -> bool:
    return content_type == AUTOCONFIG


def _unknown_names(tables: Tables) -> Iterator[Dead]:
    """Names of proxies that the resolver does not know, as away from the network they are of."""
    dns = tables["dns"]
    if dns.empty:
        return
    denied = dns[dns["response"].fillna(False) & (dns["rcode"] == NXDOMAIN).fillna(False)]
    denied = where(denied[(denied["qtype"] == "A").fillna(False)], "qname", _proxy_called)
    by_name: dict[str, list[Record]] = {}
    for row in records(denied):
        if not row["answers"]:
            told = {"first_time": row["time"], "connect_host": None, "frame": row["frame"]}
            by_name.setdefault(row["qname"], []).append({"source": row["source"], **told})
    by_name = {name: rows for name, rows in by_name.items() if _repeated(rows)}
    if by_name and not names_chatgpt(tables):
        for name, rows in by_name.items():
            yield Dead((name, None), tuple(rows), surely=False, unknown=True)


def _proxy_called(name: str) -> bool:
    """A proxy's own name; every machine asks for wpad, whether there is one or not."""
    return _PROXY_NAME.match(name) is not None and not name.lower().startswith("wpad")


def _repeated(rows: list[Record]) -> bool:
    """Asked for again and again, and not once more by a mirror port."""
    times = sorted(row["first_time"] or 0.0 for row in rows)
    apart = [
        after for before, after in pairwise(times) if after - before >= threshold("dns_resend_s")
    ]
    return len(apart) + 1 >= threshold("proxy_tries")


def _mute(tcp: pd.DataFrame) -> Iterator[Dead]:
    """Proxies that take connections and answer no CONNECT, however long the client waits."""
    asked = records(tcp[tcp["connect_host"].notna() & tcp["synack_frame"].notna()])
    by_place: dict[Place, list[Record]] = {}
    for row in asked:
        by_place.setdefault((row["server"], row["server_port"]), []).append(row)
    for place, rows in by_place.items():
        waited = [
            row
            for row in rows
            if not row["server_payload"]
            and (row["last_time"] or 0.0) - _began(row) >= threshold("proxy_answer_s")
        ]
        silent = not any(row["server_payload"] for row in rows)
        if silent and len(waited) >= threshold("reset_tries") and any(map(_for_us, waited)):
            yield Dead(place, tuple(waited), surely=True, mute=True)


def _tries(tcp: pd.DataFrame, places: frozenset[Place]) -> dict[Place, list[Record]]:
    """SYNs to each of the places, in the order of the capture."""
    if not places or tcp.empty:
        return {}
    ports = {port for _, port in places}
    found: dict[Place, list[Record]] = {}
    for row in records(tcp[tcp["server_port"].isin(ports) & tcp["syn_frame"].notna()]):
        place = (row["server"], row["server_port"])
        if place in places:
            found.setdefault(place, []).append(row)
    return found


def _opened(row: Record) -> bool:
    return row["synack_frame"] is not None


def _began(row: Record) -> float:
    return float(row["first_time"] or 0.0)


def _lost(row: Record, syns: float = 2) -> bool:
    """Refused, or its SYN was sent that often and nothing came."""
    return not _opened(row) and (row["reset_by"] == "server" or syns_sent(row) >= syns)


def _asked(row: Record) -> str:
    return str(row["connect_host"]).rpartition(":")[0]


def _for_us(row: Record) -> bool:
    return matters(_asked(row))


def _heard(tables: Tables, rows: Sequence[Record], since: float = 0.0) -> bool:
    """The network was there: it refused the tries, or answered something else."""
    if any(row["reset_by"] == "server" for row in rows):
        return True
    dns, tcp = tables["dns"], tables["tcp"]
    replies = dns[dns["response"].fillna(False) & (dns["time"] > since).fillna(False)]
    opened = tcp[tcp["synack_frame"].notna() & (tcp["first_time"] > since).fillna(False)]
    return bool(len(replies) or len(opened))


def _spoken(tcp: pd.DataFrame) -> frozenset[Place]:
    """Who answered CONNECT or SOCKS for a host of ChatGPT."""
    told = tcp[tcp["connect_host"].notna() & (tcp["server_payload"] > 0).fillna(False)]
    return frozenset((r["server"], r["server_port"]) for r in records(told) if _for_us(r))


def _asked_since(tables: Tables, tcp: pd.DataFrame, moment: float) -> bool:
    """Another way to a host of ChatGPT worked since: a second proxy, or none."""
    later = tcp[(tcp["first_time"] > moment) & (tcp["server_payload"] > 0).fillna(False)]
    if any(map(_for_us, records(later[later["connect_host"].notna()]))):
        return True
    hellos = where(tables["tls"], "sni", matters)
    worked = hellos["server_hello_ms"].notna() & (hellos["time"] > moment)
    return bool(worked.fillna(False).any())


def names_chatgpt(tables: Tables) -> bool:
    """Some packet or record is about a listed host: whoever made it needed no proxy for that."""
    told = (("dns", "qname"), ("tls", "sni"), ("quic", "sni"), ("http", "host"))
    if any(len(where(tables[name], column, _listed)) for name, column in told):
        return True
    asked = tables["tcp"]["connect_host"].dropna().unique()
    return any(_listed(host.rpartition(":")[0]) for host in asked)


def _listed(host: str) -> bool:
    return rule_of(host) is not None


def web_meanwhile(tcp: pd.DataFrame, failed: list[Record]) -> bool:
    """Somebody opened a web connection straight out while the tries went on."""
    begin = min(map(_began, failed))
    end = max(row["last_time"] or 0.0 for row in failed)
    web = tcp[tcp["server_port"].isin(_WEB) & (tcp["server_payload"] > 0).fillna(False)]
    return bool(((web["first_time"] <= end) & (web["last_time"] >= begin)).fillna(False).any())
