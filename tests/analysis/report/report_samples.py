"""Sessions as the other parts would hand them to the report: tables and a diagnosis.

The names, codes and figures are those of a real session's shape; nothing here
was captured from anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from analysis.diagnose.surroundings import captures, machine, markers
from analysis.model.diagnosis import (
    Coverage,
    Diagnosis,
    Evidence,
    Finding,
    Locus,
    Remedy,
    Severity,
    Source,
    SourceKind,
    Status,
    Verdict,
)
from analysis.model.frames import CaptureFacts, Row, Tables, frame_of_rows

BEGIN = 1_795_352_712.0
LENGTH = 42.0
RESOLVER = "192.168.10.1"
EDGE = "104.18.32.47"


@dataclass(frozen=True)
class Sample:
    """A diagnosis and its tables; what the tables say of the recording is measured as ever."""

    diagnosis: Diagnosis
    tables: Tables

    def __post_init__(self) -> None:
        figures = {
            **self.diagnosis.measurements,
            "machine": machine(self.tables),
            "captures": captures(self.tables),
            "markers": markers(self.tables),
        }
        object.__setattr__(self, "diagnosis", replace(self.diagnosis, measurements=figures))


SOURCES = (
    Source(
        "friday-morning.chatpath/packets.pcapng",
        SourceKind.BUNDLE,
        "9f2feb0f1ef425b292f2f94bcf7a0b3f0d2d5d4d1a4b6f2a86c9c6c0b0b77a11",
        first_seen=BEGIN,
        last_seen=BEGIN + LENGTH,
    ),
)
CAPTURE = CaptureFacts(
    "friday-morning.chatpath",
    started=BEGIN,
    ended=BEGIN + LENGTH,
    end_state="complete",
    mode="proxy",
    listen="127.0.0.1:8080",
    packets_sampled=1834,
    packets_dropped=0,
)
ASSESSED = tuple(
    Coverage(area, assessed=True, reason=reason)
    for area, reason in (
        ("dns", "64 lookups by 1 resolver were seen"),
        ("tcp", "11 connections to the service were seen"),
        ("tls", "9 handshakes were seen"),
        ("http", "87 requests were recorded"),
        ("ws", "1 websocket was opened"),
        ("sse", "2 streamed answers were recorded"),
        ("script", "the page names 42 scripts and styles"),
    )
)
COVERED = (
    *ASSESSED,
    Coverage("quic", assessed=False, reason="the intercepting proxy hides HTTP/3"),
)


def _dns(host: str, at: float, answer: str, frame: int) -> list[Row]:
    base: dict[str, object] = {
        "source": "packets.pcapng",
        "protocol": "dns",
        "transport": "udp",
        "id": frame,
        "qname": host,
        "qtype": "A",
    }
    query = {
        **base,
        "frame": frame,
        "time": BEGIN + at,
        "response": False,
        "src": "192.168.10.57",
        "src_port": 51000 + frame,
        "dst": RESOLVER,
        "dst_port": 53,
    }
    response = {
        **base,
        "frame": frame + 1,
        "time": BEGIN + at + 0.018,
        "response": True,
        "src": RESOLVER,
        "src_port": 53,
        "dst": "192.168.10.57",
        "dst_port": 51000 + frame,
        "rcode": 0,
        "answers": [answer],
        "latency_ms": 18.0,
    }
    return [query, response]


def _session() -> dict[str, list[Row]]:
    """A session in which everything works."""
    hosts = ("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com", "files.oaiusercontent.com")
    dns = [
        row
        for place, host in enumerate(hosts)
        for row in _dns(host, 0.2 + place * 0.6, EDGE, 10 + 4 * place)
    ]
    http: list[Row] = [
        {
            "source": "flows.mitm",
            "flow": f"flow-{place:03d}",
            "started": BEGIN + 0.5 + place * 0.11,
            "ended": BEGIN + 0.62 + place * 0.11,
            "method": "GET",
            "scheme": "https",
            "host": "chatgpt.com",
            "path": f"/cdn/assets/chunk-{place * 7919 % 10000:04x}.js",
            "status": 200,
            "content_type": "text/javascript",
            "response_bytes": 18_000 + place * 331,
            "ttfb_ms": 46.0 + place % 9,
            "total_ms": 118.0,
            "connection": "c1",
            "server": "cloudflare",
        }
        for place in range(80)
    ]
    for place, at in enumerate((12.0, 25.0)):
        http.append(
            {
                "source": "flows.mitm",
                "flow": f"turn-{place}",
                "started": BEGIN + at,
                "ended": BEGIN + at + 8,
                "method": "POST",
                "scheme": "https",
                "host": "chatgpt.com",
                "path": "/backend-api/f/conversation",
                "status": 200,
                "content_type": "text/event-stream",
                "response_bytes": 9100,
                "ttfb_ms": 640.0,
                "total_ms": 8000.0,
                "connection": "c1",
                "server": "cloudflare",
            }
        )
    sse: list[Row] = [
        {
            "source": "flows.mitm",
            "flow": f"turn-{place}",
            "host": "chatgpt.com",
            "path": "/backend-api/f/conversation",
            "started": BEGIN + at,
            "first_chunk": BEGIN + at + 0.7,
            "last_chunk": BEGIN + at + 8,
            "chunks": 60,
            "ttft_ms": 700.0,
            "gap_p95_ms": 190.0,
            "gap_max_ms": 420.0,
            "end": "complete",
        }
        for place, at in enumerate((12.0, 25.0))
    ]
    chunks: list[Row] = [
        {
            "source": "events.jsonl",
            "flow": f"turn-{place}",
            "time": BEGIN + at + 0.7 + n * 0.12,
            "size": 150,
        }
        for place, at in enumerate((12.0, 25.0))
        for n in range(60)
    ]
    ws: list[Row] = [
        {
            "source": "flows.mitm",
            "flow": "ws-1",
            "host": "ws.chatgpt.com",
            "path": "/p8/ws/user/1",
            "requested": BEGIN + 2.6,
            "opened": BEGIN + 2.75,
            "status": 101,
            "client_frames": 4,
            "server_frames": 46,
            "connection": "c3",
        }
    ]
    frames: list[Row] = [
        {
            "source": "events.jsonl",
            "flow": "ws-1",
            "time": BEGIN + 3 + n * 0.75,
            "from_client": n % 12 == 0,
            "opcode": 1,
            "size": 420,
        }
        for n in range(50)
    ]
    connections: list[Row] = [
        {
            "source": "events.jsonl",
            "connection": f"c{place}",
            "started": BEGIN + 0.22 + place * 0.6,
            "host": host,
            "port": 443,
            "address": EDGE,
            "tcp_ms": 21.0,
            "tls_ms": 44.0,
            "tls_version": "TLSv1.3",
            "alpn": "h2",
            "issuer": "CN=WE1,O=Google Trust Services,C=US",
            "intercepted": True,
            "verified": True,
        }
        for place, host in enumerate(hosts)
    ]
    tls: list[Row] = [
        {
            "source": "packets.pcapng",
            "frame": 100 + place,
            "stream": place,
            "time": BEGIN + 0.25 + place * 0.6,
            "sni": host,
            "server_hello_ms": 22.0,
        }
        for place, host in enumerate(hosts)
    ]
    resources: list[Row] = [
        {
            "source": "flows.mitm",
            "page": "flow-000",
            "url": f"https://chatgpt.com/cdn/assets/chunk-{place * 7919 % 10000:04x}.js",
            "host": "chatgpt.com",
            "kind": "script",
            "needed": place < 6,
            "outcome": "loaded",
            "status": 200,
        }
        for place in range(42)
    ]
    host_rows: list[Row] = [
        {"source": "session.json", "section": "os", "name": "hostname", "value": "desk-0417"},
        {"source": "session.json", "section": "os", "name": "system", "value": "Windows 11 23H2"},
        {"source": "session.json", "section": "resolver", "name": "1", "value": RESOLVER},
    ]
    markers: list[Row] = [
        {"source": "events.jsonl", "time": BEGIN + 11.0, "text": "asked a question now"},
    ]
    return {
        "dns": dns,
        "http": http,
        "sse": sse,
        "chunks": chunks,
        "ws": ws,
        "ws_frames": frames,
        "connections": connections,
        "tls": tls,
        "resources": resources,
        "host": host_rows,
        "markers": markers,
    }


def tables_of(rows: dict[str, list[Row]], capture: CaptureFacts = CAPTURE) -> Tables:
    frames = {name: frame_of_rows(name, given) for name, given in rows.items()}
    return Tables.of(frames, SOURCES, [capture])


def _diagnosis(verdict: Verdict, *findings: Finding, **changes: object) -> Diagnosis:
    whole = Diagnosis("0.1.0", "2026.11", SOURCES, verdict, findings, COVERED)
    return replace(whole, **changes)  # type: ignore[arg-type]


VPN_SEEN = Finding(
    "vpn.detected",
    Locus.VPN_PROXY,
    Severity.INFO,
    0.9,
    "A WireGuard tunnel (wg0) carries the default route.",
    subjects=("wg0",),
    evidence=(Evidence("session.json", "default route through wg0"),),
    does_not_prove="A tunnel that is there is not a tunnel at fault.",
)
INTERCEPTED = Finding(
    "tls.intercepted",
    Locus.VPN_PROXY,
    Severity.INFO,
    0.8,
    "TLS of intranet.example is re-signed by a product on the path.",
    subjects=("intranet.example",),
    vendor="Fortinet FortiGate",
    evidence=(Evidence.flow("flows.mitm", "flow-003", "issuer CN=FortiGate CA"),),
    does_not_prove="Inspection of another host says nothing of ChatGPT's.",
)


def sinkhole() -> Sample:
    """A DNS filter answers the websocket's name with its block page's address."""
    rows = _session()
    rows["dns"] += _dns("ws.chatgpt.com", 3.0, "146.112.61.106", 300)
    rows["dns"] += _dns("ws.chatgpt.com", 8.0, "146.112.61.106", 320)
    rows["http"].append(
        {
            "source": "flows.mitm",
            "flow": "ws-refused",
            "started": BEGIN + 3.1,
            "ended": BEGIN + 3.4,
            "method": "GET",
            "scheme": "https",
            "host": "ws.chatgpt.com",
            "path": "/p8/ws/user/1",
            "error": "certificate verify failed: unable to get local issuer certificate",
        }
    )
    rows["ws"] = [
        {
            "source": "flows.mitm",
            "flow": "ws-refused",
            "host": "ws.chatgpt.com",
            "path": "/p8/ws/user/1?verify=‹masked›",
            "requested": BEGIN + 3.1,
            "ended": BEGIN + 3.4,
            "error": "certificate verify failed",
        }
    ]
    rows["ws_frames"] = []
    root = Finding(
        "dns.sinkhole",
        Locus.DNS,
        Severity.CRITICAL,
        0.97,
        "The resolver 192.168.10.1 answers ws.chatgpt.com with 146.112.61.106, a block-page "
        "address of Cisco Umbrella.",
        subjects=("ws.chatgpt.com",),
        vendor="Cisco Umbrella",
        count=2,
        first_seen=BEGIN + 3.018,
        last_seen=BEGIN + 8.018,
        evidence=(
            Evidence.packets(
                "packets.pcapng", (301, 321), "Both answers for ws.chatgpt.com name 146.112.61.106."
            ),
            Evidence.flow(
                "flows.mitm",
                "ws-refused",
                "The TLS handshake with that address fails: its certificate is not the service's.",
            ),
        ),
        remedy=Remedy(
            "it",
            (
                "Open the DNS filter's console (Cisco Umbrella) and find the policy that covers "
                "this machine.",
                "Allow chatgpt.com and all names below it, or the application ChatGPT.",
                "Clear the DNS cache of the machine and reload ChatGPT.",
            ),
            "Please allow *.chatgpt.com in the DNS filter (Cisco Umbrella).\n\n"
            "ws.chatgpt.com is answered with 146.112.61.106 (block page) by 192.168.10.1, seen "
            "twice on 22 Nov 2026 from 13:05:15 UTC.\n"
            "Proof: packets.pcapng, frame.number in {301, 321}.\n"
            "Effect: answers that arrive over the websocket never appear.",
        ),
        does_not_prove="The block need not be meant for ChatGPT: the name may fall under "
        "a wider category.",
    )
    follower = Finding(
        "ws.upgrade_failed",
        Locus.NETWORK,
        Severity.CRITICAL,
        0.9,
        "The websocket to ws.chatgpt.com was never opened.",
        subjects=("ws.chatgpt.com",),
        first_seen=BEGIN + 3.1,
        explained_by="dns.sinkhole",
        evidence=(Evidence.flow("flows.mitm", "ws-refused"),),
        does_not_prove="",
    )
    verdict = Verdict(
        Status.BLOCKED,
        Locus.DNS,
        "dns.sinkhole",
        "The company's DNS filter (Cisco Umbrella) blocks ws.chatgpt.com, so answers never arrive.",
        0.97,
    )
    return Sample(_diagnosis(verdict, VPN_SEEN, follower, root, INTERCEPTED), tables_of(rows))


def dropped_websocket() -> Sample:
    """An idle timer on the path cuts the websocket; the delay budget is there."""
    rows = _session()
    rows["ws"][0] = {
        **rows["ws"][0],
        "ended": BEGIN + 33.0,
        "close_code": 1006,
        "clean": False,
        "closed_by": "server",
        "idle_before_end_s": 30.0,
    }
    rows["ws_frames"] = [row for row in rows["ws_frames"] if float(str(row["time"])) < BEGIN + 5]
    root = Finding(
        "ws.dropped",
        Locus.NETWORK,
        Severity.WARNING,
        0.82,
        "The websocket to ws.chatgpt.com was cut without a close frame after 30.0 s of silence.",
        subjects=("ws.chatgpt.com",),
        count=3,
        first_seen=BEGIN + 33.0,
        last_seen=BEGIN + 33.0,
        evidence=(
            Evidence.flow("flows.mitm", "ws-1", "No close frame; close code 1006."),
            Evidence.packets("packets.pcapng", (900,), "Reset from the server's address."),
        ),
        remedy=Remedy(
            "it",
            (
                "Raise the idle timer of the proxy for ws.chatgpt.com to 300 s or more.",
                "Record again and compare.",
            ),
            "Websockets to ws.chatgpt.com are cut after 30 s of silence. Please raise the idle "
            "timer for long-lived connections.",
        ),
        does_not_prove="One cut does not fix the timer's length; three do.",
    )
    verdict = Verdict(
        Status.IMPAIRED,
        Locus.NETWORK,
        "ws.dropped",
        "Something on the network path cuts ChatGPT's websocket after 30 seconds of silence.",
        0.82,
    )
    budget = [
        {"leg": leg, "part": part, "way": "direct", "median_ms": median, "p95_ms": p95, "n": n}
        for leg, part, median, p95, n in (
            ("resolver 192.168.10.1", "lookup", 18.0, 31.0, 64),
            ("near leg (TCP handshake)", "near", 21.0, 44.0, 11),
            ("whole way (TLS answer)", "whole", 44.0, 71.5, 11),
            ("behind the near end", "behind", 23.0, 31.5, 11),
            ("edge and service (API call)", "both", 182.0, 640.0, 87),
        )
    ]
    sample = _diagnosis(verdict, root, VPN_SEEN, measurements={"delay_budget": budget})
    return Sample(sample, tables_of(rows))


def healthy() -> Sample:
    """Nothing that a user would notice."""
    verdict = Verdict(
        Status.OK, Locus.UNKNOWN, None, "ChatGPT worked in this session; no fault was found.", 0.9
    )
    return Sample(_diagnosis(verdict, VPN_SEEN), tables_of(_session()))


def insufficient() -> Sample:
    """A bare file with next to nothing in it."""
    verdict = Verdict(
        Status.INSUFFICIENT,
        Locus.UNKNOWN,
        None,
        "The capture holds no traffic of ChatGPT, so no verdict is possible.",
        0.0,
    )
    source = Source(
        "truncated.pcap",
        SourceKind.PCAP,
        complete=False,
        problems=("The file ends in the middle of packet 4; record again to have the rest.",),
    )
    coverage = tuple(
        Coverage(area, assessed=False, reason="nothing of it was seen")
        for area in ("dns", "tcp", "tls", "http", "ws", "sse", "script")
    )
    facts = CaptureFacts("truncated.pcap", packets_reason="the file holds 3 packets of other hosts")
    diagnosis = _diagnosis(verdict, sources=(source,), coverage=coverage)
    return Sample(diagnosis, Tables.of(sources=(source,), captures=[facts]))


HOSTILE = (
    "</title></script><script>fetch('https://evil.example')</script>",
    '"><img src=x onerror=alert(1)>',
    "gpj.exe\u202ecod.tpgtahc\u2066\u200b",
    "\x1b]0;owned\x07\x1b[31mred\x1b[0m\x9b1m",
    "a" * 100_000 + ".example",
    "\u202e" * 5_000,
    "e" + "\u0301" * 400,
    "{{ 7*7 }}{% raw %} javascript:alert(1) ]]> --> &amp;",
)


def hostile() -> Sample:
    """Every text that a capture can bring is an attack, and there is a lot of everything."""
    texts = [HOSTILE[place % len(HOSTILE)] for place in range(200)]
    findings = tuple(
        Finding(
            f"dns.hostile_{place}",
            Locus.DNS,
            Severity.CRITICAL if place % 2 else Severity.INFO,
            0.5,
            f"Seen: {texts[place]}",
            subjects=tuple(texts[:40]),
            vendor=texts[place],
            first_seen=BEGIN + place / 10,
            evidence=tuple(
                Evidence(text, text, tuple(range(1, 200)), text, text) for text in texts[:30]
            ),
            remedy=Remedy("it", tuple(texts[:20]), "\n".join(texts)),
            does_not_prove=texts[place],
        )
        for place in range(100)
    )
    verdict = Verdict(Status.BLOCKED, Locus.DNS, "dns.hostile_1", HOSTILE[0] + HOSTILE[2], 0.5)
    rows: dict[str, list[Row]] = {
        "http": [
            {
                "source": text,
                "flow": text,
                "started": BEGIN + place,
                "ended": BEGIN + place + 1,
                "method": text,
                "host": text,
                "path": text,
                "server": text,
                "error": text,
                "error_code": text,
            }
            for place, text in enumerate(texts)
        ],
        "dns": [
            {
                "source": text,
                "frame": place,
                "time": BEGIN,
                "qname": text,
                "qtype": text,
                "src": text,
                "dst": text,
                "response": place % 2 == 0,
                "id": place,
                "rcode": 70_000,
                "answers": [text] * 6,
                "latency_ms": 1e300,
            }
            for place, text in enumerate(texts)
        ],
        "ws": [
            {
                "source": text,
                "flow": text,
                "host": text,
                "path": text,
                "requested": -1e300,
                "closed_by": text,
                "error": text,
                "idle_before_end_s": 1e308,
            }
            for text in texts
        ],
        "connections": [
            {
                "source": text,
                "host": text,
                "address": text,
                "via": text,
                "issuer": text,
                "error": text,
                "started": 1e300,
            }
            for text in texts
        ],
        "resources": [
            {"source": text, "url": text, "kind": text, "outcome": text, "error": text}
            for text in texts
        ],
        "markers": [
            {"source": "x", "time": None if place % 2 else BEGIN + place, "text": text}
            for place, text in enumerate(texts)
        ],
        "host": [{"source": "x", "section": "os", "name": text, "value": text} for text in texts],
    }
    sources = tuple(
        Source(text, SourceKind.PCAP, text, complete=False, problems=(text,), first_seen=1e300)
        for text in HOSTILE
    )
    coverage = tuple(Coverage(text, assessed=False, reason=text) for text in HOSTILE)
    facts = CaptureFacts(HOSTILE[1], BEGIN, BEGIN + 60, HOSTILE[0], HOSTILE[3], HOSTILE[2])
    budget: dict[str, object] = {
        "delay_budget": [
            {"leg": text, "median_ms": 5.0, "p95_ms": float("nan"), "n": 3} for text in texts
        ]
    }
    diagnosis = Diagnosis("0.1.0", "1", sources, verdict, findings, coverage, budget)
    frames = {name: frame_of_rows(name, given) for name, given in rows.items()}
    return Sample(diagnosis, Tables.of(frames, sources, [facts]))


SAMPLES: dict[str, Callable[[], Sample]] = {
    "sinkhole": sinkhole,
    "dropped-websocket": dropped_websocket,
    "healthy": healthy,
    "insufficient": insufficient,
}
