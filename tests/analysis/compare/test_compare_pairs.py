"""Which factor is named for a pair: the lowest that explains the change, whichever way round."""

from __future__ import annotations

from pathlib import Path

import pytest
from pairs import CAPTURES, Draw, chosen, keys, pair_of, run, trace
from scapy.layers.inet import UDP
from scapy.packet import Raw
from scene_flows import Flows
from scene_har import CHUNKS, HTML, Har
from scene_visit import visit
from scene_wire import EDGE, RESOLVER, Wire

from analysis.compare import compare
from analysis.model.comparison import Outcome

FILTER = "10.20.0.53"
CHALLENGE = (
    "<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={};"
    'var a="/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1"</script></body></html>'
)


# --- the samples that the project recorded

SAMPLES = {
    "dns-filter": ("dns.answer ws.chatgpt.com", "dns.sinkhole", "dns"),
    "blocked-script": ("scripts.arrival", "script.blocked_by_extension", "scripts"),
    "dropped-websocket": ("ws.state", "ws.dropped", "websocket"),
    "vpn-latency": ("delay.far", "vpn.latency", "latency"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_against_the_healthy_one(name: str) -> None:
    factor, finding, area = SAMPLES[name]
    healthy, suspect = (run(CAPTURES / f"{file}.zip", file) for file in ("healthy", name))
    pair = compare([healthy, suspect]).pairs[0]
    assert pair.outcome is Outcome.DIFFERENT
    assert (chosen(pair).difference.key, chosen(pair).finding) == (factor, finding)
    assert chosen(pair).difference.area == area
    assert f"finding {finding}" in chosen(pair).explains
    assert not chosen(pair).rivals
    swapped = compare([suspect, healthy]).pairs[0]
    assert swapped.outcome is Outcome.DIFFERENT
    assert chosen(swapped).difference.key == factor
    assert chosen(swapped).difference.baseline == chosen(pair).difference.suspect


@pytest.mark.parametrize("name", ["healthy", *SAMPLES])
def test_a_capture_against_itself_has_no_difference(name: str) -> None:
    path = CAPTURES / f"{name}.zip"
    pair = compare([run(path, "once"), run(path, "again")]).pairs[0]
    assert pair.outcome is Outcome.SAME
    assert keys(pair) == set()
    assert pair.candidate is None
    assert pair.findings == ()


def test_one_pair_says_so_and_is_never_sure() -> None:
    runs = [run(CAPTURES / f"{name}.zip", name) for name in ("healthy", "dns-filter")]
    pair = compare(runs).pairs[0]
    assert pair.certainty.p is None
    assert pair.certainty.sentence.startswith("One pair")
    assert 0.5 < chosen(pair).confidence <= 0.8


def test_what_was_equal_is_said() -> None:
    runs = [run(CAPTURES / f"{name}.zip", name) for name in ("healthy", "dns-filter")]
    equal = {item.factor: item.value for item in compare(runs).pairs[0].equal}
    assert equal["dns.resolver"] == "127.0.0.4"
    assert equal["tls.version"] == "TLSv1.3"
    assert equal["scripts.arrival"] == "all arrived"
    assert "ws.state" not in equal


# --- names


def well(wire: Wire) -> None:
    visit(wire)


def filtered(wire: Wire) -> None:
    visit(wire, socket=False)
    for at in (3.0, 5.0, 9.0):
        wire.lookup(at, "ws.chatgpt.com", "0.0.0.0", ttl=2, ede=((15, ""),))


def filtered_elsewhere(wire: Wire) -> None:
    wire.resolver = FILTER
    filtered(wire)


def test_another_answer_of_the_same_resolver(tmp_path: Path) -> None:
    pair = pair_of(Wire, well, filtered, tmp_path)
    assert chosen(pair).difference.key == "dns.answer ws.chatgpt.com"
    assert "dns.resolver" in {item.factor for item in pair.equal}


def test_another_resolver_explains_its_answer(tmp_path: Path) -> None:
    pair = pair_of(Wire, well, filtered_elsewhere, tmp_path)
    found = chosen(pair)
    assert found.difference.key == "dns.resolver"
    assert (found.difference.baseline, found.difference.suspect) == ((RESOLVER,), (FILTER,))
    answer = next(item for item in pair.differences if item.factor == "dns.answer")
    assert answer.explained_by == "dns.resolver"
    assert "DNS answer for ws.chatgpt.com" in found.sentence


def test_another_resolver_with_the_same_answers_explains_nothing(tmp_path: Path) -> None:
    def elsewhere(wire: Wire) -> None:
        wire.resolver = FILTER
        visit(wire)

    pair = pair_of(Wire, well, elsewhere, tmp_path)
    assert pair.outcome is Outcome.SAME
    assert keys(pair) == {"dns.resolver"}
    assert pair.candidate is None


def test_a_name_that_the_browser_could_not_resolve(tmp_path: Path) -> None:
    def unnamed(har: Har) -> None:
        har.page()
        har.assets()
        har.calls()
        har.socket(error="net::ERR_NAME_NOT_RESOLVED", status=0)

    pair = pair_of(Har, Har.visit, unnamed, tmp_path)
    assert chosen(pair).difference.key == "dns.answer ws.chatgpt.com"
    assert chosen(pair).difference.suspect == ("no address",)


# --- the way out


def by_tunnel(wire: Wire, rtt: float) -> None:

    me, far = "192.168.1.20", "198.51.100.7"
    wire.put(0.1, me, far, UDP(sport=51820, dport=51820) / Raw(b"\x01\0\0\0" + bytes(144)))
    wire.put(0.15, far, me, UDP(sport=51820, dport=51820) / Raw(b"\x02\0\0\0" + bytes(88)))
    visit(wire, 1.0, rtt=rtt)


def test_the_delay_that_a_tunnel_adds(tmp_path: Path) -> None:
    pair = pair_of(Wire, well, lambda wire: by_tunnel(wire, 0.21), tmp_path)
    assert pair.outcome is Outcome.DIFFERENT
    found = chosen(pair)
    assert found.difference.key == "vpn.tunnel"
    assert found.difference.suspect == ("WireGuard",)
    assert {"delay.near", "delay.far"} <= set(found.explains)


def test_a_tunnel_that_adds_nothing(tmp_path: Path) -> None:
    pair = pair_of(Wire, well, lambda wire: by_tunnel(wire, 0.02), tmp_path)
    assert pair.outcome is Outcome.SAME
    assert keys(pair) == {"vpn.tunnel"}


def through(place: str, centre: str, refused: bool) -> Draw:
    def draw(har: Har) -> None:
        har.page()
        har.assets()
        har.calls()
        har.ask(1.9, "https://chatgpt.com/cdn-cgi/trace", 200, trace(place, centre), "text/plain")
        har.socket()
        if not refused:
            har.turn()
            return
        for at in (5, 7, 9):
            har.api(
                at,
                "/backend-api/f/conversation",
                403,
                CHALLENGE,
                kind=HTML,
                method="POST",
                headers={"cf-mitigated": "challenge"},
            )

    return draw


def test_the_exit_explains_the_challenge_and_the_data_centre(tmp_path: Path) -> None:
    home, away = through("DE", "FRA", refused=False), through("NL", "AMS", refused=True)
    pair = pair_of(Har, home, away, tmp_path)
    found = chosen(pair)
    assert found.difference.key == "exit.place"
    assert found.finding == "bot.challenge"
    colo = next(item for item in pair.differences if item.factor == "exit.colo")
    assert colo.explained_by == "exit.place"
    assert not found.rivals


def test_an_exit_elsewhere_that_is_served_is_no_difference_in_outcome(tmp_path: Path) -> None:
    home, away = through("DE", "FRA", refused=False), through("NL", "AMS", refused=False)
    pair = pair_of(Har, home, away, tmp_path)
    assert pair.outcome is Outcome.SAME
    assert {item.factor for item in pair.differences} == {"exit.place", "exit.colo"}


def test_inspection_that_breaks_the_handshake(tmp_path: Path) -> None:
    def inspected(flows: Flows) -> None:
        flows.issuer = ("Zscaler Inc.", "Zscaler Intermediate Root CA (zscalertwo.net)")
        flows.boot()
        for at in (3, 6, 9):
            flows.socket(at, status=403, edge=False, kind="text/html", body=b"<html>blocked</html>")

    def plain(flows: Flows) -> None:
        flows.boot()
        flows.socket(3, end=60, code=1000, by_client=True)

    pair = pair_of(Flows, plain, inspected, tmp_path)
    found = chosen(pair)
    assert found.difference.key == "tls.issuer"
    assert found.difference.suspect == ("Zscaler",)
    assert "ws.state" in found.explains


# --- the browser


def test_a_page_out_of_the_cache_that_works_from_the_network(tmp_path: Path) -> None:
    def broken(har: Har) -> None:
        har.visit()
        har.entries[0]["_fromCache"] = "disk"
        for at in (4, 5, 6):
            har.api(at, "/backend-api/me", 400, "{}")
            har.api(at, "/backend-api/models", 400, "{}")

    pair = pair_of(Har, Har.visit, broken, tmp_path)
    assert pair.outcome is Outcome.DIFFERENT
    assert [item.id for item in pair.findings] == ["browser.stale_cache"]
    swapped = pair_of(Har, broken, Har.visit, tmp_path)
    assert [item.id for item in swapped.findings] == ["browser.stale_cache"]


def test_a_cache_on_the_side_that_works_is_no_fault(tmp_path: Path) -> None:
    def cached(har: Har) -> None:
        har.visit()
        har.entries[0]["_fromCache"] = "disk"

    def failing(har: Har) -> None:
        har.visit()
        for at in (4, 5, 6):
            har.api(at, "/backend-api/me", 400, "{}")

    pair = pair_of(Har, cached, failing, tmp_path)
    assert pair.outcome is Outcome.DIFFERENT
    assert pair.findings == ()


def test_a_request_that_never_leaves_one_browser(tmp_path: Path) -> None:
    def stopped(har: Har) -> None:
        har.page()
        har.assets(without=(CHUNKS[1],))
        url = f"https://chatgpt.com/cdn/assets/{CHUNKS[1]}"
        har.ask(0.4, url, error="net::ERR_BLOCKED_BY_CLIENT", resource="script")
        har.calls()

    pair = pair_of(Har, Har.visit, stopped, tmp_path)
    assert chosen(pair).difference.key == "scripts.arrival"
    assert [item.id for item in pair.findings] == ["browser.extension_interferes"]
    assert pair.findings[0].explained_by == "script.blocked_by_extension"


def test_what_differs_on_the_way_too_is_not_laid_on_the_browser(tmp_path: Path) -> None:
    """Another exit may serve other pages: then the way is not the same."""

    def stopped(har: Har) -> None:
        har.page()
        har.assets(without=(CHUNKS[1],))
        url = f"https://chatgpt.com/cdn/assets/{CHUNKS[1]}"
        har.ask(0.4, url, error="net::ERR_BLOCKED_BY_CLIENT", resource="script")
        har.calls()
        har.ask(1.9, "https://chatgpt.com/cdn-cgi/trace", 200, trace("NL", "AMS"), "text/plain")

    pair = pair_of(Har, through("DE", "FRA", refused=False), stopped, tmp_path)
    assert chosen(pair).difference.key == "scripts.arrival"
    assert pair.findings == ()


# --- several differences at once


def test_independent_factors_are_rivals_and_nothing_is_sure(tmp_path: Path) -> None:
    """A tunnel and another resolver at once: which of them gives the false answer is open."""

    def both(wire: Wire) -> None:
        by_tunnel(wire, 0.02)
        wire.lookup(60, "ws.chatgpt.com", "0.0.0.0", ttl=2, ede=((15, ""),))
        wire.lookup(63, "ws.chatgpt.com", "0.0.0.0", ttl=2, ede=((15, ""),))

    def without_socket(wire: Wire) -> None:
        wire.resolver = FILTER
        visit(wire, socket=False)
        wire.lookup(3, "ws.chatgpt.com", EDGE)

    pair = pair_of(Wire, without_socket, both, tmp_path)
    found = chosen(pair)
    assert found.difference.key == "vpn.tunnel"
    resolver = next(item for item in pair.differences if item.factor == "dns.resolver")
    # a tunnel brings its own resolver: it accounts for it and is no rival of it
    assert resolver.explained_by == "vpn.tunnel"


def test_two_faults_that_have_nothing_to_do_with_each_other() -> None:
    runs = [run(CAPTURES / f"{name}.zip", name) for name in ("blocked-script", "dns-filter")]
    pair = compare(runs).pairs[0]
    assert pair.outcome is Outcome.DIFFERENT
    # the page that lacks a script is the worse side: without its socket the other still answers
    assert chosen(pair).difference.key == "scripts.arrival"
    assert "dns.answer ws.chatgpt.com" in {item.key for item in pair.differences}
    assert {item.factor for item in pair.outcomes} >= {"scripts.arrival", "ws.state"}
