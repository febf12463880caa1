"""What a NetLog tells of the browser and the machine, as rows of the host table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.diagnosis import utc
from analysis.model.frames import Row
from analysis.read import fields
from analysis.read.netlog.events import Constants, Event
from analysis.read.rows import RowFrames

MAX_CHANGES = 1000
"""Changes of network, proxy and resolver that are told one by one."""

_LISTED = 64
_NETWORK = (
    "NETWORK_CHANGED",
    "NETWORK_CONNECTIVITY_CHANGED",
    "NETWORK_IP_ADDRESSES_CHANGED",
    "SPECIFIC_NETWORK_CONNECTED",
    "SPECIFIC_NETWORK_DISCONNECTED",
    "SPECIFIC_NETWORK_MADE_DEFAULT",
)


class Surroundings:
    """Takes changes of network, proxy settings and resolver; repeated settings are told once."""

    def __init__(self, name: str, constants: Constants) -> None:
        self._name, self._constants = name, constants
        self._told: set[tuple[str, str, str]] = set()
        self.rows = RowFrames("host")
        self.on: dict[str, Callable[[Event], None]] = {
            **dict.fromkeys(_NETWORK, self._network),
            "PROXY_CONFIG_CHANGED": self._proxy,
            "DNS_CONFIG_CHANGED": self._resolver,
        }
        client = constants.client
        words = (fields.text(client, key, 80) for key in ("name", "version", "version_mod"))
        self._tell("os", "browser", " ".join(word for word in words if word))
        self._tell("os", "os", fields.text(client, "os_type", 120) or "")
        self._tell("capture", "netlog_mode", constants.capture_mode or "")

    def finish(self, polled: Mapping[str, object]) -> None:
        """Take what the browser said at the end of the log."""
        for row in _extensions(polled.get("extensionInfo")):
            self._tell("agent", "extension", row)
        settings = fields.mapping(polled, "proxySettings")
        self._proxy_config(fields.mapping(settings, "effective"))
        resolver = fields.mapping(fields.mapping(polled, "hostResolverInfo"), "dns_config")
        self._resolver_config(resolver)

    def _tell(self, section: str, name: str, value: str) -> None:
        value = redact_text(value, 200)
        key = (section, name, value)
        if value and key not in self._told and len(self._told) < MAX_CHANGES:
            self._told.add(key)
            row: Row = {"source": self._name, "section": section, "name": name, "value": value}
            self.rows.add(row)

    def _network(self, event: Event) -> None:
        kind = fields.text(event.params, "new_connection_type", 60)
        kind = kind or fields.text(event.params, "new_connectivity", 60)
        words = (event.kind.lower(), kind or "", utc(event.time) or "")
        self._tell("network", "change", " ".join(word for word in words if word))

    def _proxy(self, event: Event) -> None:
        self._proxy_config(fields.mapping(event.params, "new_config"))

    def _proxy_config(self, config: Mapping[str, object]) -> None:
        for scheme, place in _proxies(config):
            self._tell("proxy", scheme, place)
        pac = fields.text(config, "pac_url", 1000)
        if pac:
            self._tell("proxy", "pac", redact_url(pac))
        if fields.flag(config, "auto_detect"):
            self._tell("proxy", "auto_detect", "on")

    def _resolver(self, event: Event) -> None:
        self._resolver_config(event.params)

    def _resolver_config(self, config: Mapping[str, object]) -> None:
        for number, place in enumerate((fields.texts(config, "nameservers") or [])[:_LISTED], 1):
            self._tell("resolver", str(number), place.removesuffix(":53").strip("[]"))
        mode = fields.whole(config, "secure_dns_mode")
        if mode is not None and (word := self._constants.secure_dns.get(mode)):
            self._tell("resolver", "secure_dns_mode", word)
        servers = fields.mapping(config, "doh_config").get("servers")
        for server in servers[:_LISTED] if isinstance(servers, list) else []:
            template = fields.text(server, "server_template", 300) if _is_map(server) else None
            if template and fields.flag(config, "can_use_secure_dns_transactions"):
                self._tell("resolver", "doh_server", redact_url(template))


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def _proxies(config: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Scheme (or ``all``) and place of each configured proxy, as in ``[10.0.0.1:3128]``."""
    schemes = {"all": config.get("single_proxy"), **fields.mapping(config, "proxy_per_scheme")}
    for scheme, places in list(schemes.items())[:16]:
        for place in places[:_LISTED] if isinstance(places, list) else [places]:
            if isinstance(place, str) and place.strip("[]") not in {"", "direct://"}:
                plain = place[:300].strip("[]").rpartition("@")[2]
                yield redact_text(scheme, 20), redact_url(plain)


def _extensions(listed: object) -> Iterator[str]:
    """``Name 1.2 (id)`` of each extension that was on."""
    for item in listed[:_LISTED] if isinstance(listed, list) else []:
        if not isinstance(item, dict) or fields.flag(item, "enabled") is False:
            continue
        name = fields.text(item, "name", 80)
        if name:
            version = fields.text(item, "version", 20) or ""
            yield f"{name} {version} ({fields.text(item, 'id', 32) or 'no id'})"
