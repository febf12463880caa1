"""voice.udp_blocked: voice cannot use UDP 3478.

STUN requests to ChatGPT's voice servers, or to port 3478 while the page sets a
voice session up, that nobody answers; at least three, and no server answered.
One silent server among answering ones is how ICE looks when all is well.
Voice falls back to TCP 443 and sounds worse.  Source: RFC 8489; OpenAI's voice
address list; detection notes 14.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    noted,
    packet_evidence,
    records,
    where,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import address, in_group
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

STUN_PORT = 3478
_SIGNALLING = "/realtime/"
_NOTE = say("STUN without an answer")


def voice_server(text: str) -> bool:
    """True for an address of the published voice list."""
    found = address(text)
    return found is not None and in_group("voice", found)


def voice_talks(tables: Tables) -> list[Record]:
    """UDP conversations that voice of ChatGPT made, as far as that can be told."""
    udp = tables["udp"]
    if udp.empty:
        return []
    known = where(udp, "server", voice_server)
    rows = records(known[(known["protocol"] != "ntp").fillna(False)])
    if rows or not voice_setups(tables):
        return rows
    # the list ages: beside a voice session that the page sets up, the port will do
    stun = udp[(udp["protocol"] == "stun") & (udp["server_port"] == STUN_PORT)]
    return records(stun)


def voice_setups(tables: Tables) -> list[Record]:
    """Exchanges by which the page asked for a voice session and got one."""
    http = where(tables["http"], "host", lambda host: host == "chatgpt.com")
    if http.empty:
        return []
    begun = http["path"].fillna("").str.startswith(_SIGNALLING) & (http["method"] == "POST")
    return records(http[(begun & http["status"].between(200, 201)).fillna(False)])


def find_voice_udp_blocked(tables: Tables) -> Iterator[Finding]:
    talks = voice_talks(tables)
    if any(row["answered"] or row["responses"] or row["server_packets"] for row in talks):
        return
    asked = sum(row["requests"] or 0 for row in talks if row["protocol"] == "stun")
    if asked < threshold("stun_requests"):
        return
    servers = tuple(dict.fromkeys(row["server"] for row in talks))
    fallback = _over_tcp(tables)
    setups = voice_setups(tables)
    listed = any(map(voice_server, servers))
    ports = sorted({row["server_port"] for row in talks if row["server_port"] is not None})
    yield finding(
        "voice.udp_blocked",
        plural(
            "{n} STUN request to {servers}, UDP port {ports}, got no answer, {fallback}.",
            "{n} STUN requests to {servers}, UDP port {ports}, got no answer, {fallback}.",
            asked,
            servers=some(servers),
            ports=some([str(port) for port in ports]),
            fallback=say("and voice went on over TCP") if fallback else "",
        ),
        confidence=earned(
            0.6,
            (listed, 0.5),
            (len(servers) > 1, 0.3),
            (bool(fallback), 0.4),
            (bool(setups), 0.3),
        ),
        subjects=servers,
        count=asked,
        times=[row["time"] for row in talks],
        evidence=[
            *(packet_evidence(talks, _NOTE) or [noted(talks[0]["source"] or "", _NOTE)]),
            *packet_evidence(fallback, say("voice over TCP instead"), ("syn_frame",)),
            *flow_evidence(setups, say("the page sets up a voice session")),
        ],
        in_short=some(servers),
        measurements={"requests": asked, "fallback": bool(fallback)},
    )


def _over_tcp(tables: Tables) -> list[Record]:
    tcp = tables["tcp"]
    if tcp.empty:
        return []
    return records(where(tcp[tcp["synack_frame"].notna()], "server", voice_server))
