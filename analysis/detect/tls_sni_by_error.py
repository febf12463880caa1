"""tls.sni_blocked without packets: the errors say that connections for a name are cut.

A browser's HAR or NetLog, or a proxy's flows, say that connections to hosts of
ChatGPT were reset or closed before any of them answered, while other hosts are
reached.  It takes the page itself or two hosts, and several tries; script hosts
alone are the matter of script.blocked_by_network.  Neither the trigger nor who
sent the reset is shown, so confidence stays below 0.8.  Source: detection notes
5.2 and 16, Chromium's net_error_list.h.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.attempts import usable, wire
from analysis.detect.reach import reach_of
from analysis.detect.script_host_reset import SCRIPT_HOSTS
from analysis.detect.support import (
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    noted,
    ranked,
    where,
)
from analysis.knowledge import hosts as known_hosts
from analysis.knowledge import threshold
from analysis.model.connect_error import manner
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


def find_tls_sni_blocked_by_error(tables: Tables) -> Iterator[Finding]:
    if wire(tables).attempts:
        return  # packets show more than their words
    http = tables["http"]
    if http.empty or not _others_answer(tables):
        return
    failing = where(http[http["error"].notna()], "host", usable)
    names = frozenset(str(name) for name in failing["host"].dropna().unique())
    cut = {
        host: found.failed
        for host, found in reach_of(tables, names).items()
        if not found.worked and found.failed and all(map(_was_cut, found.failed))
    }
    tries = sum(len(rows) for rows in cut.values())
    own = [host for host in cut if known_hosts().essential(host) and host not in SCRIPT_HOSTS]
    pages = set(http[(http["request_dest"] == "document").fillna(False)]["host"])
    # one host of a feature alone, such as that of uploads, is the feature's own matter
    if not (len(own) > 1 or pages & set(own)) or tries < threshold("reset_tries"):
        return
    hosts = ranked(cut)
    rows = [row for host in hosts for row in cut[host]]
    yield finding(
        "tls.sni_blocked",
        plural(
            "{hosts}: {n} connection reset or closed before any answer, while other hosts are "
            "reached; that the name is the trigger is not proven.",
            "{hosts}: {n} connections reset or closed before any answer, while other hosts are "
            "reached; that the name is the trigger is not proven.",
            tries,
            hosts=some(hosts),
        ),
        confidence=min(0.75, earned(0.5, (len(cut) > 1, 0.3), (tries > 2, 0.3))),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=tries,
        times=[row["started"] for row in rows],
        evidence=flow_evidence(
            [row for row in rows if row.get("flow")], say("the request that was cut")
        )
        + tuple(
            noted(row["source"] or "", connection_note(row, row["error"]))
            for row in rows[:10]
            if not row.get("flow")
        ),
        in_short=say("reset"),
    )


def _was_cut(row: Record) -> bool:
    return not row.get("via") and manner(str(row["error"] or "")) in ("reset", "closed")


def _others_answer(tables: Tables) -> bool:
    http = tables["http"]
    return bool(http["status"].notna().any())
