"""Websockets of ChatGPT: which there were, how each ended, and what was due.

Shared by the websocket detectors.  A socket is one row of `ws`, or, in packets
alone, a TLS connection to the websocket host.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.detect.once import once
from analysis.detect.silence import silence_before
from analysis.detect.support import (
    Record,
    capture_end,
    last_moment,
    records,
    rule_of,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.model.frames import Tables

SOCKET_HOSTS = ("ws.chatgpt.com",)
"""Hosts that carry nothing but the websocket, so that packets alone name it."""


def carries_answers(host: str) -> bool:
    """True for a host whose websocket ChatGPT needs."""
    rule = rule_of(host)
    return rule is not None and rule.essential


@once
def sockets(tables: Tables) -> list[Record]:
    """Rows of `ws` to essential hosts, in order of time."""
    rows = records(where(tables["ws"], "host", carries_answers))
    return sorted(rows, key=lambda row: row["requested"] or row["opened"] or 0.0)


def ended_by_capture(tables: Tables, moment: float | None) -> bool:
    """True when the capture itself was stopped at that moment."""
    end = capture_end(tables)
    return end is not None and moment is not None and end - moment <= threshold("capture_end_s")


def cut(row: Record) -> bool:
    """The socket ended without a close frame."""
    if row["opened"] is None or row["ended"] is None:
        return False
    if row["clean"]:
        return False
    return row["close_code"] in (None, 1006, 1015) or (
        row["clean"] is False and row["close_code"] == 1005
    )


def turns_due(row: Record, tables: Tables) -> int:
    """Turns that were handed to this socket and not finished on it."""
    due = max((row["subscribed"] or 0) - (row["completed"] or 0), 0)
    if due:
        return due
    # a flow file may lack the subscription; where any socket shows one, the turn is that one's
    if any(other["subscribed"] or other["completed"] for other in sockets(tables)):
        return 0
    return len(_handed_over(row, tables))


def _handed_over(row: Record, tables: Tables) -> list[Record]:
    """Streams that announced the hand-off while this socket was open."""
    sse = tables["sse"]
    if sse.empty or row["opened"] is None:
        return []
    start, end = row["opened"], row["ended"] or last_moment(tables) or row["opened"]
    found = records(sse[sse["handoff"].fillna(False)])
    return [item for item in found if start <= (item["last_chunk"] or item["started"] or 0) <= end]


@dataclass(frozen=True, slots=True)
class WireSocket:
    """A TLS connection to a websocket host, as packets show it."""

    tls: Record
    tcp: Record

    @property
    def host(self) -> str:
        return str(self.tls["sni"])

    @property
    def established(self) -> bool:
        """TLS was answered and the client went on to send data."""
        return self.tls["server_hello_ms"] is not None and self.tls["alert"] is None

    @property
    def reset(self) -> bool:
        """Reset with the server's address before either side said goodbye."""
        row = self.tcp
        quiet = not row["client_fin"] and not row["server_fin"]
        return row["reset_by"] == "server" and quiet

    @property
    def closed(self) -> bool:
        """Ended by the server's FIN; what the websocket said before it is encrypted."""
        return bool(self.tcp["server_fin"]) and self.tcp["reset_by"] is None

    @property
    def whole(self) -> bool:
        """All data records are in the capture: a sampler keeps handshakes and ends only."""
        row = self.tcp
        return all(
            row[f"{side}_sent"] is not None and row[f"{side}_payload"] >= row[f"{side}_sent"]
            for side in ("client", "server")
        )

    @property
    def hung_up(self) -> bool:
        """The server's side closed TCP although the client had sent no close frame.

        The closing handshake needs a frame of both sides (RFC 6455 section 7.1.1),
        so a close in order shows octets of the client a round trip before the FIN,
        and TLS, unlike TCP, is answered by the far end of a relay too.
        """
        quiet = self._client_quiet_s
        return (
            self.closed
            and self.whole
            and self.tcp["fin_by"] == "server"
            and quiet is not None
            and quiet >= max(threshold("ws_close_s"), 4 * self.answered_s)
        )

    @property
    def _client_quiet_s(self) -> float | None:
        """The least time that the client had sent nothing when the FIN came."""
        end, spoke = self.tcp["fin_time"], self.tcp["client_payload_time"]
        if end is None or spoke is None:
            return None
        if spoke <= end:
            return float(end - spoke)
        # it answered the FIN with a farewell of its own
        silence = self.tcp["fin_silence_ms"]
        return None if silence is None else float(silence) / 1000

    @property
    def path_died(self) -> bool:
        """The client's data was resent in vain on an open socket, larger data having passed.

        What it lost is smaller than what was delivered, so its size is not the reason;
        a reset or FIN of the server's side is an end of another kind.
        """
        row = self.tcp
        lost, longest = row["client_lost_payload"], row["client_max_payload"]
        spoke, heard = row["client_payload_time"], row["server_payload_time"]
        return (
            self.established
            and not row["server_fin"]
            and row["reset_by"] != "server"
            and (row["client_unacked"] or 0) > 0
            and (row["client_retransmissions"] or 0) >= threshold("ws_dead_resends")
            and None not in (lost, longest, spoke, heard)
            and 0 < lost < longest
            and spoke > heard
        )

    @property
    def answered_s(self) -> float:
        """Seconds from the ClientHello to the ServerHello; 0 when it is not known."""
        return (self.tls["server_hello_ms"] or 0.0) / 1000

    @property
    def unheard(self) -> float | None:
        """Seconds since the client's request, where the server has said nothing after TLS."""
        delay, hello = self.tls["server_hello_ms"], self.tls["time"]
        asked, told = self.tcp["client_payload_time"], self.tcp["server_payload_time"]
        if not self.whole or None in (delay, hello, asked, told) or asked < told:
            return None
        # session tickets come up to two round trips after the hello
        if told - hello > 3 * delay / 1000 + 0.05:
            return None
        sent = (self.tcp["client_payload"] or 0) - (self.tls["hello_bytes"] or 0)
        if sent < threshold("request_works"):
            return None
        end = self.tcp["fin_time"] or self.tcp["reset_time"]
        return None if end is None else float(end - asked)

    @property
    def idle(self) -> float | None:
        """Silence of data before the end, in seconds."""
        end = self.tcp["reset_time"] or self.tcp["fin_time"] or self.tcp["last_time"]
        return silence_before(self.tcp, end)


