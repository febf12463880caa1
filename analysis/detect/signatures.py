"""Which of the 19 tampering signatures a connection shows, from the client's seat.

Stage by what had been sent when the first reset came, then by kind and number
of the resets.  A connection that ended in order, or that the client reset
itself, shows none.  Source: SIGCOMM 2023 "Global, Passive Detection of
Connection Tampering", detection notes 3.
"""

from __future__ import annotations

from analysis.detect.attempts import Attempt
from analysis.knowledge import threshold
from analysis.knowledge.tampering import Signature, signature


def signature_of(attempt: Attempt) -> Signature | None:
    """The signature of one connection, None when it shows none."""
    if attempt.reset:
        number = _by_resets(attempt)
    elif attempt.dead:
        number = 1
    else:
        number = _by_silence(attempt)
    return signature(number) if number else None


def silent_after_hello(attempt: Attempt) -> bool:
    """The ClientHello went out, and nothing of the server came back for long."""
    row, hello = attempt.tcp, attempt.hello
    if hello is None or attempt.shook_hands or not attempt.answered or row["server_payload"]:
        return False
    # a reset that the client's own goodbye drew is of a server, or a gate, that had forgotten it
    if attempt.reset or row["server_fin"] or hello["alert"] is not None:
        return False
    # a client that left at once did not wait: a cancelled preconnect
    gone = row["fin_time"] if row["client_fin"] else None
    left = min(moment for moment in (gone, row["reset_time"], attempt.end) if moment is not None)
    sent = hello["time"]
    return sent is not None and left - sent >= threshold("silence_s")


def _by_silence(attempt: Attempt) -> int | None:
    if not silent_after_hello(attempt):
        return None
    unread, sent = attempt.tcp["client_unacked"], attempt.tcp["client_sent"]
    return 5 if unread and sent and unread >= sent else 10


def kinds_of(attempt: Attempt) -> list[str]:
    """Kinds of the resets in order (R, RA; a 0 behind it for a zero number)."""
    row = attempt.tcp
    return list(row["reset_kinds"] or ()) or ["R" if row["reset_ack"] is False else "RA"] * max(
        1, row["server_rst"] or 1
    )


def sent_before(attempt: Attempt, side: str) -> int:
    """Octets of payload that a side had sent before the first reset."""
    row = attempt.tcp
    known = row[f"{side}_payload_before_reset"]
    return int(row[f"{side}_payload"] or 0) if known is None else int(known)


def _by_resets(attempt: Attempt) -> int | None:
    kinds = kinds_of(attempt)
    plain = [kind for kind in kinds if not kind.startswith("RA")]
    acked = [kind for kind in kinds if kind.startswith("RA")]
    if not attempt.answered:
        return 4 if plain and acked else 2 if plain else 3
    if sent_before(attempt, "server"):
        return None if plain and acked else 18 if plain else 19
    if not sent_before(attempt, "client"):
        if plain and acked:
            return None
        return (6 if len(plain) == 1 else 7) if plain else (8 if len(acked) == 1 else 9)
    return _after_hello(plain, acked, attempt)


def _after_hello(plain: list[str], acked: list[str], attempt: Attempt) -> int:
    if plain and acked:
        return 13
    if acked:
        return 12 if len(acked) == 1 else 14
    if len(plain) == 1:
        return 11
    if any(kind.endswith("0") for kind in plain):
        return 17
    return 15 if len(set(attempt.tcp["reset_seqs"] or ())) <= 1 else 16
