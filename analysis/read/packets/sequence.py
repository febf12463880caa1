"""What each TCP segment is, by Wireshark's definitions (its user's guide, "TCP Analysis").

Numbers are raw 32-bit sequence numbers; 0 in `next_seq`, `last_ack` and
`max_acked` means "not seen yet", as in Wireshark, whose counts these must equal.
"""

from __future__ import annotations

FIN, SYN, RST, ACK = 1, 2, 4, 16
_ENDS = SYN | FIN | RST
_HALF, _WHOLE = 0x80000000, 0xFFFFFFFF

RETRANSMISSION, OUT_OF_ORDER, LOST_SEGMENT = 1, 2, 4
DUPLICATE_ACK, ZERO_WINDOW, KEEP_ALIVE, WINDOW_PROBE = 8, 16, 32, 64
WINDOW_FULL, FAST, SPURIOUS = 128, 256, 512

_FAST_NS = 20_000_000
"""A retransmission this soon after duplicate ACKs is a fast one."""

_REORDER_NS = 3_000_000
"""Reordering window while the initial RTT is unknown."""

_MOST_GAPS = 32
"""Gaps of a direction that are remembered, the latest."""


def after(a: int, b: int) -> bool:
    """Whether sequence number `a` is later than `b`, modulo 2^32."""
    return 0 < (a - b & 0xFFFFFFFF) < 0x80000000


class Side:
    """One direction of a connection, as seen from its sender."""

    __slots__ = (
        "base_seq",
        "dup_acks",
        "gaps",
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
        self.gaps: list[tuple[int, int, int]] | None = None
        """First number, number behind the last, and the time when it opened."""

    def opens_gap(self, start: int, end: int, ns: int) -> None:
        if self.gaps is None:
            self.gaps = []
        self.gaps.append((start, end, ns))
        if len(self.gaps) > _MOST_GAPS:
            del self.gaps[0]

    def fills_late(self, seq: int, ns: int, round_trip: float) -> bool:
        """Whether a segment lies in a gap that has been open for about a round trip.

        Sooner it cannot have been sent again: it was only late itself. Wireshark calls both out
        of order as long as other segments keep coming.
        """
        late = max(0.75 * round_trip, _REORDER_NS)
        return any(
            ns - opened >= late and (seq - start & _WHOLE) < (end - start & _WHOLE)
            for start, end, opened in self.gaps or ()
        )

    @property
    def in_step(self) -> bool:
        """What was sent is known without doubt, except perhaps for gaps in the capture."""
        acked, following = self.max_acked, self.next_seq
        return acked == following != 0 or (
            following != 0 and acked != 0 and not after(acked, following)
        )


def analyse(
    fwd: Side,
    rev: Side,
    *,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    length: int,
    ns: int,
    initial_rtt: int,
) -> int:
    """Marks of one segment sent by `fwd`; both sides are brought up to date.

    `window` is unscaled, `length` that of the payload, `ns` the time, `initial_rtt`
    is in nanoseconds, 0 while unknown. All in one function: this runs for every
    segment that is not part of a quiet run, and calls cost as much as the tests.
    """
    if fwd.base_seq is None:
        fwd.base_seq = seq if flags & SYN else seq - 1 & _WHOLE
    if rev.base_seq is None and flags & ACK:
        rev.base_seq = ack - 1 & _WHOLE
    expected = fwd.next_seq
    ends = flags & _ENDS
    marks = 0
    if length == 1 and seq == expected and rev.window == 0:
        marks = WINDOW_PROBE
    else:
        if not window and not ends:
            marks = ZERO_WINDOW
        if expected and not flags & RST and 0 < (seq - expected & _WHOLE) < _HALF:
            marks |= LOST_SEGMENT
            fwd.opens_gap(expected, seq, ns)
        if length and not ends and rev.scale is not None:
            # a window is scaled only where both SYNs carried the option (RFC 7323 section 2.2)
            shift = 0 if -1 in (fwd.scale, rev.scale) else rev.scale
            if seq + length - rev.last_ack - (rev.window << shift) & _WHOLE == 0:
                marks |= WINDOW_FULL
        if length <= 1 and not ends:
            if seq == (expected - 1 & _WHOLE):
                marks |= KEEP_ALIVE
            repeats = seq == expected and ack == fwd.last_ack and window == fwd.window
            if repeats and not length and window and not rev.last_marks & KEEP_ALIVE:
                fwd.dup_acks = 1 if fwd.dup_acks < 0 else fwd.dup_acks + 1
                marks |= DUPLICATE_ACK
    if ack != fwd.last_ack:
        fwd.dup_acks = 0
    if rev.max_acked and flags & ACK and 0 < (ack - rev.max_acked & _WHOLE) < _HALF:
        # the ACK covers data the capture never showed
        if 0 < (rev.max_acked - rev.next_seq & _WHOLE) < _HALF:
            rev.max_acked = rev.next_seq
        else:
            rev.dup_acks = -1
    takes = flags & (SYN | FIN)
    end = seq + length & _WHOLE
    finish = end + 1 & _WHOLE if takes else end
    if (length or takes) and not marks & KEEP_ALIVE:
        if length and rev.last_ack and not 0 < (end - rev.last_ack & _WHOLE) < _HALF:
            marks |= RETRANSMISSION | SPURIOUS
        # new data after what may have been a window probe is not behind
        elif (
            expected
            and 0 < (expected - seq & _WHOLE) < _HALF
            and (length <= 1 or seq != (expected - 1 & _WHOLE))
        ):
            if rev.dup_acks >= 2 and rev.last_ack == seq and ns - rev.last_ack_ns < _FAST_NS:
                marks |= RETRANSMISSION | FAST
            elif ns - fwd.next_seq_ns < (initial_rtt or _REORDER_NS) and expected != finish:
                marks |= OUT_OF_ORDER
            else:
                marks |= RETRANSMISSION
    if not marks & WINDOW_PROBE:
        if not expected or 0 < (finish - expected & _WHOLE) < _HALF:
            fwd.next_seq = finish
            fwd.next_seq_ns = ns
        if not fwd.max_acked or seq == fwd.max_acked:
            fwd.max_acked = fwd.next_seq
    fwd.window = window
    fwd.last_ack = ack
    fwd.last_ack_ns = ns
    fwd.last_marks = marks
    return marks
