from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.doctor.cgroup import cpu_limit, memory_limit, parse_bytes, parse_cpu_max, parse_quota

WriteTree = Callable[[dict[str, str]], Path]


def test_version_2_inside_a_container(write_tree: WriteTree) -> None:
    root = write_tree({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"})
    assert cpu_limit(root) == 1.5


def test_version_2_the_tightest_group_above_counts(write_tree: WriteTree) -> None:
    root = write_tree(
        {
            "proc/self/cgroup": "0::/user.slice/job.scope\n",
            "sys/fs/cgroup/user.slice/cpu.max": "50000 100000\n",
            "sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000\n",
            "sys/fs/cgroup/user.slice/memory.max": "max\n",
            "sys/fs/cgroup/user.slice/job.scope/memory.max": "1073741824\n",
        },
    )
    assert cpu_limit(root) == 0.5
    assert memory_limit(root) == 2**30


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("group", ["docker/1f", "."])
def test_version_1(write_tree: WriteTree, mount: str, group: str) -> None:
    """The group's folder on the host; inside a container the mount is the group itself."""
    root = write_tree(
        {
            "proc/self/cgroup": "9:name=systemd:/docker/1f\n4:memory:/docker/1f\n1:cpu,cpuacct:/docker/1f\n0::/\n",
            f"sys/fs/cgroup/{mount}/{group}/cpu.cfs_quota_us": "200000\n",
            f"sys/fs/cgroup/{mount}/{group}/cpu.cfs_period_us": "50000\n",
            f"sys/fs/cgroup/memory/{group}/memory.limit_in_bytes": "536870912\n",
        },
    )
    assert cpu_limit(root) == 4.0
    assert memory_limit(root) == 2**29


def test_version_1_without_limits(write_tree: WriteTree) -> None:
    root = write_tree(
        {
            "proc/self/cgroup": "2:memory:/\n1:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert cpu_limit(root) is None
    assert memory_limit(root) is None


@pytest.mark.parametrize("cgroup", [None, "", "nonsense\n", "0::\n", "1:cpu\n", "0::/../../other\n"])
def test_no_groups_are_no_limit(write_tree: WriteTree, cgroup: str | None) -> None:
    root = write_tree({} if cgroup is None else {"proc/self/cgroup": cgroup})
    assert cpu_limit(root) is None
    assert memory_limit(root) is None


def test_this_machine_can_be_read() -> None:
    limit = cpu_limit()
    assert limit is None or limit > 0


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_cpu_max_is_quota_over_period(quota: int, period: int) -> None:
    assert parse_cpu_max(f"{quota} {period}\n") == parse_quota(str(quota), str(period)) == quota / period
    assert parse_cpu_max(f"max {period}\n") is None
    assert parse_quota("-1", str(period)) is None


@given(st.text("0123456789 -+.max\n\x00٣"))
def test_any_text_is_a_limit_or_none(text: str) -> None:
    for limit in (parse_cpu_max(text), parse_quota(text, text), parse_bytes(text)):
        assert limit is None or limit >= 0


@pytest.mark.parametrize("text", ["", "max", "max 100000", "100000 0", "0 100000", "-5 100000"])
def test_no_cpu_limit(text: str) -> None:
    assert parse_cpu_max(text) is None


def test_period_of_cpu_max_is_100_ms_unless_told() -> None:
    assert parse_cpu_max("50000") == 0.5
