"""The device this worker renders on: its name, its memory, and the number format that suits it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.errors import ModelError

if TYPE_CHECKING:
    import torch

GIB = 2**30
#: Share of the memory of the machine that pipelines may hold where there is no GPU.
RAM_SHARE = 0.5
#: Share of the memory of a GPU: the rest is for activations.
VRAM_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Device:
    """A device that torch can render on.

    Args:
        name: as torch names it: ``cpu`` or ``cuda:0``.
        gpu: as its maker names it: what prices and fits are keyed by.
        vram_gb: GiB of memory of its own; None where it shares the machine's.
        memory: bytes that loaded pipelines may take.
    """

    name: str
    gpu: str
    vram_gb: float | None
    memory: int

    @property
    def is_cuda(self) -> bool:
        """Whether work runs apart from the thread that asks for it."""
        return self.name.startswith("cuda")

    def dtype(self, wanted: str) -> "torch.dtype":
        """The number format to load a pipeline in; ``auto`` is the best this device is fast with."""
        import torch

        if wanted != "auto":
            return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[wanted]
        if not self.is_cuda:
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16

    def synchronize(self) -> None:
        """Wait until the device has done what it was asked."""
        if self.is_cuda:
            import torch

            torch.cuda.synchronize(self.name)

    def free(self) -> None:
        """Hand cached memory back, so that a smaller batch finds it in one piece."""
        import gc

        gc.collect()
        if self.is_cuda:
            import torch

            torch.cuda.empty_cache()


def find_device() -> Device:
    """The first CUDA device that this process sees, else the processor."""
    import torch

    if not torch.cuda.is_available():
        return Device(name="cpu", gpu=processor_name(), vram_gb=None, memory=int(memory_of_machine() * RAM_SHARE))
    properties = torch.cuda.get_device_properties(0)
    total = int(properties.total_memory)
    return Device(name="cuda:0", gpu=properties.name, vram_gb=round(total / GIB, 1), memory=int(total * VRAM_SHARE))


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor as its maker names it; plainly ``CPU`` where the system does not say."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return "CPU"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next((name for name in names if name), "CPU")


def memory_of_machine() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_dtype(wanted: str, device: Device) -> None:
    """Refuse a number format that this device cannot compute in; raises `ModelError`."""
    if wanted == "float16" and not device.is_cuda:
        raise ModelError(
            "render.dtype float16 needs a GPU and this worker has none: use auto, float32 or bfloat16 instead."
        )
