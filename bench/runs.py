"""Runs of whole processes: how long, how much processor time, and how much memory at the peak."""

from __future__ import annotations

import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

_EVERY = 0.01


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds by the clock and of the processors, and peak resident memory in MB.

    Memory is the sum over the process and all its children, looked at every 10 ms.
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
        try:
            while True:
                family = [self._process, *self._process.children(recursive=True)]
                used, memory = 0.0, 0
                for member in family:
                    times = member.cpu_times()
                    used += times.user + times.system
                    memory += member.memory_info().rss
                # the times of children that have ended
                ended = family[0].cpu_times()
                used += getattr(ended, "children_user", 0.0) + getattr(
                    ended, "children_system", 0.0
                )
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
