from __future__ import annotations

from pathlib import Path

from tiernas.engines.fingerprint import cpu_device
from tiernas.engines.local_devices import local_devices

INFORMATION = """Model: \t\t NVIDIA L4
IRQ:   \t\t 105
GPU UUID: \t GPU-00000000-0000-0000-0000-000000000000
Video BIOS: \t 95.04.29.00.06
"""


def test_a_machine_without_a_gpu_has_its_cpu(tmp_path: Path) -> None:
    assert local_devices(tmp_path) == (cpu_device(),)


def test_gpus_are_named_as_the_driver_names_them_each_kind_once(tmp_path: Path) -> None:
    for slot in ("0000:00:03.0", "0000:00:04.0"):
        folder = tmp_path / "proc/driver/nvidia/gpus" / slot
        folder.mkdir(parents=True)
        (folder / "information").write_text(INFORMATION)
    assert local_devices(tmp_path) == (cpu_device(), "NVIDIA L4")
