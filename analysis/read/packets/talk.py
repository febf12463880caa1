"""What is spoken on a TCP connection, from the first octets of each direction."""

from __future__ import annotations

import re
from collections.abc import Callable

from analysis.read.packets import proxy
from analysis.read.packets.cleartext import (
    MAX_BODY,
    MAX_HEAD,
    MAX_STEP,
    Exchanges,
    Head,
    Room,
    has_body,
    head_of,
    status_of,
)
from analysis.read.packets.reassembly import Origin, Piece, Reassembler
from analysis.read.packets.tls import Records, Session, is_record, is_ssl2_hello

MAX_BUFFER = 160_000
"""Octets held per direction; a longer handshake is given up."""

_MAX_TRIES = 64
"""Segments looked at for a record header where the start of the stream was not captured."""

_LINE = re.compile(rb"[\x20-\x7e\t]+\r?\n|[\x20-\x7e\t]+\Z")
"""What protocols begin with that are made for people: a line, or a part of one."""

_NOWHERE = Origin(0, 0, 0, -1)

_METHODS = (
    *(b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"TRACE "),
    b"HTTP/1.",
)
_H2_PREFACE = b"PRI * HTTP/2.0"

type _Stage = Callable[[Direction], bool]

type OnDns = Callable[[int, bytes, Origin, bool], None]
"""Called with a stream's index, a DNS message, its packet, and whether the client sent it."""


class Talk:
    """Both directions of one connection; `tunnelled` once data passes a SOCKS proxy."""

    __slots__ = (
        "_room",
        "app",
        "connect_host",
        "connect_status",
        "dns",
        "index",
        "on_dns",
        "port",
        "session",
        "socks_reply",
        "spoken",
        "tunnelled",
    )

    def __init__(self, *, dns: bool, on_dns: OnDns, port: int, room: Room) -> None:
        """`port` is the server's; `room` is shared by the connections of a capture."""
        self.app: str | None = None
        self.connect_host: str | None = None
        self.connect_status: int | None = None
        self.socks_reply: int | None = None
        self.session = Session()
        self.index = 0
        self.tunnelled = False
        self.dns = dns
        self.on_dns = on_dns
        self.port = port
        self.spoken: Exchanges | None = None
        """What was said in clear HTTP; made with the first of it, as most say none."""
        self._room = room

    @property
    def exchanges(self) -> Exchanges:
        if self.spoken is None:
            self.spoken = Exchanges(self._room)
        return self.spoken


