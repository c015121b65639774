"""How many processors and how much memory this process may use, as its control group says.

A container that is given two of sixty-four processors still sees all sixty-four in `os.cpu_count()`; starting
that many threads makes everything slower. The process environment (OMP_NUM_THREADS and the like) is never
changed from here.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

_ROOT = Path("/")
_UNKNOWN = 4 << 30  # bytes assumed free where no system file says anything


def cpu_count(*, root: Path = _ROOT) -> int:
    """Processors this process may keep busy, at least 1.

    The smaller of the affinity mask and of the control group's quota (cgroup v1 and v2), rounded.
    `root` stands in for the file system's root in tests.
    """
    return max(1, min(_affinity(), round(_quota(root) or _affinity())))


def available_memory(*, root: Path = _ROOT) -> int:
    """Bytes this process may still allocate: the machine's free memory or what its control group leaves."""
    free = _machine_free(root)
    for folder in (*_groups(root, "memory"), *_groups(root, "")):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        if limit is None:
            continue
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        free = min(free, max(0, limit - max(0, used - _reclaimable(folder))))
    return free


def processor(*, root: Path = _ROOT) -> str:
    """The processor's name, as plainly as the system says it."""
    lines = _text(root / "proc/cpuinfo").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine() or "unknown processor"


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(root: Path) -> float | None:
    """Processors' worth of time that the tightest of the enclosing groups allows, or None."""
    quotas = []
    for folder in _groups(root, ""):  # v2: "max 100000" or "150000 100000"
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    for folder in _groups(root, "cpu"):  # v1: -1 means no quota
        limit, span = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if limit and span:
            quotas.append(limit / span)
    return min(quotas, default=None)


def _groups(root: Path, controller: str) -> list[Path]:
    """The group folder we are in and those around it, for a v1 `controller`, or for v2 when it is ''."""
    mounts = [root / "sys/fs/cgroup" / controller]
    if not controller:
        mounts.append(root / "sys/fs/cgroup/unified")  # v1 and v2 side by side
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, place = rest.partition(":")
        if controller not in controllers.split(","):
            continue
        inner = Path(place.lstrip("/"))
        # Inside a container the named folder is the host's and may be out of sight: then the mount holds.
        found += [mount / part for mount in mounts for part in (inner, *inner.parents)]
    return [folder for folder in dict.fromkeys([*found, *mounts]) if folder.is_dir()]


def _machine_free(root: Path) -> int:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError, AttributeError):
        return _UNKNOWN


def _reclaimable(folder: Path) -> int:
    """Bytes of file cache that count as used but are given back on demand."""
    fields = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
    # v1 has both, and only total_ counts the groups inside this one, as the use does
    return int(fields.get("total_inactive_file") or fields.get("inactive_file") or 0)


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdigit() else None  # "max" and "-1" are no limit


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
