"""SOCKS proxies that refuse the login, before anybody could name a host.

A client without the login is told so right after its greeting (RFC 1928 section 3), one with
a wrong one after that (RFC 1929 section 2), so that no packet says what it was for.  A
place counts where the machine is set to it, where it was asked for a host of
ChatGPT earlier, or where the packets hold no other way out, as with a proxy that is
dead.  What it lets through afterwards has healed it.  Source: RFC 1928, RFC 1929;
Chromium, whose SOCKS client knows no login.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.detect.proxy_dead import Place, configured_places, names_chatgpt, web_meanwhile
from analysis.detect.support import Record, matters, records, without_own_leg
from analysis.knowledge import threshold
from analysis.knowledge.socks import LOGIN
from analysis.model.frames import Tables


@dataclass(frozen=True, slots=True)
class Unlet:
    """A proxy that lets nobody in: its refused tries; `surely` when it is known as ours."""

    place: Place
    tries: tuple[Record, ...]
    surely: bool

    @property
    def name(self) -> str:
        return "{}:{}".format(*self.place)


def socks_logins(tables: Tables) -> list[Unlet]:
    """Every SOCKS proxy that refused the login until the end of the capture."""
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return []
    spoken: dict[Place, list[Record]] = {}
    for row in records(tcp[tcp["socks_reply"].notna()]):
        spoken.setdefault((row["server"], row["server_port"]), []).append(row)
    known = configured_places(tables)
    found = []
    for place, rows in spoken.items():
        let_in = max((_began(row) for row in rows if row["socks_reply"] != LOGIN), default=-1.0)
        refused = [row for row in rows if row["socks_reply"] == LOGIN and _began(row) > let_in]
        surely = place in known or any(map(_for_us, rows))
        if len(refused) < threshold("reset_tries" if surely else "proxy_tries"):
            continue
        if surely or not (names_chatgpt(tables) or web_meanwhile(tcp, refused)):
            found.append(Unlet(place, tuple(refused), surely))
    return found


def _began(row: Record) -> float:
    return float(row["first_time"] or 0.0)


def _for_us(row: Record) -> bool:
    return matters((row["connect_host"] or "").rpartition(":")[0])
