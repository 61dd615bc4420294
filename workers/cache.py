"""The pipelines this worker has loaded: least recently used out first, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable

from farm.errors import ModelError
from farm.manifest.task import PipelineKey
from workers.device import Device
from workers.locate import Find, here
from workers.pipeline import Loaded, is_out_of_memory, load

Load = Callable[[PipelineKey, Device, Find], Loaded]


class PipelineCache:
    """Loaded pipelines of one device.

    Args:
        device: where they are loaded to.
        load: how; raises `ModelError`.
    """

    def __init__(self, device: Device, load: Load = load) -> None:
        self.device = device
        self._load = load
        self._loaded: OrderedDict[PipelineKey, Loaded] = OrderedDict()

    @property
    def queues(self) -> tuple[str, ...]:
        """Queues whose pipelines are loaded, most recently used last."""
        return tuple(key.queue for key in self._loaded)

    def get(self, key: PipelineKey, find: Find = here) -> Loaded:
        """The pipeline, loaded when it is not there yet; raises what `load` raises.

        Args:
            key: which one.
            find: where it is loaded from.
        """
        if key not in self._loaded:
            self._loaded[key] = self._make(key, find)
        self._loaded.move_to_end(key)
        self._shrink()
        return self._loaded[key]

    def _make(self, key: PipelineKey, find: Find) -> Loaded:
        """Load, and once more with the memory to itself when it did not fit beside the others."""
        try:
            return self._load(key, self.device, find)
        except ModelError as error:
            if error.__cause__ is None or not is_out_of_memory(error.__cause__) or not self._loaded:
                raise
        self._loaded.clear()
        self.device.free()
        return self._load(key, self.device, find)

    def _shrink(self) -> None:
        """Drop what was not used for longest until the rest fits; what is in use stays, however large."""
        dropped = False
        while len(self._loaded) > 1 and sum(loaded.bytes for loaded in self._loaded.values()) > self.device.memory:
            self._loaded.popitem(last=False)
            dropped = True
        if dropped:
            self.device.free()
