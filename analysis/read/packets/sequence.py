"""What each TCP segment is, by Wireshark's definitions (its user's guide, "TCP Analysis").

Numbers are raw 32-bit sequence numbers; 0 in `next_seq`, `last_ack` and
`max_acked` means "not seen yet", as in Wireshark, whose counts these must equal.
"""

from __future__ import annotations

from typing import NamedTuple

FIN, SYN, RST, ACK = 1, 2, 4, 16
_ENDS = SYN | FIN | RST

RETRANSMISSION, OUT_OF_ORDER, LOST_SEGMENT = 1, 2, 4
DUPLICATE_ACK, ZERO_WINDOW, KEEP_ALIVE, WINDOW_PROBE = 8, 16, 32, 64
WINDOW_FULL, FAST, SPURIOUS = 128, 256, 512

_FAST_NS = 20_000_000
"""A retransmission this soon after duplicate ACKs is a fast one."""

_REORDER_NS = 3_000_000
"""Reordering window while the initial RTT is unknown."""


def after(a: int, b: int) -> bool:
    """Whether sequence number `a` is later than `b`, modulo 2^32."""
    return 0 < (a - b & 0xFFFFFFFF) < 0x80000000


class Side:
    """One direction of a connection, as seen from its sender."""

    __slots__ = (
        "base_seq",
        "dup_acks",
        "last_ack",
        "last_ack_ns",
        "last_marks",
        "max_acked",
        "next_seq",
        "next_seq_ns",
        "scale",
        "window",
    )

    def __init__(self) -> None:
        self.base_seq: int | None = None
        self.next_seq = 0
        self.next_seq_ns = 0
        self.max_acked = 0
        self.last_ack = 0
        self.last_ack_ns = 0
        self.window = -1
        self.scale: int | None = None
        """Shift of the window field (RFC 7323), -1 without the option; None while no SYN told."""
        self.dup_acks = 0
        self.last_marks = 0

    @property
    def in_step(self) -> bool:
        """What was sent is known without doubt, except perhaps for gaps in the capture."""
        known = self.next_seq != 0 and self.max_acked != 0
        return known and not after(self.max_acked, self.next_seq)


class Segment(NamedTuple):
    """A TCP header: `window` unscaled, `length` of the payload, `ns` the time."""

    seq: int
    ack: int
    flags: int
    window: int
    length: int
    ns: int


def analyse(fwd: Side, rev: Side, segment: Segment, initial_rtt: int) -> int:
    """Marks of one segment sent by `fwd`; both sides are brought up to date.

    `initial_rtt` is in nanoseconds, 0 while unknown.
    """
    seq, ack, flags, _, length, _ = segment
    if fwd.base_seq is None:
        fwd.base_seq = seq if flags & SYN else seq - 1 & 0xFFFFFFFF
    if rev.base_seq is None and flags & ACK:
        rev.base_seq = ack - 1 & 0xFFFFFFFF
    if length == 1 and seq == fwd.next_seq and rev.window == 0:
        marks = WINDOW_PROBE
    else:
        marks = _control(fwd, rev, segment)
    if ack != fwd.last_ack:
        fwd.dup_acks = 0
    if rev.max_acked and flags & ACK and after(ack, rev.max_acked):
        _acked_unseen(rev)
    if (length or flags & (SYN | FIN)) and not marks & KEEP_ALIVE:
        marks |= _repeated(fwd, rev, segment, initial_rtt or _REORDER_NS)
    _remember(fwd, segment, marks)
    return marks


def _control(fwd: Side, rev: Side, segment: Segment) -> int:
    """Marks that do not concern repeated data."""
    seq, ack, flags, window, length, _ = segment
    ends = flags & _ENDS
    marks = 0
    if not window and not ends:
        marks = ZERO_WINDOW
    if fwd.next_seq and not ends & RST and after(seq, fwd.next_seq):
        marks |= LOST_SEGMENT
    if length and not ends and rev.scale is not None:
        # a window is scaled only where both SYNs carried the option (RFC 7323 section 2.2)
        shift = 0 if -1 in (fwd.scale, rev.scale) else rev.scale
        edge = rev.last_ack + (rev.window << shift)
        if (seq + length - edge) & 0xFFFFFFFF == 0:
            marks |= WINDOW_FULL
    if ends or length > 1:
        return marks
    if seq == (fwd.next_seq - 1 & 0xFFFFFFFF):
        marks |= KEEP_ALIVE
    repeats = seq == fwd.next_seq and ack == fwd.last_ack and window == fwd.window
    if not length and window and repeats and not rev.last_marks & KEEP_ALIVE:
        fwd.dup_acks = 1 if fwd.dup_acks < 0 else fwd.dup_acks + 1
        marks |= DUPLICATE_ACK
    return marks


def _acked_unseen(rev: Side) -> None:
    """The ACK covers data the capture never showed."""
    if after(rev.max_acked, rev.next_seq):
        rev.max_acked = rev.next_seq
    else:
        rev.dup_acks = -1


def _repeated(fwd: Side, rev: Side, segment: Segment, reorder_ns: int) -> int:
    """Whether a segment with data, SYN or FIN repeats or fills a gap."""
    seq, _, flags, _, length, ns = segment
    end = seq + length & 0xFFFFFFFF
    behind = fwd.next_seq != 0 and after(fwd.next_seq, seq)
    if length > 1 and seq == (fwd.next_seq - 1 & 0xFFFFFFFF):
        behind = False  # new data after what may have been a window probe
    if length and rev.last_ack and not after(end, rev.last_ack):
        return RETRANSMISSION | SPURIOUS
    if not behind:
        return 0
    if rev.dup_acks >= 2 and rev.last_ack == seq and ns - rev.last_ack_ns < _FAST_NS:
        return RETRANSMISSION | FAST
    finish = end + (1 if flags & (SYN | FIN) else 0) & 0xFFFFFFFF
    if ns - fwd.next_seq_ns < reorder_ns and fwd.next_seq != finish:
        return OUT_OF_ORDER
    return RETRANSMISSION


def _remember(fwd: Side, segment: Segment, marks: int) -> None:
    seq, ack, flags, window, length, ns = segment
    finish = seq + length & 0xFFFFFFFF
    if flags & (SYN | FIN):
        finish = finish + 1 & 0xFFFFFFFF
    if not marks & WINDOW_PROBE:
        if not fwd.next_seq or after(finish, fwd.next_seq):
            fwd.next_seq = finish
            fwd.next_seq_ns = ns
        if not fwd.max_acked or seq == fwd.max_acked:
            fwd.max_acked = fwd.next_seq
    fwd.window = window
    fwd.last_ack = ack
    fwd.last_ack_ns = ns
    fwd.last_marks = marks
