"""TLS records and the handshake messages that pass in clear (RFC 5246, RFC 8446)."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.read.packets.certificate import Leaf, leaf_of
from analysis.read.packets.hello import ClientHello, ServerHello, client_hello, server_hello
from analysis.read.packets.reassembly import Origin

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
MAX_RECORD = 16_384 + 2_048
MAX_MESSAGE = 131_072
_SSL2_VERSIONS = (0x0002, 0x0300, 0x0301, 0x0302, 0x0303)


@dataclass(slots=True)
class Handshake:
    """One ClientHello and what came back.

    `from_client` is the direction it was sent in, in the connection's terms;
    `octets` the length of the message with its header.
    """

    hello: ClientHello
    origin: Origin
    from_client: bool
    octets: int
    segments: int
    server: ServerHello | None = None
    server_origin: Origin | None = None
    alert: int | None = None
    alert_by: str | None = None
    alert_frame: int | None = None
    leaf: Leaf | None = None


@dataclass(slots=True)
class Session:
    """The handshakes of one TCP connection, in order.

    `early` is a ServerHello that came while the rest of the ClientHello was missing,
    which a sampler may not have taken.
    """

    handshakes: list[Handshake] = field(default_factory=list)
    early: tuple[ServerHello | None, Origin] | None = None

    def answering(self, *, from_client: bool) -> Handshake | None:
        """The handshake that a server's message in this direction belongs to."""
        if self.handshakes and self.handshakes[-1].from_client != from_client:
            return self.handshakes[-1]
        return None


def is_record(octets: bytes | bytearray) -> bool:
    """Whether a TLS record header stands at the start; five octets are needed."""
    return (
        len(octets) >= 5
        and CHANGE_CIPHER_SPEC <= octets[0] <= APPLICATION_DATA
        and octets[1] == 3
        and octets[2] <= 4
        and 0 < (octets[3] << 8 | octets[4]) <= MAX_RECORD
    )


def is_ssl2_hello(octets: bytes | bytearray) -> bool:
    """Whether an SSL 2.0 CLIENT-HELLO stands at the start; five octets are needed."""
    return (
        len(octets) >= 5
        and octets[0] & 0x80 != 0
        and octets[2] == CLIENT_HELLO
        and int.from_bytes(octets[3:5]) in _SSL2_VERSIONS
    )


class Records:
    """Reads one direction's records, from a buffer that its owner fills."""

    __slots__ = (
        "_ciphered",
        "_from_client",
        "_message",
        "_session",
        "segments",
    )

    def __init__(self, session: Session, *, from_client: bool) -> None:
        self._session = session
        self.segments = 0
        """Segments that what is held came in, which its owner counts."""
        self._from_client = from_client
        self._message = bytearray()
        self._ciphered = False

    @property
    def pending(self) -> bool:
        """Part of a handshake message is held."""
        return bool(self._message)

    def take(self, buffer: bytearray, origin: Origin) -> bool | None:
        """Consume one record; False when it is not all there, None when nothing more is of use."""
        held = len(buffer)
        if held < 5:
            return False
        kind = buffer[0]
        if kind == APPLICATION_DATA or not is_record(buffer):
            return None
        end = 5 + (buffer[3] << 8 | buffer[4])
        if held < end:
            return False
        fragment = bytes(buffer[5:end])
        if kind == HANDSHAKE:
            self._message += fragment
            if not self._messages(origin):
                return None
        elif kind == ALERT:
            self._alert(fragment, origin)
        elif kind == CHANGE_CIPHER_SPEC:
            self._ciphered = True
        del buffer[:end]
        return True

    def cut(self, buffer: bytearray, origin: Origin) -> None:
        """What follows is lost: make do with the part of a hello that is there."""
        if buffer[:1] == bytes((HANDSHAKE,)):
            self._message += buffer[5:]
        body = bytes(self._message[4:])
        if self._message and len(body) >= 34 and not self._ciphered:
            if self._message[0] == CLIENT_HELLO:
                size = int.from_bytes(self._message[1:4]) + 4
                self._client_hello(client_hello(body), size, origin)
                self._answered_early()
            elif self._message[0] == SERVER_HELLO:
                self._server_hello(body, origin)
        self._message.clear()

    def ssl2_hello(self, buffer: bytearray, origin: Origin) -> None:
        """An SSL 2.0 CLIENT-HELLO: only the version is of interest."""
        hello = ClientHello(version=int.from_bytes(buffer[3:5]))
        size = (buffer[0] & 0x7F) << 8 | buffer[1]
        self._client_hello(hello, size, origin)

    def _messages(self, origin: Origin) -> bool:
        """Handle the whole messages held; False when they make no sense."""
        held = self._message
        while len(held) >= 4:
            kind, end = held[0], 4 + int.from_bytes(held[1:4])
            if self._ciphered and not (kind in (CLIENT_HELLO, SERVER_HELLO) and end == len(held)):
                # after a change of cipher only a second hello is in clear (RFC 8446 D.4)
                held.clear()
                return True
            if end > MAX_MESSAGE:
                return False
            if len(held) < end:
                return True
            body = bytes(held[4:end])
            if kind == CLIENT_HELLO:
                self._client_hello(client_hello(body), end, origin)
            elif kind == SERVER_HELLO:
                self._server_hello(body, origin)
            elif kind == CERTIFICATE:
                answered = self._session.answering(from_client=self._from_client)
                if answered is not None and answered.leaf is None:
                    answered.leaf = leaf_of(body)
            del held[:end]
        return True

    def _client_hello(self, hello: ClientHello, octets: int, origin: Origin) -> None:
        if len(self._session.handshakes) < 64:
            self._session.handshakes.append(
                Handshake(hello, origin, self._from_client, octets, self.segments)
            )

    def _server_hello(self, body: bytes, origin: Origin) -> None:
        answered = self._session.answering(from_client=self._from_client)
        if answered is not None and answered.server is None:
            answered.server = server_hello(body)
            answered.server_origin = origin
        elif not self._session.handshakes:
            self._session.early = server_hello(body), origin

    def _answered_early(self) -> None:
        """The server knew the whole of the first ClientHello, of which the capture has a part."""
        if self._session.early is None or len(self._session.handshakes) != 1:
            return
        asked, (server, origin) = self._session.handshakes[0], self._session.early
        if origin.ns >= asked.origin.ns:
            asked.server, asked.server_origin = server, origin

    def _alert(self, fragment: bytes, origin: Origin) -> None:
        # an encrypted alert is longer than its two octets
        if len(fragment) != 2 or fragment[0] not in (1, 2) or not self._session.handshakes:
            return
        handshake = self._session.handshakes[-1]
        if handshake.alert is None:
            own = handshake.from_client == self._from_client
            handshake.alert = fragment[1]
            handshake.alert_by = "client" if own else "server"
            handshake.alert_frame = origin.frame
