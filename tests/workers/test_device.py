from pathlib import Path

import pytest
import torch

from farm.errors import ModelError
from workers.device import GIB, Device, check_dtype, find_device, memory_of_machine, processor_name

CPU = Device(name="cpu", gpu="CPU", vram_gb=None, memory=GIB)


def test_without_a_gpu_the_processor_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipelines may fill a part of the machine's memory, not all of it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device = find_device()
    assert (device.name, device.vram_gb, device.is_cuda) == ("cpu", None, False)
    assert 0 < device.memory < memory_of_machine()


def test_a_gpu_is_named_by_its_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and memory are the device's own; some memory is left for the work itself."""

    class Properties:
        name = "NVIDIA L4"
        total_memory = 24 * GIB

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _index: Properties)
    device = find_device()
    assert (device.name, device.gpu, device.vram_gb) == ("cuda:0", "NVIDIA L4", 24.0)
    assert device.memory < 24 * GIB
    assert device.is_cuda


def test_the_processor_is_named_by_its_maker(tmp_path: Path) -> None:
    """The first name that the system gives; plainly CPU where it gives none."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Best CPU @ 2 GHz\nprocessor\t: 1\nmodel name\t: Other\n")
    assert processor_name(cpuinfo) == "Best CPU @ 2 GHz"
    cpuinfo.write_text("Features\t: fp asimd\n")
    assert processor_name(cpuinfo) == "CPU"
    assert processor_name(tmp_path / "nowhere") == "CPU"


def test_the_processor_is_best_at_float32() -> None:
    """``auto`` is what the device is fast with; another format is taken as it is asked for."""
    assert CPU.dtype("auto") is torch.float32
    assert CPU.dtype("bfloat16") is torch.bfloat16


@pytest.mark.parametrize(("capable", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_is_best_at_sixteen_bits(monkeypatch: pytest.MonkeyPatch, *, capable: bool, dtype: torch.dtype) -> None:
    """bfloat16 where the hardware has it: float16 overflows in some VAEs."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: capable)
    assert Device(name="cuda:0", gpu="GPU", vram_gb=8.0, memory=GIB).dtype("auto") is dtype


def test_float16_on_a_processor_is_refused() -> None:
    """It would take for ever or fail in the middle; the sentence says what to use."""
    with pytest.raises(ModelError, match="use auto"):
        check_dtype("float16", CPU)
    check_dtype("auto", CPU)


def test_waiting_and_freeing_need_no_gpu() -> None:
    """On a processor nothing is pending and nothing is cached."""
    CPU.synchronize()
    CPU.free()
