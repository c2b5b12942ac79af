from __future__ import annotations

from pathlib import Path

import pytest

from tiernas.runner.system_files import system_files

CGROUP = {
    "proc/self/cgroup": "0::/user.slice/session-1.scope\n4:cpu,cpuacct:/../outside\n",
    "sys/fs/cgroup/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/memory.max": "1000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_limits_of_all_groups_are_found(tmp_path: Path) -> None:
    write(tmp_path, CGROUP)
    assert dict(system_files(tmp_path)) == CGROUP


def test_only_the_first_core_is_described(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "processor: 0\nflags: avx2\n\nprocessor: 1\n"})
    assert system_files(tmp_path) == {"proc/cpuinfo": "processor: 0\nflags: avx2"}


@pytest.mark.parametrize("files", [{}, {"proc/self/cgroup": "nonsense\n"}])
def test_a_system_without_them_has_few(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    assert system_files(tmp_path) == files