class Direction:
    """Follows one direction until nothing more can be learnt from it (`done`)."""

    __slots__ = (
        "_buffer",
        "_from_client",
        "_from_start",
        "_origin",
        "_records",
        "_skip",
        "_stage",
        "_talk",
        "_tries",
        "_tunnel",
        "done",
        "reassembler",
    )

    def __init__(self, talk: Talk, *, from_client: bool) -> None:
        self.done = False
        self.reassembler = Reassembler()
        self._talk = talk
        self._from_client = from_client
        self._buffer = bytearray()
        self._origin = _NOWHERE
        self._records = Records(talk.session, from_client=from_client)
        # not a method of this object: that would keep it alive as long as itself
        self._stage: _Stage = Direction._sniff
        self._from_start = False
        self._tries = 0
        self._tunnel = False
        self._skip = 0

    def begin(self, seq: int) -> None:
        """The SYN was seen: the first octet has number `seq`."""
        self.reassembler.start(seq)
        self._from_start = True

    def add(self, seq: int, octets: bytes, length: int, origin: Origin) -> None:
        """Take a segment."""
        for piece in self.reassembler.add(seq, octets, length, origin):
            self._feed(piece)

    def end(self) -> None:
        """The capture ends: use what waits behind gaps, and what is incomplete."""
        if not self.done:
            for piece in self.reassembler.skip():
                self._feed(piece)
            self._interrupted()

    def _feed(self, piece: Piece) -> None:
        if self.done:
            return
        if piece.gap:
            self._interrupted()
        self._origin = piece.origin
        self._buffer += piece.octets
        self._records.segments += 1
        held = len(self._buffer)
        while self._buffer and not self.done and self._stage(self):
            if len(self._buffer) < held and not self._records.pending:
                self._records.segments = 1
            held = len(self._buffer)
        if not self._buffer and not self._records.pending:
            self._records.segments = 0
        if piece.cut:
            self._interrupted()
        if len(self._buffer) > MAX_BUFFER:
            self._finish()

    def _interrupted(self) -> None:
        """Octets are missing from here on."""
        if self._stage is Direction._tls:
            self._records.cut(self._buffer, self._origin)
        elif self._stage is Direction._dns and len(self._buffer) > 2 + 12:
            self._talk.on_dns(
                self._talk.index, bytes(self._buffer[2:]), self._origin, self._from_client
            )
        elif self._stage is Direction._answer:
            head = head_of(bytes(self._buffer))
            status = status_of(head) if head else None
            if head and status:
                self._answered(head, status)
        self._buffer.clear()
        self._records.segments = 0
        self._skip = 0
        self._from_start = False
        self._stage = Direction._sniff

    def _finish(self) -> None:
        self.done = True
        self._buffer.clear()

    def _recognised(self, app: str) -> None:
        if self._talk.app is None:
            self._talk.app = app

    def _sniff(self) -> bool:
        """Which protocol begins here; True when a stage was chosen."""
        octets = self._buffer
        if self._tunnel:
            self._talk.tunnelled = True
        if self._talk.dns:
            return self._sniff_dns()
        if octets[0] in (4, 5) or self._talk.app == "socks":
            stage = self._socks_stage()
            if stage is not None:
                self._recognised("socks")
                self._stage = stage
                return True
        if len(octets) < 5:
            return False
        if is_record(octets):
            self._recognised("tls")
            self._stage = Direction._tls
            return True
        if is_ssl2_hello(octets):
            self._recognised("tls")
            self._records.ssl2_hello(octets, self._origin)
            del octets[: 2 + ((octets[0] & 0x7F) << 8 | octets[1])]
            self._stage = Direction._tls
            return True
        if octets.startswith(b"CONNECT"):
            self._recognised("connect")
            self._stage = Direction._connect
            return True
        if octets.startswith((_H2_PREFACE, *_METHODS)):
            self._recognised("http")
            if octets.startswith(_H2_PREFACE) or self._talk.exchanges.full:
                self._finish()
                return False
            self._stage = Direction._answer if octets.startswith(b"HTTP/1.") else Direction._request
            return True
        self._unknown()
        return False

    def _unknown(self) -> None:
        """Not the start of anything known: the end, unless the stream was joined midway.

        Text may go on with TLS, by STARTTLS and its kin.
        """
        self._tries += 1
        if (self._from_start and not _LINE.match(self._buffer)) or self._tries > _MAX_TRIES:
            self._finish()
        self._buffer.clear()

    def _sniff_dns(self) -> bool:
        if len(self._buffer) < 2:
            return False
        length = int.from_bytes(self._buffer[:2])
        if self._from_start or length == len(self._buffer) - 2:
            self._recognised("dns")
            self._stage = Direction._dns
            return True
        # some send the length in a segment of its own
        if len(self._buffer) > 2:
            self._buffer.clear()
        return False

    def _tls(self) -> bool:
        taken = self._records.take(self._buffer, self._origin)
        if taken is None:
            self._finish()
        return bool(taken)

    def _dns(self) -> bool:
        end = 2 + int.from_bytes(self._buffer[:2])
        if len(self._buffer) < 2 or len(self._buffer) < end:
            return False
        self._talk.on_dns(
            self._talk.index, bytes(self._buffer[2:end]), self._origin, self._from_client
        )
        del self._buffer[:end]
        return True

    def _past(self, length: int | None) -> bool:
        """Step over a proxy's part; the next thing begins behind it."""
        if length is None:
            self._finish()
            return False
        if length == proxy.INCOMPLETE:
            return False
        del self._buffer[:length]
        return True

    def _asked(self, request: proxy.Request | None, following: _Stage) -> bool:
        length, host = request or (None, None)
        if not self._past(length):
            return False
        if host is not None:
            self._talk.connect_host = host
            self._stage = following
            self._tunnel = self._talk.app == "socks"
        return True

    def _connect(self) -> bool:
        octets = bytes(self._buffer)
        head = head_of(octets)
        if head is not None and not self._talk.exchanges.full:
            self._talk.exchanges.ask(head, self._talk.port, self._origin)
        return self._asked(proxy.connect_request(octets), Direction._sniff)

    def _request(self) -> bool:
        head = head_of(bytes(self._buffer))
        if head is None:
            if len(self._buffer) >= MAX_HEAD:
                self._finish()
            return False
        if not self._talk.exchanges.ask(head, self._talk.port, self._origin):
            self._finish()
            return False
        del self._buffer[: head.length]
        size = head.content_length or 0
        if head.chunked or size > MAX_STEP:
            self._finish()
            return False
        self._skip = size
        self._stage = Direction._body
        return True

    def _answer(self) -> bool:
        octets = bytes(self._buffer)
        if self._talk.app == "connect":
            self._talk.connect_status = proxy.connect_status(octets) or self._talk.connect_status
        head = head_of(octets)
        if head is None:
            if len(octets) >= MAX_HEAD:
                self._finish()
            return False
        status = status_of(head)
        if status is None or status == 101:
            self._finish()
            return False
        if status < 200:
            del self._buffer[: head.length]
            return True
        method = self._talk.exchanges.method
        size: int | None = 0
        if has_body(method, status) and not (method == "CONNECT" and status < 300):
            size = None if head.chunked else head.content_length
        held = len(octets) - head.length
        if size is None or size > MAX_STEP:
            if held >= MAX_BODY:
                self._answered(head, status)
                self._finish()
            return False
        if held < size:
            return False
        self._answered(head, status, size)
        del self._buffer[: head.length + size]
        self._stage = Direction._sniff
        return True

    def _answered(self, head: Head, status: int, size: int = MAX_BODY) -> None:
        body = bytes(self._buffer[head.length : head.length + min(size, MAX_BODY)])
        hello = self._talk.session.answering(from_client=self._from_client)
        if hello is not None and hello.server is None:
            name = hello.hello.sni or ""
            self._talk.exchanges.in_place_of_tls(name, self._talk.port, hello.origin)
        self._talk.exchanges.answer(head, status, body, self._origin)

    def _body(self) -> bool:
        taken = min(self._skip, len(self._buffer))
        del self._buffer[:taken]
        self._skip -= taken
        if not self._skip:
            self._stage = Direction._sniff
        return bool(taken) or not self._skip

    def _socks_stage(self) -> _Stage | None:
        octets = self._buffer
        if self._from_client and self._talk.app is None and self._from_start:
            if proxy.socks5_greeting(bytes(octets)):
                del octets[:]
                return Direction._socks5
            if octets[0] == 4 and len(octets) >= 9 and octets[1] in (1, 2):
                return Direction._socks4
        elif self._from_client and self._talk.app == "socks" and not self._talk.connect_host:
            # a sampler leaves the login out
            return Direction._socks5 if octets[0] == 5 else None
        elif not self._from_client and self._talk.app == "socks":
            if octets[0] in (1, 5):
                return Direction._socks5_answer
            if octets[0] == 0 and len(octets) > 1 and 90 <= octets[1] <= 93:
                return Direction._socks4_answer
        return None

    def _socks5(self) -> bool:
        return self._asked(proxy.socks5_request(bytes(self._buffer)), Direction._sniff)

    def _socks4(self) -> bool:
        return self._asked(proxy.socks4_request(bytes(self._buffer)), Direction._sniff)

    def _socks5_answer(self) -> bool:
        self._stage = Direction._sniff
        octets = bytes(self._buffer)
        reply = proxy.socks5_reply(octets)
        self._talk.socks_reply = self._talk.socks_reply if reply is None else reply
        if self._past(proxy.socks5_answer(octets)):
            return True
        self._stage = Direction._socks5_answer
        return False

    def _socks4_answer(self) -> bool:
        self._stage = Direction._sniff
        self._talk.socks_reply = self._buffer[1]
        return self._past(8 if len(self._buffer) >= 8 else proxy.INCOMPLETE)
