"""What all requests of other services share: models of other names, and one request that asks for several pictures."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from farm.manifest.fields import WrongValueError, whole, word
from farm.manifest.formats import Row, Rows

#: Ids of other services -> models of ours; asked for when the first one is met.
Models = Callable[[], Mapping[str, str]]

#: Most pictures of one request.
_MOST = 1000


def configured() -> Mapping[str, str]:
    """The table ``[models]`` of ``farm.toml``."""
    from farm.settings import Settings

    return Settings.load().models


def model_reader(models: Models) -> Callable[[Any], str]:
    """A reader of a model's id: what ``[models]`` says of it, else a name that a manifest of ours may hold too."""

    def read(value: Any) -> str:
        """The model to load."""
        name = word(value)
        known = models()
        if name in known:
            return word(known[name])
        if "/" in name or name.startswith("builtin:"):
            return name
        from farm.settings import config_file

        raise WrongValueError(
            f"{name[:80]!r} is no model of this farm: say in {config_file()}, under [models], what to take for it, "
            f'"{name[:80]}" = "…", or take one for all with --set render.model=….'
        )

    return read


def several(table: Rows, row: Row, column: str) -> Iterator[Row]:
    """The rows of a request that asks for several pictures: a seed that is given counts up, one that is not is derived.

    Args:
        table: for the errors.
        row: the request, without cells that are null.
        column: says how many; without it, one.
    """
    line, cells = row
    asked = cells.get(column, 1)
    cells = {name: cell for name, cell in cells.items() if name != column}
    try:
        number = whole(1, _MOST)(asked)
    except ValueError as error:
        raise table.error(str(error), line=line, column=column) from None
    if number == 1 or cells.get("seed") is None:
        for _ in range(number):
            yield line, cells
        return
    try:
        first = table.dialect.reader("seed")(cells["seed"])
    except ValueError as error:
        raise table.error(str(error), line=line, column="seed") from None
    for seed in range(first, first + number):
        yield line, {**cells, "seed": seed}
