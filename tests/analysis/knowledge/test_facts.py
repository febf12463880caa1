"""Addresses, codes, products, thresholds and wording: the look-ups over the fact tables."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import analysis
from analysis.knowledge import table, threshold, wording
from analysis.knowledge.addresses import address, in_group, vendor_of_address, vendor_of_name
from analysis.knowledge.codes import close_code, ede, idle_timer
from analysis.knowledge.encrypted_dns import encrypted_resolver
from analysis.knowledge.products import public_authority, vendor_of_issuer, vendor_of_page
from analysis.model.message import some


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("104.18.32.47", "104.18.32.47"),
        ("::ffff:146.112.61.104", "146.112.61.104"),
        ("64:ff9b::9270:3d68", "146.112.61.104"),
        ("fe80::1%eth0", "fe80::1"),
        ("chatgpt.com", "None"),
        ("", "None"),
    ],
)
def test_addresses_in_their_plain_form(text: str, plain: str) -> None:
    assert str(address(text)) == plain


@pytest.mark.parametrize(
    ("group", "text", "inside"),
    [
        ("cloudflare", "104.18.32.47", True),
        ("cloudflare", "2606:4700::1", True),
        ("cloudflare", "8.8.8.8", False),
        ("fake-ip", "198.19.255.255", True),
        ("openai", "199.47.142.9", True),
        ("documentation", "203.0.113.1", True),
    ],
)
def test_groups(group: str, text: str, inside: bool) -> None:
    found = address(text)
    assert found is not None
    assert in_group(group, found) is inside


@pytest.mark.parametrize("last", range(104, 111))
def test_the_whole_umbrella_range_is_known(last: int) -> None:
    found = address(f"146.112.61.{last}")
    assert found is not None
    assert vendor_of_address(found) == "Cisco Umbrella"


def test_no_vendor_address_is_one_of_the_service() -> None:
    for row in table.rows("vendors_dns"):
        if row["kind"] == "address":
            found = address(row["value"].partition("/")[0])
            assert found is not None
            assert not in_group("cloudflare", found)
            assert not in_group("openai", found)


def test_vendor_names_match_whole_labels() -> None:
    assert vendor_of_name("Ad-Block.dns.adguard.com.") == "AdGuard DNS"
    assert vendor_of_name("x.sinkhole.paloaltonetworks.com") == "Palo Alto DNS Security"
    assert vendor_of_name("notsinkhole.paloaltonetworks.com") is None
    assert vendor_of_name("chatgpt.com.cdn.cloudflare.net") is None


def test_codes_are_open() -> None:
    assert ede(15).group == "filter"
    assert ede(22).group == "upstream"
    assert (ede(4242).name, ede(4242).group) == ("EDE4242", "other")
    assert close_code(1006).fault == "cut"
    assert close_code(4321).fault == "service"
    assert close_code(1).fault == "none"


def test_idle_timer_names_the_nearest_within_the_spread() -> None:
    assert idle_timer(100.5, 0.05) == (100.0, "Cloudflare proxy read time-out")
    assert idle_timer(77.0, 0.05) is None


@pytest.mark.parametrize(
    ("issuer", "vendor"),
    [
        ("CN=Zscaler Intermediate Root CA (zscalertwo.net)", "Zscaler"),
        ("CN=ca.tenant.goskope.com", "Netskope"),
        ("CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1", None),
        ("CN=Cloudflare Inc ECC CA-3", None),
        ("CN=WE1, O=Google Trust Services, C=US", None),
    ],
)
def test_issuers(issuer: str, vendor: str | None) -> None:
    assert vendor_of_issuer(issuer) == vendor


def test_block_pages() -> None:
    assert vendor_of_page(via="1.1 gw (squid/6.6)") == "Squid"
    assert vendor_of_page(headers=["X-Squid-Error: ERR_ACCESS_DENIED 0"]) == "Squid"
    assert vendor_of_page(text="Attention Required! | Cloudflare") is None
    assert vendor_of_page(server="cloudflare") is None


def test_no_public_authority_is_taken_for_an_inspector() -> None:
    issuer = "C=US, O=Google Trust Services, CN=WE1"
    assert public_authority(issuer) == "Google Trust Services"
    assert vendor_of_issuer(issuer) is None
    assert public_authority("CN=Contoso Root CA") is None
    for row in table.rows("public_issuers"):
        assert vendor_of_issuer(row["fragment"]) is None


@pytest.mark.parametrize(
    ("host", "operator"),
    [
        ("dns.google", "Google"),
        ("abc123.dns.nextdns.io", "NextDNS"),
        ("google", "None"),
        ("chatgpt.com", "None"),
        ("", "None"),
    ],
)
def test_encrypted_resolvers(host: str, operator: str) -> None:
    assert str(encrypted_resolver(host)) == operator


def _constants(call: bool) -> set[str]:
    """String constants of the product; with `call`, only those given to ``threshold(...)``."""
    names = set()
    for path in Path(analysis.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if call and not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "threshold"
            ):
                continue
            given = node.args if call and isinstance(node, ast.Call) else [node]
            names |= {str(item.value) for item in given if isinstance(item, ast.Constant)}
    return names


def test_every_threshold_is_used_and_every_used_one_is_there() -> None:
    known = {row["name"] for row in table.rows("thresholds")}
    assert _constants(call=True) <= known
    assert known <= _constants(call=False)
    with pytest.raises(KeyError):
        threshold("no_such_threshold")


def test_wording_is_filled_in_and_never_reads_a_capture_as_a_template() -> None:
    words = wording("dns.sinkhole")
    headline = words.headline_for(["ws.chatgpt.com"], None, "10.0.0.1")
    assert headline.startswith("A DNS filter blocks ws.chatgpt.com")
    remedy = words.remedy_for(["{vendor}"], "Umbrella {detail}", "10.0.0.1")
    assert "{vendor} in Umbrella {detail}" in remedy.ticket
    assert "10.0.0.1" in remedy.ticket


def test_every_wording_names_who_acts_and_uses_known_places_only() -> None:
    for row in table.rows("remedies"):
        assert row["who"] in ("it", "user", "service")
        words = wording(row["id"])
        filled = words.headline_for(["HOST"], "VENDOR", "DETAIL") + str(
            words.remedy_for(["HOST"], "VENDOR", "DETAIL")
        )
        assert "{" not in filled


def test_some() -> None:
    assert some([]) == ""
    assert some(["a"]) == "a"
    assert some(["a", "b"]) == "a and b"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
