"""Certificates that somebody refused, with what is known of who made them.

The ground of tls.cert_invalid and tls.intercept_breaks.  From the words of
OpenSSL (which mitmproxy quotes), from the browser's own codes, and in packets
from an alert beside a certificate in clear (TLS 1.2).  Under TLS 1.3 a client that
refuses the certificate says one encrypted alert, a record of 19 octets, where its
Finished should be, and leaves; why, only the keys would tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.detect.once import once
from analysis.detect.path_answers import net_error
from analysis.detect.reach import Reach, reach_of
from analysis.detect.support import (
    Record,
    connection_evidence,
    flow_evidence,
    matters,
    packet_evidence,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import hosts
from analysis.knowledge.addresses import EDGE, address, in_group
from analysis.knowledge.certificate_errors import certificate_error
from analysis.knowledge.products import public_authority, vendor_of_issuer
from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables
from analysis.model.message import Message, say

OWN_ISSUERS = ("mitmproxy", "chatpath")

_COMMON_NAME = re.compile(r"\bCN=([^,]+)")
_ALERT_RECORD = 19
"""Alert of 2 octets, its inner type and the tag of 16 (RFC 8446 section 5.2)."""
_ALERT_LEAST, _ALERT_MOST = 29, 40
"""Octets beyond the hello: its record header, the alert's record, often change_cipher_spec.

