"""Damaged inputs for as long as one likes: `python tests/fuzz/campaign.py --help`.

An input that breaks a parser is kept in the working folder, ready to become a test.
"""

from __future__ import annotations

import argparse
import random
import sys
import traceback
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1]), str(HERE.parent / "analysis/read/packets")]

from fuzz_targets import TARGETS, judged, read  # noqa: E402 - the paths come first
from mutation import mutated  # noqa: E402


def main() -> int:
    """Number of targets that an input broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=2000, help="inputs per target")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return sum(_broken(name, options.inputs, options.seed) for name in options.targets)


def _broken(name: str, inputs: int, seed: int) -> bool:
    target = TARGETS[name]
    good = target.seeds()
    chance = random.Random(zlib.crc32(name.encode()) ^ seed)
    for number in range(inputs):
        content = target.file(mutated(chance.choice(good), good, chance))
        try:
            tables = read(content, target.name)
            if tables is not None and not number % 20:
                judged(tables)
        except Exception:
            kept = Path(f"fuzz-{name}-{number}.bin")
            kept.write_bytes(content)
            traceback.print_exc()
            print(f"{name}: broken by input {number}, kept as {kept}")
            return True
    print(f"{name}: {inputs} inputs, none broke it")
    return False


if __name__ == "__main__":
    sys.exit(main())
