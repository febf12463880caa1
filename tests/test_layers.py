"""The arrows between the packages, as the architecture draws them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# what each place may import of ours, besides itself; the longest matching place counts
ARROWS: dict[str, set[str]] = {
    "analysis.model": set(),
    "analysis.knowledge": {"analysis.model"},
    "analysis.read": {"analysis.model", "analysis.knowledge"},
    "analysis.detect": {"analysis.model", "analysis.knowledge"},
    "analysis.diagnose": {
        "analysis.model",
        "analysis.knowledge",
        "analysis.read",
        "analysis.detect",
    },
    "analysis.compare": {
        "analysis.model",
        "analysis.knowledge",
        "analysis.detect",
        "analysis.diagnose",
    },
    "analysis.report": {
        "analysis.model",
        "analysis.knowledge",
        "analysis.read",
        "analysis.detect",
        "analysis.diagnose",
    },
    "addons": {"analysis.model", "analysis.knowledge"},
    "agent": {"analysis", "addons"},
}
OURS = ("agent", "addons", "analysis")
# no clock and no I/O where facts are judged
PURE = ("analysis.model", "analysis.detect", "analysis.diagnose", "analysis.compare")
IMPURE = {
    "socket",
    "subprocess",
    "requests",
    "httpx",
    "time",
    "tempfile",
    "asyncio",
    "os",
    "random",
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), path))
    return found


def imports(path: Path) -> set[str]:
    """Every module named by an import statement, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def place(module: str) -> str | None:
    fitting = [key for key in ARROWS if module == key or module.startswith(key + ".")]
    return max(fitting, key=len, default=None)


def inside(module: str, places: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in places)


def test_every_module_has_a_place() -> None:
    homeless = [name for name, _ in modules() if place(name) is None and name != "analysis"]
    assert homeless == []
    assert len(modules()) > 50


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_arrows(name: str, path: Path) -> None:
    own = place(name)
    allowed = ARROWS.get(own or "", set()) | ({own} if own else set())
    ours = {item for item in imports(path) if item.split(".")[0] in OURS}
    # `from analysis import knowledge` names the package above the place
    wrong = {item for item in ours if not inside(item, allowed) and item not in {"analysis"}}
    assert wrong == set(), f"{name} may import only {sorted(allowed)}"


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name, path in modules() if name.startswith(PURE)],
    ids=[name for name, _ in modules() if name.startswith(PURE)],
)
def test_judgment_has_no_clock_and_no_io(name: str, path: Path) -> None:
    assert {item.split(".")[0] for item in imports(path)} & IMPURE == set(), name


def test_help_imports_nothing_heavy() -> None:
    """mitmproxy, scapy and pandas are imported only by the commands that need them."""
    import subprocess
    import sys

    code = (
        "import sys; import agent.cli; "
        "print(sorted({'pandas', 'scapy', 'mitmproxy', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
