"""How far a fetch or a check of many pictures has come."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What has been done so far.

    Args:
        total: pictures that there are to bring.
        on_progress: told of this after every picture.
    """

    total: int
    on_progress: "Callable[[Tally], None] | None" = None
    #: Pictures that are in the folder now, and their bytes.
    images: int = 0
    bytes: int = 0
    #: How many of them this fetch has brought.
    brought: int = 0
    #: Names of pictures that the store does not hold as they were rendered.
    bad: list[str] = field(default_factory=list)

    def add(self, size: int, *, new: bool) -> None:
        """One more picture is in the folder."""
        self.images, self.bytes, self.brought = self.images + 1, self.bytes + size, self.brought + new
        self._tell()

    def miss(self, name: str) -> None:
        """One cannot be brought."""
        self.bad.append(name)
        self._tell()

    def _tell(self) -> None:
        if self.on_progress:
            self.on_progress(self)
