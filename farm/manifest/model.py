"""The manifest: what the user wrote, validated, every error with its place in the file."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from farm.errors import ManifestError
from farm.manifest import formats
from farm.manifest import overrides as settings
from farm.manifest.axes import Render, read_render
from farm.manifest.document import read_json, read_yaml
from farm.manifest.expected import expected
from farm.manifest.fields import ALIASES, LATER, PLAIN, READERS
from farm.manifest.foreign import Models, configured
from farm.manifest.hours import freeze
from farm.manifest.limits import MANIFEST_BYTES
from farm.manifest.output import Output, settle
from farm.manifest.place import Place, shown
from farm.manifest.sources import manifest_rows, open_table

#: Ranges hold this many batches unless the user says otherwise.
_BATCHES = 4
_RUN_LATER = ("budget_usd", "profile", "optimize", "target_range_seconds")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Run(_Section):
    """How to run a job: control, no part of its identity."""

    priority: int = Field(default=50, ge=0, le=100)
    max_attempts: int = Field(default=3, ge=1, le=100)
    min_vram_gb: float | None = Field(default=None, gt=0, le=10_000, allow_inf_nan=False)
    step_policy: Literal["warn", "strict", "clamp"] = "warn"
    #: Images of one diffusers call.
    batch: int = Field(default=8, ge=1, le=1024)
    #: Images of one range.
    range: int = Field(default=_BATCHES * 8, ge=1, le=1_000_000)
    #: Days after its end on which the job is removed with its pictures; None keeps it.
    keep_days: int | None = Field(default=None, ge=1, le=36_500)
    #: Daily hours in which ranges are sent, with their zone: ``22:00-07:00 Europe/Berlin``.
    window: str | None = None
    #: When it is to be over, with its offset: ``2026-11-22T07:00+01:00``.
    finish_by: str | None = None

    @property
    def deadline(self) -> float | None:
        """When it is to be over, POSIX seconds."""
        return None if self.finish_by is None else datetime.fromisoformat(self.finish_by).timestamp()

    @model_validator(mode="before")
    @classmethod
    def _follow_batch(cls, values: Any) -> Any:
        """A range of which nobody said the size is as many batches."""
        if isinstance(values, dict) and "range" not in values and type(values.get("batch")) is int:
            return {**values, "range": max(1, _BATCHES * values["batch"])}
        return values


#: Field -> where it belongs, for those who write it outside its section.
_HOMES = {
    name: f"{section}.{name}"
    for section, names in (
        ("output", [each for each in Output.model_fields if each != "name"]),
        ("run", [*Run.model_fields, *_RUN_LATER]),
        ("render", [*READERS, *ALIASES, *LATER, *PLAIN]),
    )
    for name in names
}


@dataclass(frozen=True)
class Manifest:
    """A validated manifest; models are looked at by the plan.

    Args:
        name: what the user calls the job.
        render: what to draw.
        run: how to run it.
        output: where the pictures go.
        base: the folder that relative paths start from.
        place: where the values stand, for the errors of the plan.
        written: the manifest as plain values, with what was set over them; without the rows of a file that is a table.
        has_rows: whether its first factor is the rows of a table.
    """

    name: str
    render: Render
    run: Run = field(default_factory=Run)
    output: Output = field(default_factory=Output)
    base: Path = field(default_factory=Path)
    place: Place = field(default_factory=Place)
    written: Mapping[str, Any] = field(default_factory=dict)
    has_rows: bool = False

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know, such as columns that are carried as ``meta``."""
        return self.render.notes


def load(
    source: Path | str | Mapping[str, Any], *, overrides: Sequence[str] = (), models: Models = configured
) -> Manifest:
    """Read a manifest: a YAML or JSON file, a prompt file, requests of other services, or a mapping as in a manifest.

    Args:
        source: the file, or the manifest itself as plain values; relative paths in a file start from its folder.
        overrides: settings of the form ``render.steps=20``.
        models: what the model ids of other services mean; by default as the settings say.

    Raises:
        ManifestError: something in it is wrong; names file, line and field.
    """
    if isinstance(source, Mapping):
        return _manifest(
            copy.deepcopy(dict(source)), {}, overrides, file=None, base=Path.cwd(), stem="job", models=models
        )
    path = Path(source)
    file, base, suffix = str(source), path.parent, path.suffix.lower()
    table = open_table(path, file, models)
    if table is not None:
        return _manifest({}, {}, overrides, file=file, base=base, stem=path.stem, models=models, table=table)
    if suffix not in {".yaml", ".yml", ".json"}:
        known = ".yaml, .json, " + ", ".join(formats.READERS)
        raise ManifestError(f"a manifest or prompt file ends in one of {known}.", file=file)
    text = formats.read_text(
        path, file, limit=MANIFEST_BYTES, hint="put the prompts into a file, prompt: {file: prompts.txt}"
    )
    data, lines = (read_json if suffix == ".json" else read_yaml)(text, file)
    if not isinstance(data, dict):
        what = "is empty" if data is None else f"is {shown(data)}"
        raise ManifestError(f"{what}: a manifest is a mapping with the key `render`.", file=file)
    return _manifest(data, lines, overrides, file=file, base=base, stem=path.stem, models=models)


def _manifest(  # noqa: PLR0913 what each kind of source knows
    data: dict[str, Any],
    lines: Mapping[str, int],
    overrides: Sequence[str],
    *,
    file: str | None,
    base: Path,
    stem: str,
    models: Models,
    table: formats.Rows | None = None,
) -> Manifest:
    place = Place(file, lines, settings.apply(data, overrides))
    place.check_keys(data, "", known=("name", "render", "run", "output"), elsewhere=_HOMES)
    if data.get("render") is None and table is None:
        place.fail("is missing: it says what to draw.", "render")
    render = place.mapping(data.get("render"), "render")
    if render.get("rows") is not None:
        if table is not None:
            place.fail("has no meaning for a table: its own rows are the tasks.", "render.rows")
        table = manifest_rows(render["rows"], place=place, base=base, models=models)
    run, output = place.mapping(data.get("run"), "run"), place.mapping(data.get("output"), "output")
    place.check_keys(run, "run", known=list(Run.model_fields), later=_RUN_LATER)
    place.check_keys(output, "output", known=list(Output.model_fields))
    return Manifest(
        name=_name(data.get("name"), stem, place),
        render=read_render(render, place=place, base=base, table=table),
        run=_validated(Run, freeze(run, place), place, "run"),
        output=_validated(Output, settle(output, place), place, "output"),
        base=base,
        place=place,
        written=data,
        has_rows=table is not None,
    )


def _name(value: Any, stem: str, place: Place) -> str:
    if value is None:
        return stem
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 200:  # noqa: PLR2004
        place.fail(f"must be a name on one line of at most 200 characters, and {shown(value)} is not.", "name")
    return value.strip()


_Model = TypeVar("_Model", bound=BaseModel)


def _validated(model: type[_Model], values: Mapping[str, Any], place: Place, path: str) -> _Model:
    """The section as its model; the first thing that is wrong becomes a sentence."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        message = f"must be {expected(model.model_fields[name])}, and {shown(values.get(name))} is not."
        raise place.error(message, f"{path}.{name}") from None
