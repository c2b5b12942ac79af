"""Settings that are read from small folders that stand for `/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tiernas.doctor import Finding, Severity, cpu, memory
from tiernas.doctor.diagnosis import machine_findings

WriteTree = Callable[[dict[str, str]], Path]

CPU = "sys/devices/system/cpu"


def expect(finding: Finding | None, level: Severity, found: str, fix: str) -> None:
    assert finding is not None
    assert finding.level is level
    assert found in finding.found
    assert fix in finding.fix
    assert finding.why.endswith(".")


def test_nothing_is_found_where_there_are_no_files(tmp_path: Path) -> None:
    assert [f for f in machine_findings(tmp_path) if f.topic != "CPU affinity"] == []
    assert machine_findings(tmp_path, cores=2) == []
    (finding,) = machine_findings(tmp_path, cores=4, allowed=2)
    expect(finding, Severity.NOTE, "this process may run on 2 of 4 cores", "--threads 2")


def test_governor(tmp_path: Path, write_tree: WriteTree) -> None:
    files = {f"{CPU}/cpu{i}/cpufreq/scaling_governor": "performance\n" for i in range(4)}
    assert cpu.governor(write_tree(files)) is None
    write_tree({f"{CPU}/cpu2/cpufreq/scaling_governor": "powersave\n"})
    expect(cpu.governor(tmp_path), Severity.WARNING, "powersave on 1 of 4 cores", "--governor performance")


@pytest.mark.parametrize(("file", "on", "off"), [("intel_pstate/no_turbo", "0", "1"), ("cpufreq/boost", "1", "0")])
def test_turbo(tmp_path: Path, write_tree: WriteTree, file: str, on: str, off: str) -> None:
    write_tree({f"{CPU}/{file}": f"{on}\n"})
    expect(cpu.boost(tmp_path), Severity.NOTE, "boosts", f"echo {off} | sudo tee /{CPU}/{file}")
    write_tree({f"{CPU}/{file}": f"{off}\n"})
    assert cpu.boost(tmp_path) is None


def test_smt(tmp_path: Path, write_tree: WriteTree) -> None:
    write_tree({f"{CPU}/smt/active": "1\n", f"{CPU}/cpu0/topology/thread_siblings_list": "0,8\n"})
    expect(cpu.smt(tmp_path), Severity.NOTE, "CPUs 0,8", f"/{CPU}/smt/control")
    write_tree({f"{CPU}/smt/active": "0\n"})
    assert cpu.smt(tmp_path) is None


@pytest.mark.parametrize(
    "files",
    [
        {"proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu hypervisor avx2\n"},
        {"sys/hypervisor/type": "xen\n"},
        {"proc/device-tree/hypervisor/compatible": "linux,kvm"},
    ],
)
def test_virtual_machine(write_tree: WriteTree, files: dict[str, str]) -> None:
    expect(cpu.hypervisor(write_tree(files)), Severity.NOTE, "hypervisor", "dedicated")


def test_real_machine(tmp_path: Path, write_tree: WriteTree) -> None:
    write_tree({"proc/cpuinfo": "model name\t: hypervisor 9000\nflags\t\t: fpu avx2\nbugs\t: hypervisor\n"})
    assert cpu.hypervisor(tmp_path) is None


def test_container_limit(tmp_path: Path, write_tree: WriteTree) -> None:
    write_tree({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"})
    expect(cpu.container_limit(8, tmp_path), Severity.WARNING, "1.5 of 8 cores", "--cpuset-cpus")
    assert cpu.container_limit(1, tmp_path) is None


def test_affinity() -> None:
    expect(cpu.affinity(2, 8), Severity.NOTE, "2 of 8 cores", "--threads 2")
    assert cpu.affinity(8, 8) is None


def test_memory_of_the_machine(tmp_path: Path, write_tree: WriteTree) -> None:
    write_tree({"proc/meminfo": "MemTotal:       8000000 kB\nMemAvailable:    1048576 kB\n"})
    expect(memory.memory(tmp_path), Severity.WARNING, "1024 MB are available", "end programs")
    write_tree({"proc/meminfo": "MemAvailable:    9000000 kB\n"})
    assert memory.memory(tmp_path) is None


def test_memory_of_the_container(tmp_path: Path, write_tree: WriteTree) -> None:
    files = {"proc/meminfo": "MemAvailable: 9000000 kB\n", "proc/self/cgroup": "0::/\n"}
    write_tree(files | {"sys/fs/cgroup/memory.max": f"{512 * 2**20}\n"})
    expect(memory.memory(tmp_path), Severity.WARNING, "container may use 512 MB", "docker run --memory")


def test_swap(tmp_path: Path, write_tree: WriteTree) -> None:
    write_tree({"proc/meminfo": "SwapTotal:  2097152 kB\nSwapFree:  1048576 kB\n"})
    expect(memory.swap(tmp_path), Severity.NOTE, "1024 MB", "swapoff")
    write_tree({"proc/meminfo": "SwapTotal:  2097152 kB\nSwapFree:  2097152 kB\n"})
    assert memory.swap(tmp_path) is None
