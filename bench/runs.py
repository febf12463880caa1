"""Runs of whole processes: how long, how much processor time, and how much memory at the peak."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

_EVERY = 0.01
_CHILDREN_EVERY = 10
"""Looks after which new children are looked for: that costs as much as all else together."""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds by the clock and of the processors, and peak resident memory in MB.

    Memory is the sum over the process and all its children, looked at every 10 ms;
    children are found within 100 ms, so that looking does not slow what is measured.
    """

    seconds: float
    cpu: float
    memory: float


def run(command: Sequence[str]) -> Run:
    """Run a process to its end. Raises CalledProcessError when it fails."""
    started = time.perf_counter()
    child = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = _Watch(child)
    watch.start()
    code = child.wait()
    seconds = time.perf_counter() - started
    watch.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return Run(seconds, watch.cpu, watch.memory / 1e6)


class _Watch(threading.Thread):
    """Looks at a process and its children until it is gone."""

    def __init__(self, process: psutil.Popen) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.memory = 0
        self.cpu = 0.0

    def run(self) -> None:
        children: list[psutil.Process] = []
        try:
            for look in itertools.count():
                if look % _CHILDREN_EVERY == 0:
                    children = self._process.children(recursive=True)
                own = self._process.cpu_times()
                memory = self._process.memory_info().rss
                # the times of children that have ended come with the parent's own
                used = own.user + own.system
                used += getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
                for child in children:
                    with suppress(psutil.NoSuchProcess):
                        times = child.cpu_times()
                        used += times.user + times.system
                        memory += child.memory_info().rss
                self.cpu, self.memory = max(self.cpu, used), max(self.memory, memory)
                time.sleep(_EVERY)
        except psutil.Error:
            return


def median(runs: Sequence[Run]) -> float:
    """Seconds by the clock."""
    return statistics.median(one.seconds for one in runs)


def median_cpu(runs: Sequence[Run]) -> float:
    """Seconds of the processors."""
    return statistics.median(one.cpu for one in runs)


def peak(runs: Sequence[Run]) -> float:
    """The highest memory of them all."""
    return max(one.memory for one in runs)