@once
def wire_sockets(tables: Tables) -> list[WireSocket]:
    """TLS connections to websocket hosts, chatpath's own leg left out."""
    hellos = without_own_leg(tables["tls"], tables)
    hellos = where(hellos, "sni", lambda name: name in SOCKET_HOSTS)
    tcp = tables["tcp"]
    if hellos.empty or tcp.empty:
        return []
    hellos = hellos[hellos["stream"].notna()]
    streams = {(row["source"], row["stream"]): row for row in records(hellos)}
    rows = records(tcp[tcp["stream"].isin([key[1] for key in streams]).fillna(False)])
    return [
        WireSocket(streams[row["source"], row["stream"]], row)
        for row in rows
        if (row["source"], row["stream"]) in streams
    ]


def reached_again(dead: WireSocket, tables: Tables) -> bool:
    """From the same address, a later connection to the same host was answered."""
    heard = dead.tcp["server_payload_time"]
    return any(
        other.host == dead.host
        and other.established
        and other.tcp["client"] == dead.tcp["client"]
        and other.tcp["first_time"] > heard
        for other in wire_sockets(tables)
    )


def packets_below(row: Record, tables: Tables) -> list[Record]:
    """TCP rows of the connection that carried a socket, reset around its end."""
    tcp, connections = tables["tcp"], tables["connections"]
    if tcp.empty or connections.empty or row["connection"] is None or row["ended"] is None:
        return []
    own = records(connections[(connections["connection"] == row["connection"]).fillna(False)])
    places = {(item["address"], item["port"]) for item in own}
    # the local port names the connection; a file without it knows only the far end
    ports = {item["local_port"] for item in own if item["local_port"] is not None}
    reset = tcp[tcp["reset_time"].notna()]
    return [
        item
        for item in records(reset)
        if (item["client_port"] in ports if ports else _place(item) in places)
        and item["reset_by"] == "server"
        and abs(item["reset_time"] - row["ended"]) <= 2.0
    ]


def _place(row: Record) -> tuple[str, int]:
    return row["server"], row["server_port"]
