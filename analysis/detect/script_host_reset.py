"""script.blocked_by_network from packets alone: the host of the scripts is cut off.

Which script was asked for is encrypted, so the claim is about hosts that serve
little else: every connection to one is reset with the server's address before
it answered the ClientHello, again and again or together with another essential
host, while some host of the service answers.  Does not prove what on the path
sent the resets, nor that the name is what drew them.  Source:
detection notes 5.2 and 10, hosts table.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    matters,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import say, some, times_over

SCRIPT_HOSTS = frozenset(
    {
        "cdn.oaistatic.com",
        "auth-cdn.oaistatic.com",
        "sentinel.openai.com",
        "challenges.cloudflare.com",
    }
)
"""Essential hosts that a page loads its scripts from (hosts.tsv)."""


def find_script_host_reset(tables: Tables) -> Iterator[Finding]:
    hellos, tcp = without_own_leg(tables["tls"], tables), tables["tcp"]
    if hellos.empty or tcp.empty:
        return
    # where exchanges were recorded they tell of each script, and more surely
    told = set(tables["http"]["host"].dropna())
    wanted = where(hellos, "sni", lambda name: matters(name) and name not in told)
    answered = where(hellos[hellos["server_hello_ms"].notna()], "sni", matters)
    reached = set(answered["sni"])
    if wanted.empty or not reached:
        return
    columns = ["source", "stream", "reset_by", "reset_frame", "reset_time"]
    tries = records(wanted.merge(tcp[columns], on=["source", "stream"], how="left"))
    by_host: dict[str, list[Record]] = {}
    for row in tries:
        by_host.setdefault(row["sni"], []).append(row)
    cut = {
        host: rows
        for host, rows in by_host.items()
        if host not in reached and all(row["reset_by"] == "server" for row in rows)
    }
    hosts = ranked(cut)
    rows = [row for host in hosts for row in cut[host]]
    if not SCRIPT_HOSTS & set(cut) or len(rows) < threshold("reset_tries"):
        return
    ends = [row | {"frame": row["reset_frame"]} for row in rows]
    yield finding(
        "script.blocked_by_network",
        say(
            "Connections to {hosts} were reset {times} right after the ClientHello, and none was "
            "answered; {others} did answer. The page's scripts come from {scripts}.",
            hosts=some(hosts),
            times=times_over(len(rows)),
            others=some(ranked(reached)),
            scripts=some(ranked(SCRIPT_HOSTS & set(cut))),
        ),
        confidence=earned(0.7, (len(rows) >= 2 * threshold("reset_tries"), 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(rows),
        times=[row["time"] for row in rows],
        evidence=packet_evidence(rows, "ClientHello")
        + packet_evidence(ends, say("the reset that followed")),
        in_short=say("scripts"),
    )
