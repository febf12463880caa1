"""unbound: a resolver with the lab's zone, and RPZ policies as a DNS filter has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program

TTL = 214  # seconds, as seen for chatgpt.com

_FALSE_KEY = f"DS 4711 13 2 {'ab' * 32}"


class Unbound(Program):
    """Recursive resolver; the internet that it knows is the lab's, with `zone` over it.

    `policy` maps a name to an RPZ action, as RPZ itself spells it: `CNAME .` is NXDOMAIN,
    `CNAME *.` NODATA, `CNAME rpz-drop.` no answer, `A 0.0.0.0` or `CNAME name.` an answer of the
    filter's own (draft-vixie-dnsop-dns-rpz, section 4). `unset_ra` makes it answer a blocked name
    as Quad9 does, without the recursion bit. `bogus` names are validated against a key that their
    zone has not, so they get SERVFAIL with a DNSSEC error; `refused` names get REFUSED.
    """

    command = "unbound"
    package = "unbound"
    ready = r"start of service"
    version_argv = ("-V",)

    def __init__(
        self,
        host: Namespace,
        *,
        zone: Mapping[str, Sequence[str]] = MappingProxyType({}),
        policy: Mapping[str, str] | None = None,
        unset_ra: bool = False,
        bogus: Sequence[str] = (),
        refused: Sequence[str] = (),
        listen: Sequence[str] = (*addresses.RESOLVER, *addresses.PUBLIC_RESOLVERS),
    ) -> None:
        super().__init__(host)
        self._zone = {**addresses.ZONE, **zone}
        self._policy = policy or {}
        self._unset_ra = unset_ra
        self._bogus = bogus
        self._refused = refused
        self._listen = listen

    def argv(self, folder: Path) -> list[str]:
        (folder / "root.zone").write_text(zone_file(self._zone))
        (folder / "filter.rpz").write_text(policy_file(self._policy))
        (folder / "unbound.conf").write_text(self._config(folder))
        return [self.command, "-d", "-d", "-p", "-c", str(folder / "unbound.conf")]

    def _config(self, folder: Path) -> str:
        lines = [
            "server:",
            *(f"  interface: {address}" for address in self._listen),
            "  access-control: 0.0.0.0/0 allow",
            "  access-control: ::/0 allow",
            f'  directory: "{folder}"',
            '  chroot: ""',
            '  username: ""',
            '  logfile: ""',
            "  use-syslog: no",
            "  verbosity: 1",
            "  num-threads: 1",
            "  so-reuseport: no",
            "  ede: yes",
            "  do-not-query-localhost: no",
            f'  module-config: "respip {"validator " if self._bogus else ""}iterator"',
            *(f'  trust-anchor: "{name}. {_FALSE_KEY}"' for name in self._bogus),
            *(f'  local-zone: "{name}." always_refuse' for name in self._refused),
            "remote-control:",
            "  control-enable: no",
        ]
        if self._policy:
            lines += [
                "rpz:",
                "  name: filter.rpz",
                f'  zonefile: "{folder}/filter.rpz"',
                "  rpz-log: yes",
                f"  rpz-signal-nxdomain-ra: {'yes' if self._unset_ra else 'no'}",
            ]
        lines += [
            "auth-zone:",
            '  name: "."',
            f'  zonefile: "{folder}/root.zone"',
            "  for-downstream: no",
            "  for-upstream: yes",
        ]
        return "\n".join(lines) + "\n"


def zone_file(zone: Mapping[str, Sequence[str]]) -> str:
    """The lab's internet as one zone: the root's, with every name below it."""
    lines = [
        "$TTL 86400",
        ". SOA a.root-servers.net. nstld.verisign-grs.com. 2026112800 1800 900 604800 86400",
        ". NS a.root-servers.net.",
        "a.root-servers.net. A 198.41.0.4",
    ]
    lines += [
        f"{name}. {TTL} {'AAAA' if ':' in value else 'A'} {value}"
        for name, values in zone.items()
        for value in values
    ]
    return "\n".join(lines) + "\n"


def policy_file(policy: Mapping[str, str]) -> str:
    """An RPZ zone with one trigger per name."""
    lines = [
        "$TTL 60",
        "filter.rpz. SOA localhost. admin.filter.example. 1 3600 600 86400 60",
        "filter.rpz. NS localhost.",
    ]
    lines += [f"{name}.filter.rpz. {action}" for name, action in policy.items()]
    return "\n".join(lines) + "\n"
