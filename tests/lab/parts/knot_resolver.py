"""Knot Resolver (kresd) with its policy module: what it denies, drops, refuses and explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import addresses
from tests.lab.network import Namespace
from tests.lab.parts.program import Program


class KnotResolver(Program):
    """`with KnotResolver(network.resolver, policy={"chatgpt.com": "policy.DENY"}): ...`.

    `policy` maps a name, with all below it, to an action as its configuration spells it, such as
    `policy.DENY`, `policy.DENY_MSG("why")`, `policy.REFUSE`, `policy.DROP` or
    `policy.ANSWER({ [kres.type.A] = { rdata=kres.str2ip("10.0.0.1"), ttl=60 } })`. All else is
    asked of `upstream`.
    """

    command = "kresd"
    package = "knot-resolver"
    ready = r"\[lab\] +ready"

    def __init__(
        self,
        host: Namespace,
        *,
        policy: Mapping[str, str] | None = None,
        upstream: str = addresses.PUBLIC_RESOLVERS[0],
        listen: Sequence[str] = addresses.RESOLVER,
    ) -> None:
        super().__init__(host)
        self._policy = policy or {}
        self._upstream = upstream
        self._listen = listen

    def argv(self, folder: Path) -> list[str]:
        lines = [
            *(f"net.listen('{address}', 53, {{ kind = 'dns' }})" for address in self._listen),
            "log_level('info')",
            "cache.size = 4 * MB",
            "trust_anchors.remove('.')",
            "modules = { 'policy', 'hints' }",
            *(
                f"policy.add(policy.suffix({action}, policy.todnames({{'{name}.'}})))"
                for name, action in self._policy.items()
            ),
            f"policy.add(policy.all(policy.STUB('{self._upstream}')))",
            "event.after(0, function() print('[lab] ready') end)",
        ]
        (folder / "kresd.conf").write_text("\n".join(lines) + "\n")
        return [self.command, "-n", "-c", str(folder / "kresd.conf"), str(folder)]
