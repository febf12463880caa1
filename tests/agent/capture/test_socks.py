"""Through a SOCKS5 proxy: what is said to it, and what its refusals become."""

from __future__ import annotations

import asyncio
import socket

import pytest

from agent.capture.lookups import Lookups, loop_factory
from agent.capture.socks import SocksProxy, ask_for

GRANTED = bytes((5, 0, 0, 1, 10, 0, 0, 9, 1, 187))
BY_NAME = bytes((5, 0, 0, 3, 4)) + b"gate" + bytes((1, 187))
NONE, WANTED = b"\x05\x00", b"\x05\x02"
LOGIN = ("me", "s@cret")


async def asked(
    *answers: bytes, host: str = "chatgpt.com", login: tuple[str, str] | None = None
) -> list[bytes]:
    """What a proxy hears that gives these answers, one to each thing it is told."""
    near, far = socket.socketpair()
    near.setblocking(False)
    heard: list[bytes] = []
    reader, writer = await asyncio.open_connection(sock=far)

    async def serve() -> None:
        for answer in answers:
            heard.append(await reader.read(600))
            writer.write(answer)
        writer.write_eof()

    serving = asyncio.create_task(serve())
    try:
        await ask_for(near, SocksProxy("10.0.0.9", 1080, login), host, 443)
    finally:
        near.close()
        serving.cancel()
        writer.close()
    return heard


@pytest.mark.parametrize("reply", [GRANTED, BY_NAME])
def test_the_proxy_is_asked_for_the_name(reply: bytes) -> None:
    heard = asyncio.run(asked(NONE, reply))
    assert heard == [b"\x05\x01\x00", b"\x05\x01\x00\x03\x0bchatgpt.com\x01\xbb"]


def test_an_address_is_asked_for_as_one() -> None:
    four = asyncio.run(asked(NONE, GRANTED, host="104.18.32.47"))[1]
    six = asyncio.run(asked(NONE, GRANTED, host="2606:4700::1"))[1]
    assert (four[3], four[4:8], six[3], len(six)) == (1, bytes((104, 18, 32, 47)), 4, 22)


def test_the_login_is_given_where_it_is_wanted() -> None:
    heard = asyncio.run(asked(WANTED, b"\x01\x00", GRANTED, login=LOGIN))
    assert heard[:2] == [b"\x05\x02\x00\x02", b"\x01\x02me\x06s@cret"]
    assert len(asyncio.run(asked(NONE, GRANTED, login=LOGIN))) == 2


@pytest.mark.parametrize(
    ("answers", "login", "told"),
    [
        ((b"\x05\xff",), None, r"SOCKS proxy refused the login \(code 255\)"),
        ((WANTED,), None, r"refused the login"),
        ((WANTED, b"\x01\x01"), LOGIN, r"refused the login"),
        ((NONE, b"\x05\x02\x00\x01"), None, r"refused chatgpt.com:443 \(code 2\)"),
        ((b"HTTP/1.1 400",), None, "does not speak version 5"),
        ((NONE, b""), None, "closed the connection"),
    ],
    ids=["no-method", "login-wanted", "wrong-login", "denied", "no-socks", "closed"],
)
def test_a_refusal_says_its_code(
    answers: tuple[bytes, ...], login: tuple[str, str] | None, told: str
) -> None:
    with pytest.raises(OSError, match=told) as error:
        asyncio.run(asked(*answers, login=login))
    assert "s@cret" not in str(error.value)


def test_the_loop_goes_through_the_proxy_and_to_this_machine_without() -> None:
    lookups = Lookups(None, lambda *_: None)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (NONE, GRANTED + b"hello"):
            heard.append(await reader.read(600))
            writer.write(answer)
        writer.close()

    async def session() -> tuple[bytes, bytes]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        lookups.socks = SocksProxy("127.0.0.1", port)
        far, out = await asyncio.open_connection("no-such-name.example", 443)
        said = await far.read()
        out.close()
        near, direct = await asyncio.open_connection("127.0.0.1", port)
        direct.write(b"plain")
        first = await near.read(2)
        direct.close()
        server.close()
        return said, first

    with asyncio.Runner(loop_factory=loop_factory(lookups, replace=False)) as runner:
        said, first = runner.run(session())
    assert (said, first) == (b"hello", NONE)
    assert heard[1][4:] == b"\x14no-such-name.example\x01\xbb"
    assert heard[2] == b"plain"