An alert in clear is shorter, a Finished longer.
"""
_ALERTS = {45: "date", 44: "revoked", 48: "authority"}
"""certificate_expired, certificate_revoked, unknown_ca (RFC 8446 section 6.2)."""
_REFUSALS = (*_ALERTS, 42, 43, 46)
"""With those that leave the reason open: bad, unsupported and unknown certificate."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One handshake that ended because the certificate was not accepted.

    `reason` is inspected, name, date, authority, proxy (the certificate is the proxy's own),
    revoked, other, or hidden where the alert was encrypted; `inspector` the product whose
    issuer is known; `foreign` tells that the issuer was seen and is of no
    public authority; `address` is whom the client had reached.
    """

    host: str
    address: str | None
    reason: str
    subject: str | None
    issuer: str | None
    inspector: str | None
    foreign: bool
    not_before: float | None
    not_after: float | None
    time: float | None
    evidence: tuple[Evidence, ...]

    @property
    def own_name(self) -> bool:
        """True for a certificate of another name; who inspects TLS copies the name asked for."""
        common = _COMMON_NAME.search(self.subject or "")
        return common is not None and not _covers(common[1].lower(), self.host)


def _covers(pattern: str, host: str) -> bool:
    """RFC 6125 section 6.4.3: a wildcard stands for one label."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern


def inspector_of(issuer: str | None) -> str | None:
    """The product that signs with this issuer; chatpath's own is none."""
    text = (issuer or "").lower()
    if not text or any(own in text for own in OWN_ISSUERS):
        return None
    return vendor_of_issuer(text)


def inspector_at(tables: Tables, host: str) -> str | None:
    """The product that signs the host's certificate here, which then handles its streams too."""
    return next(filter(None, map(inspector_of, _issuers_at(tables, host))), None)


def straight_to(tables: Tables, host: str) -> bool:
    """Whether public authorities alone signed the host's certificates, so that nobody opens TLS."""
    issuers = _issuers_at(tables, host)
    return bool(issuers) and all(map(public_authority, map(str.lower, issuers)))


def _issuers_at(tables: Tables, host: str) -> tuple[str, ...]:
    connections = tables["connections"]
    if connections.empty:
        return ()
    own = connections[(connections["host"] == host).fillna(False) & connections["issuer"].notna()]
    return tuple(dict.fromkeys(own["issuer"].head(50)))


def opened_by(vendor: str) -> Message:
    """Said of a host whose certificate `inspector_at` names."""
    return say("{vendor} opens the connections to this host", vendor=vendor)


def foreign_issuer(issuer: str | None) -> bool:
    """True for an issuer that is neither a public authority's nor chatpath's own."""
    text = (issuer or "").lower()
    return bool(text) and not any(own in text for own in OWN_ISSUERS) and not public_authority(text)


@once
def refused_certificates(tables: Tables) -> list[Refused]:
    """All of them to hosts that matter, hosts that worked later left out."""
    hidden = _by_hidden_alert(tables)
    found = [*_by_recorder(tables), *_by_browser(tables), *_by_alert(tables), *hidden]
    reach = reach_of(tables, frozenset(item.host for item in found))
    return [item for item in found if not _worked_after(reach[item.host], item)]


@once
def portal_certificates(tables: Tables) -> list[Refused]:
    """Refusals of one certificate of another name, shown at several addresses or at the edge's.

    Whoever shows it takes over connections whatever their address: a sign-in portal. Another
    address alone may be a wrong DNS answer, or a server set up wrongly.
    """
    shown: dict[tuple[str | None, str | None], list[Refused]] = {}
    for item in [*_by_recorder(tables, hosts().is_chatgpt), *_by_alert(tables)]:
        if item.own_name and item.inspector is None and item.reason in ("authority", "name"):
            shown.setdefault((item.subject, item.issuer), []).append(item)
    return [item for items in shown.values() if _anywhere(_addresses(items)) for item in items]


def _anywhere(places: set[str]) -> bool:
    known = [place for text in places if (place := address(text)) is not None]
    return len(places) > 1 or any(in_group(EDGE, place) for place in known)


def _addresses(items: Sequence[Refused]) -> set[str]:
    return {item.address for item in items if item.address}


def _worked_after(reach: Reach, item: Refused) -> bool:
    """A host that works beside the refusal has its fault in one client, not on the way."""
    known = item.inspector is not None or item.foreign or item.reason == "hidden"
    return reach.worked and not known


def _by_recorder(tables: Tables, wanted: Callable[[str], bool] = matters) -> list[Refused]:
    frame = tables["connections"]
    if frame.empty:
        return []
    found = []
    for row in records(where(frame[frame["error"].notna()], "host", wanted)):
        reason = certificate_error(row["error"])
        if reason and row["error_stage"] in ("tls", None):
            piece = connection_evidence(
                row, say("to {host}: {error}", host=row["host"], error=row["error"])
            )
            found.append(_refused(row, row["host"], reason, (piece,)))
    return found


def _by_browser(tables: Tables) -> list[Refused]:
    http = tables["http"]
    if http.empty:
        return []
    connections = {
        (row["source"], row["connection"]): row
        for row in records(where(tables["connections"], "host", matters))
    }
    found = []
    for row in records(where(http[http["error"].notna()], "host", matters)):
        reason = certificate_error(net_error(row))
        if reason:
            leaf = connections.get((row["source"], row["connection"]), {})
            leaf = leaf | {"started": row["started"]}
            found.append(_refused(leaf, row["host"], reason, flow_evidence([row], row["error"])))
    return found


def alerted(tables: Tables, wanted: Callable[[str], bool] = matters) -> list[Record]:
    """Handshakes whose certificate the client refused, by an alert in clear."""
    hellos = without_own_leg(tables["tls"], tables)
    if hellos.empty:
        return []
    sent = hellos[(hellos["alert_by"] == "client").fillna(False) & hellos["issuer"].notna()]
    return [row for row in records(where(sent, "sni", wanted)) if row["alert"] in _REFUSALS]


def _by_alert(tables: Tables) -> list[Refused]:
    found = []
    for row in alerted(tables):
        note = say(
            "the client refuses the certificate of {issuer} (alert {alert})",
            issuer=row["issuer"],
            alert=str(row["alert"]),
        )
        evidence = packet_evidence([row], note, ("frame", "alert_frame"))
        reason = _ALERTS.get(row["alert"], "other")
        if reason == "other" and outside(row["time"], row["not_before"], row["not_after"]):
            reason = "date"
        found.append(_refused(row, row["sni"], reason, evidence))
    return found


def outside(time: float | None, not_before: float | None, not_after: float | None) -> bool:
    """The capture's own clock says that a certificate is not valid."""
    if time is None:
        return False
    early = not_before is not None and time < not_before
    return early or (not_after is not None and time > not_after)


def _by_hidden_alert(tables: Tables) -> list[Refused]:
    note = say(
        "the client's only word after the ServerHello is an alert (19 octets), then it leaves"
    )
    return [
        _refused(row, row["sni"], "hidden", packet_evidence([row], note, ("frame", "last_frame")))
        for row in hidden_alerts(tables)
    ]


@once
def hidden_alerts(tables: Tables) -> list[Record]:
    """Handshakes that the client left with an encrypted alert as its only word."""
    hellos, tcp = without_own_leg(tables["tls"], tables), tables["tcp"]
    if hellos.empty or tcp.empty:
        return []
    left = (tcp["client_fin"].fillna(0) > 0) | (tcp["client_rst"].fillna(0) > 0)
    # a sampler keeps no data records; where one was kept, it must be the alert
    other = (tcp["client_last_record"] != _ALERT_RECORD).fillna(False)
    quiet = tcp[left & ~other][["source", "stream", "client_sent", "last_frame"]]
    answered = hellos[hellos["server_hello_ms"].notna() & hellos["alert"].isna()]
    joined = where(answered, "sni", matters).merge(quiet, on=["source", "stream"])
    # a Finished before the alert would make it the close_notify of a session that was fine
    beyond = joined["client_sent"] - joined["hello_bytes"]
    return records(joined[beyond.between(_ALERT_LEAST, _ALERT_MOST).fillna(False)])


def _refused(leaf: Record, host: str, reason: str, evidence: tuple[Evidence, ...]) -> Refused:
    issuer = leaf.get("issuer")
    return Refused(
        host=host,
        address=leaf.get("address") or leaf.get("server"),
        reason=reason,
        subject=leaf.get("subject"),
        issuer=issuer,
        inspector=inspector_of(f"{issuer} {leaf.get('root') or ''}") if issuer else None,
        foreign=foreign_issuer(issuer),
        not_before=leaf.get("not_before"),
        not_after=leaf.get("not_after"),
        time=leaf.get("started") or leaf.get("time"),
        evidence=evidence,
    )
