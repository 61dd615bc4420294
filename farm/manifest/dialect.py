"""What the columns of a file mean: our own names for fields, or those of another service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from farm.manifest.fields import ALIASES, LABELS, LATER, READERS

#: Names of fields that only columns go by, folded.
_COLUMNS = {"schedule_type": "scheduler", "positive_prompt": "prompt", "positiveprompt": "prompt"}


def fold(column: str) -> str:
    """A column's name without what people write differently: case, spaces, dashes."""
    return column.strip().casefold().replace(" ", "_").replace("-", "_")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names that a kind of file has for fields; what it does not name, means what it means to us.

    Args:
        fields: column -> field or label of ours.
        readers: field -> how its cells are read, where that differs.
        unused: columns that have no meaning here, and leave the picture as it is.
        refused: columns that would make another picture, and that nothing here carries out.
        within: where a column stands in the file, as errors name it.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    readers: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    within: Callable[[str], str] = str

    def field_of(self, column: str) -> str | None:
        """The field that a column's name means; None when it means none."""
        folded = fold(column)
        name = self.fields.get(column) or ALIASES.get(folded) or _COLUMNS.get(folded) or folded
        return name if name in READERS or name in LABELS or name in LATER else None

    def reader(self, name: str) -> Callable[[Any], Any]:
        """How a cell of a field or label is read."""
        return self.readers.get(name) or READERS.get(name) or LABELS[name]

    def spelled(self, name: str) -> str:
        """What the file calls a field."""
        return next((column for column, means in self.fields.items() if means == name), name)


#: Our own names.
OWN = Dialect()
