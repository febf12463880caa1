"""Which finding explains which: a layer is judged only if the one below was usable.

A follower keeps its evidence and points at its cause; it is never dropped.
Rules are data: a follower, the findings that can explain it, and whether both
must be about the same hosts.  After OONI's evidence order (DNS, TCP, TLS, HTTP,
stream).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.knowledge import hosts, threshold
from analysis.model.diagnosis import Finding

_NAME_FAILED = (
    "dns.injected",
    "dns.block_cname",
    "dns.sinkhole",
    "dns.nxdomain_filter",
    "dns.ede_filtered",
    "dns.timeout",
    "dns.resolver_failing",
    "dns.dnssec_failure",
    "dns.hosts_file",
)

_PATH_REFUSED = (
    "net.captive_portal",
    "proxy.dead_setting",
    "proxy.auth_required",
    "proxy.denied",
    "tls.intercept_breaks",
    "tls.cert_invalid",
)
"""Above the names: what keeps every request to a host from the service."""


_NOT_OPENED = ("net.firewall_ip_block", "tcp.unreachable", "tcp.refused", "net.offline_gap")
"""TCP could not be opened, the likelier cause first."""

_CUT = (
    "tls.pq_hello_dropped",
    "tls.sni_blocked",
    "tcp.mtu_blackhole",
    "tcp.reset_injected",
    "tls.handshake_failure",
)
"""TCP was open, and something ended or starved the connection."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`follower` is explained by the first of `causes` that is there and about its hosts.

    `in_short` narrows the rule to followers whose headline says just that.
    """

    follower: str
    causes: tuple[str, ...]
    same_hosts: bool = True
    in_short: str = ""
    lesser: bool = False
    """The cause may be the milder one, if the follower began while it lasted."""


RULES: tuple[Rule, ...] = (
    Rule("dns.block_cname", ("dns.injected",)),
    Rule("dns.sinkhole", ("dns.injected", "dns.block_cname")),
    Rule("dns.nxdomain_filter", ("dns.injected", "dns.block_cname", "dns.sinkhole")),
    Rule(
        "dns.ede_filtered",
        ("dns.injected", "dns.block_cname", "dns.sinkhole", "dns.nxdomain_filter"),
    ),
    Rule("dns.resolver_failing", ("dns.sinkhole", "dns.nxdomain_filter", "dns.ede_filtered")),
    Rule("dns.timeout", ("dns.resolver_failing",)),
    # until its page is passed, a portal answers for the whole machine or lets nothing out
    *(
        Rule(follower, ("net.captive_portal",), same_hosts=False)
        for follower in (
            "dns.sinkhole",
            "dns.timeout",
            "net.firewall_ip_block",
            "tcp.unreachable",
            "tcp.refused",
            "tcp.reset_injected",
            "tls.sni_blocked",
            "tls.handshake_failure",
            "tls.cert_invalid",
            "tls.intercept_breaks",
            "ws.connect_failed",
        )
    ),
    # a clock is the whole machine's, whatever host the certificate was for
    Rule(
        "tls.cert_invalid",
        ("device.clock_skew",),
        same_hosts=False,
        in_short="outside its validity",
    ),
    Rule("tls.cert_invalid", ("net.captive_portal", "tls.intercept_breaks")),
    Rule("tls.cert_invalid", _NAME_FAILED),
    Rule("tls.intercept_breaks", ("net.captive_portal", *_NAME_FAILED)),
    Rule("proxy.denied", ("net.captive_portal", "proxy.auth_required")),
    # the page is that of the address which a false answer gave
    Rule("proxy.denied", ("dns.injected", "dns.block_cname", "dns.sinkhole", "dns.hosts_file")),
    *(
        Rule(follower, ("proxy.bypassed_by_websocket",))
        for follower in (
            "ws.connect_failed",
            "net.firewall_ip_block",
            "tcp.unreachable",
            "tcp.refused",
            "tcp.reset_injected",
            "tls.sni_blocked",
        )
    ),
    Rule("ws.connect_failed", _PATH_REFUSED),
    Rule("ws.upgrade_stripped", _PATH_REFUSED),
    Rule("script.blocked_by_network", _PATH_REFUSED),
    Rule("script.replaced", _PATH_REFUSED),
    Rule("script.replaced", ("ip.reputation_block", "geo.blocked", "bot.challenge")),
    Rule("sse.cut", _PATH_REFUSED),
    Rule("script.blocked_by_network", _NAME_FAILED),
    # an error page of the capturing proxy itself stands for the name that failed
    Rule("script.replaced", _NAME_FAILED),
    Rule("ws.upgrade_stripped", _NAME_FAILED),
    Rule("sse.cut", _NAME_FAILED),
    Rule("ws.connect_failed", (*_NAME_FAILED, "ws.upgrade_stripped")),
    # the page that should have opened the socket never ran
    Rule(
        "ws.connect_failed",
        (
            "script.blocked_by_network",
            "script.blocked_by_extension",
            "script.replaced",
            "script.blocked_by_policy",
            "script.stale_build",
        ),
        same_hosts=False,
        in_short="never opened",
    ),
    # what is blocked has a cause of its own; the list only says that it should not be
    Rule("allowlist.missing_entry", (*_NAME_FAILED, *_PATH_REFUSED)),
    Rule(
        "allowlist.missing_entry",
        (
            "net.firewall_ip_block",
            "tcp.unreachable",
            "tcp.refused",
            "tcp.reset_injected",
            "tls.sni_blocked",
            "tls.handshake_failure",
            "tls.pq_hello_dropped",
            "quic.blocked",
            "script.blocked_by_network",
            "script.telemetry_blocked",
            "ws.connect_failed",
        ),
    ),
    # whoever is refused or meets a broken service never gets as far as the socket
    Rule(
        "ws.connect_failed",
        (
            "bot.challenge",
            "ip.reputation_block",
            "geo.blocked",
            "service.outage",
            "account.session_expired",
        ),
        same_hosts=False,
        in_short="never opened",
    ),
    Rule("ws.connect_failed", ("service.outage",)),
    Rule("service.overloaded", ("service.outage",)),
    Rule("service.api_error", ("service.outage",)),
    # the answer that could not be taken up again was broken by something else
    Rule(
        "service.api_error",
        ("ws.connect_failed", "ws.upgrade_stripped", "ws.dropped", "ws.idle_timeout", "sse.cut"),
        same_hosts=False,
        in_short="recovery",
    ),
    Rule("sse.server_error", ("service.outage", "service.overloaded")),
    # its subject is the host of the check where that is what fails
    Rule("bot.challenge", (*_NAME_FAILED, *_NOT_OPENED, *_CUT, "script.blocked_by_network")),
    Rule("account.session_expired", ("device.clock_skew",), same_hosts=False),
    Rule(
        "account.session_expired",
        ("browser.cookie_conflict", "browser.extension_interferes", "browser.stale_cache"),
    ),
    Rule("browser.stale_cache", ("script.stale_build",), same_hosts=False),
    Rule("browser.extension_interferes", ("script.blocked_by_extension",), same_hosts=False),
    Rule("file.link_expired", ("device.clock_skew",), same_hosts=False),
    Rule(
        "file.upload_host_blocked",
        (
            *_NAME_FAILED,
            "net.firewall_ip_block",
            "tls.sni_blocked",
            "tcp.reset_injected",
            "tls.intercept_breaks",
            "proxy.denied",
        ),
    ),
    # silence at the storage alone says no more than what it keeps from working
    Rule("tcp.unreachable", ("file.upload_host_blocked",)),
    Rule("tcp.refused", ("file.upload_host_blocked",)),
    # the path below: what could not be opened, then what was cut
    Rule("net.firewall_ip_block", _NAME_FAILED),
    Rule("tcp.unreachable", (*_NAME_FAILED, "net.firewall_ip_block")),
    Rule("tcp.refused", (*_NAME_FAILED, "net.firewall_ip_block", "proxy.dead_setting")),
    Rule("tls.sni_blocked", (*_NAME_FAILED, "tls.pq_hello_dropped", "tcp.mtu_blackhole")),
    Rule("tls.pq_hello_dropped", (*_NAME_FAILED, "tcp.mtu_blackhole")),
    Rule(
        "tls.handshake_failure",
        (*_NAME_FAILED, "net.captive_portal", "tls.pq_hello_dropped", "tls.intercept_breaks"),
    ),
    Rule("tcp.reset_injected", (*_NAME_FAILED, "tls.sni_blocked", "tls.pq_hello_dropped")),
    Rule("tcp.loss", ("tcp.mtu_blackhole", "net.offline_gap")),
    Rule("net.ipv6_broken", ("net.offline_gap",)),
    Rule("ws.connect_failed", (*_NOT_OPENED, *_CUT)),
    # nobody is reached without a network: neither a resolver nor any host that was new then
    *(
        Rule(follower, ("net.offline_gap",), same_hosts=False, lesser=True)
        for follower in (
            "dns.timeout",
            "dns.resolver_failing",
            "tcp.unreachable",
            "net.firewall_ip_block",
            "ws.connect_failed",
            "script.blocked_by_network",
        )
    ),
    Rule("ws.dropped", ("tcp.reset_injected",)),
    # what ended the sockets refuses whoever asks anew
    Rule("ws.dropped", ("tcp.refused",)),
    # sockets that fall with everything else on the machine
    Rule("ws.dropped", ("net.offline_gap",), lesser=True),
    Rule("sse.cut", ("net.offline_gap",), lesser=True),
    Rule("script.blocked_by_network", (*_NOT_OPENED, *_CUT)),
    Rule("sse.cut", (*_NOT_OPENED, *_CUT)),
    Rule("sse.stalled", ("net.offline_gap",), lesser=True),
    Rule("sse.stalled", ("tcp.zero_window", "tcp.loss")),
    Rule("ws.frames_lost", ("ws.dropped",)),
    Rule("ws.stalled", ("ws.dropped", "ws.frames_lost")),
)


def explain(findings: Sequence[Finding]) -> list[Finding]:
    """The same findings, each pointing at its cause where one is there."""
    return [replace(found, explained_by=_cause(found, findings)) for found in findings]


def _cause(found: Finding, findings: Sequence[Finding]) -> str | None:
    for rule in RULES:
        if rule.follower != found.id:
            continue
        if rule.in_short and found.measurements.get("in_short") != rule.in_short:
            continue
        for cause_id in rule.causes:
            # a lesser finding cannot account for the whole effect
            causes = [
                other
                for other in findings
                if other.id == cause_id
                and other.explained_by != found.id
                and (
                    other.severity.rank <= found.severity.rank
                    or (rule.lesser and _during(other, found))
                )
            ]
            if causes and (not rule.same_hosts or _covers(causes, found)):
                return cause_id
    # a detector's own pointer stands only while the finding it names is there
    named = [other for other in findings if other.id == found.explained_by]
    return found.explained_by if _covers(named, found) else None


def _during(cause: Finding, found: Finding) -> bool:
    """True when all that was found fell into the time of the cause, give or take a moment."""
    edges = (cause.first_seen, cause.last_seen, found.first_seen, found.last_seen)
    if None in edges:
        return False
    first, last, begin, end = (edge or 0.0 for edge in edges)
    about = threshold("offline_around_s")
    return first - about <= begin and end <= last + about


def _covers(causes: Sequence[Finding], found: Finding) -> bool:
    """True when the causes are about every host that matters in the follower."""
    needed = {name for name in found.subjects if hosts().essential(name)} or set(found.subjects)
    return bool(needed) and needed <= {name for cause in causes for name in cause.subjects}
