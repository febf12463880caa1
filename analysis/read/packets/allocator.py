"""Keeps the memory of a block's arrays for the next block's.

Each block needs the same arrays anew. The GNU allocator gives those above a size back to the
system, only to ask for them again, which takes a fifth of all the time of a large file.
"""

from __future__ import annotations

import ctypes
import sys

_KEPT = {-1: 256 << 20, -2: 16 << 20, -3: 2 << 20}
"""By mallopt(3): what may stay free at the top, what is asked for at once, what is mapped alone."""


def keep_freed_memory() -> None:
    """From now on, in this process; nothing where there is another allocator."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _KEPT.items():
            mallopt(parameter, value)


def give_back_freed_memory() -> None:
    """What is free now goes back to the system."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
