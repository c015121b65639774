"""Processors and memory as the control group allows them, from file systems made by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from macaw import machine
from macaw.machine import available_memory, cpu_count

GIB = 1 << 30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """`system({"proc/meminfo": ...})`: a root folder with these files, on a machine of 64 processors."""
    monkeypatch.setattr(machine, "_affinity", lambda: 64)

    def write(files: dict[str, str]) -> Path:
        base = {"proc/meminfo": f"MemTotal: 999 kB\nMemAvailable:   {8 * GIB // 1024} kB\n"}
        for name, text in (base | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path

    return write


def pod(where: str = "kube/pod1", **values: str | int) -> dict[str, str]:
    """A group of cgroup v2 with a group around it; `cpu_max` is the file cpu.max."""
    return {"proc/self/cgroup": "0::/kube/pod1\n"} | {
        f"sys/fs/cgroup/{where}/{name.replace('_', '.', 1)}": str(value) for name, value in values.items()
    }


def docker(controller: str, where: str = "docker/ab", **values: str | int) -> dict[str, str]:
    """A group of cgroup v1; `cpu_cfs_quota_us` is the file cpu.cfs_quota_us."""
    lines = "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n1:name=systemd:/\n0::/\n"
    return {"proc/self/cgroup": lines} | {
        f"sys/fs/cgroup/{controller}/{where}/{name.replace('_', '.', 1)}": str(value)
        for name, value in values.items()
    }


class TestProcessors:
    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({}, 64),
            (pod(cpu_max="200000 100000"), 2),
            (pod(cpu_max="150000 100000"), 2),
            (pod(cpu_max="10000 100000"), 1),
            (pod(cpu_max="max 100000"), 64),
            (pod(cpu_max="max 100000") | pod("kube", cpu_max="300000 100000"), 3),
            (pod(".", cpu_max="400000 100000"), 4),
            (docker("cpu", cpu_cfs_quota_us=500000, cpu_cfs_period_us=100000), 5),
            # inside the container, where the host's path is out of sight
            (docker("cpu", ".", cpu_cfs_quota_us=200000, cpu_cfs_period_us=100000), 2),
            (docker("cpu", cpu_cfs_quota_us=-1, cpu_cfs_period_us=100000), 64),
            ({"proc/self/cgroup": "nonsense", "sys/fs/cgroup/cpu.max": "nonsense"}, 64),
        ],
    )
    def test_quota(self, system, files, expected):
        assert cpu_count(root=system(files)) == expected

    def test_never_more_than_the_affinity_mask(self, system, monkeypatch):
        root = system(pod(cpu_max="800000 100000"))
        monkeypatch.setattr(machine, "_affinity", lambda: 3)
        assert cpu_count(root=root) == 3

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks on this system")
    def test_affinity_of_a_process(self):
        first = min(os.sched_getaffinity(0))
        code = (
            f"import os; os.sched_setaffinity(0, {{{first}}}); before = dict(os.environ)\n"
            "from macaw.machine import cpu_count\n"
            "assert cpu_count() == 1 and dict(os.environ) == before"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_here(self):
        assert 1 <= cpu_count() <= os.cpu_count()


class TestMemory:
    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({}, 8 * GIB),
            (pod(memory_max="max"), 8 * GIB),
            (pod(memory_max=2 * GIB, memory_current=GIB), GIB),
            (
                pod(memory_max=2 * GIB, memory_current=2 * GIB, memory_stat=f"anon 5\ninactive_file {GIB}"),
                GIB,
            ),
            (pod("kube", memory_max=GIB, memory_current=0), GIB),
            (pod(memory_max=GIB, memory_current=3 * GIB), 0),
            (
                docker("memory", memory_limit_in_bytes=3 * GIB, memory_usage_in_bytes=2 * GIB)
                | docker("memory", memory_stat=f"inactive_file 7\ntotal_inactive_file {GIB}"),
                2 * GIB,
            ),
            (docker("memory", ".", memory_limit_in_bytes=2**63 - 4096, memory_usage_in_bytes=5), 8 * GIB),
        ],
    )
    def test_limit(self, system, files, expected):
        assert available_memory(root=system(files)) == expected

    def test_a_system_without_these_files(self, tmp_path):
        assert available_memory(root=tmp_path) > 0

    def test_here(self):
        assert 0 < available_memory() < 1 << 50
