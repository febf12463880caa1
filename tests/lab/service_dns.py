"""A public resolver that is asked over HTTPS (RFC 8484): the true addresses of version 4."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs

import dns.exception
import dns.message
import dns.rdatatype
import dns.rrset

from agent.demo.asgi import Request, Send, respond
from tests.lab import addresses

HOST = "dns.google"
_TYPE = "application/dns-message"
_TTL = 300


async def answer(request: Request, send: Send) -> None:
    """Answer one lookup."""
    try:
        query = dns.message.from_wire(_wire(request))
    except (dns.exception.DNSException, binascii.Error):
        await respond(send, 400, [])
        return
    response = dns.message.make_response(query, recursion_available=True)
    for question in query.question:
        known = addresses.ZONE.get(question.name.to_text(omit_final_dot=True).lower(), ())
        four = [address for address in known if ":" not in address]
        if four and question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, _TTL, "IN", "A", *four))
    headers = [("content-type", _TYPE), ("cache-control", f"max-age={_TTL}")]
    await respond(send, 200, headers, response.to_wire())


def _wire(request: Request) -> bytes:
    if request.method == "POST":
        return request.body or b""
    text = parse_qs(request.query).get("dns", [""])[0]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
