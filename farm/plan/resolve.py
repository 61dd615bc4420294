"""A manifest -> its space with models looked up, defaults filled in and the step policy applied."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farm.errors import ManifestError
from farm.hub import COMMIT
from farm.manifest.model import Manifest
from farm.manifest.space import Factor, Space
from farm.models import Buckets, ModelInfo, resolve
from farm.steps.policy import Family, Verdict, range_verdict, scheduler_verdict

#: Where the constants stand among the tables of a draft.
_CONSTANTS = 0
#: Fields that some models ignore, and whether a value of one asks for something.
_EFFECTIVE: Mapping[str, Callable[[Any], bool]] = {
    "negative_prompt": bool,
    "guidance_scale": lambda scale: scale is not None and scale > 1,
}


@dataclass
class _Draft:
    """The space while it is resolved: the constants as a table of one row, then the factors."""

    manifest: Manifest
    tables: list[dict[str, Sequence[Any]]]
    infos: list[ModelInfo]
    buckets: Buckets | None = None

    def home(self, name: str) -> int:
        """The table that holds a field."""
        return next(number for number, table in enumerate(self.tables) if name in table)

    def fail(self, message: str, name: str) -> ManifestError:
        """An error about a field."""
        written = {"width": "size", "height": "size"}.get(name, name)
        return self.manifest.place.error(message, f"render.{written}")


def resolve_space(manifest: Manifest, *, buckets: Buckets | None = None) -> tuple[Space, list[Verdict]]:
    """The space of a manifest, every field resolved, and what the step policy says of it.

    Args:
        manifest: what the user wrote.
        buckets: opens a model's place in S3; by default as the settings say.

    Raises:
        ManifestError: a model cannot be used, a scheduler does not fit it, or the step policy is strict and broken.
        StoreError: a model is in S3, and the store cannot be asked.
    """
    render = manifest.render
    constants: dict[str, Sequence[Any]] = {name: [value] for name, value in render.constants.items()}
    draft = _Draft(manifest, [constants, *(dict(factor.columns) for factor in render.factors)], [], buckets)
    _look_up_models(draft)
    _fill(draft, "width", lambda info: info.default_width)
    _fill(draft, "height", lambda info: info.default_height)
    _fill(draft, "steps", lambda info: info.family.profiles["standard"])
    found = [Verdict("note", note) for note in (*manifest.notes, *_unpinned(draft.infos))]
    space = _space(draft)
    _check_fit(draft, space)
    _check_sizes(draft, space)
    _check_effect(draft)
    found += _judge(draft, space)
    return _space(draft), found


def _unpinned(infos: Sequence[ModelInfo]) -> list[str]:
    """A sentence for each model of the Hub that may change while the job runs."""
    names = {info.model: info.revision or "main" for info in infos if info.on_hub}
    return [
        f"Revision {revision} of {model} is not pinned: workers take what it is when they load it; set render.revision"
        " to a commit to draw the same pictures again."
        for model, revision in names.items()
        if not COMMIT.fullmatch(revision)
    ]


def _space(draft: _Draft) -> Space:
    constants = {name: values[0] for name, values in draft.tables[_CONSTANTS].items()}
    return Space(constants, [Factor(table) for table in draft.tables[1:]])


def _look_up_models(draft: _Draft) -> None:
    """Put what workers load in place of what the user wrote; the revision goes where the model stands."""
    home = draft.home("model")
    table, models = draft.tables[home], draft.tables[home]["model"]
    for name in ("revision", "variant"):
        if name not in table and draft.home(name) == _CONSTANTS:
            table[name] = [draft.tables[_CONSTANTS].pop(name)[0]] * len(models)
    revisions = table.get("revision", [None] * len(models))
    variants = table.get("variant", [None] * len(models))
    known: dict[tuple[Any, ...], ModelInfo] = {}
    for key in zip(models, revisions, variants, strict=True):
        if key not in known:
            known[key] = _look_up(draft, *key)
    draft.infos = [known[key] for key in zip(models, revisions, variants, strict=True)]
    table["model"] = [info.model for info in draft.infos]
    if "revision" in table:
        table["revision"] = [info.revision for info in draft.infos]
    elif not all(info.on_hub for info in draft.infos):
        raise draft.fail("is given for a model that is a folder: remove it.", "revision")


def _look_up(draft: _Draft, model: str, revision: str | None, variant: str | None) -> ModelInfo:
    manifest = draft.manifest
    try:
        return resolve(
            model,
            revision=revision,
            base=manifest.base,
            variant=variant,
            family=manifest.render.family,
            buckets=draft.buckets,
        )
    except ManifestError as error:
        raise manifest.place.error(error.message, error.field or "render.model") from None


def _fill(draft: _Draft, name: str, default: Callable[[ModelInfo], Any]) -> None:
    """Give a field that nobody gave the value that suits its model."""
    home, model_home = draft.home(name), draft.home("model")
    values = draft.tables[home][name]
    if all(value is not None for value in values):
        return
    defaults = [default(info) for info in draft.infos]
    if home == _CONSTANTS and model_home != _CONSTANTS:
        del draft.tables[home][name]
        draft.tables[model_home][name] = defaults
    elif home == model_home:
        draft.tables[home][name] = [
            given if given is not None else own for given, own in zip(values, defaults, strict=True)
        ]
    elif len(set(defaults)) == 1:
        draft.tables[home][name] = [value if value is not None else defaults[0] for value in values]
    else:
        raise draft.fail("must be given in every row, since the models differ in what suits them.", name)


def _check_fit(draft: _Draft, space: Space) -> None:
    infos = {info.model: info for info in draft.infos}
    for model, scheduler, spacing in space.census(("model", "scheduler", "timestep_spacing")):
        trained = infos[model].trained
        why = trained.why_unfit(scheduler)
        if why is not None:
            raise draft.fail(f"{scheduler} does not fit {model}, {why}: take {', '.join(trained.suited)}.", "scheduler")
        if trained.flow and spacing is not None:
            raise draft.fail(f"has no meaning for {model}, which is a flow-matching model.", "timestep_spacing")


def _check_sizes(draft: _Draft, space: Space) -> None:
    """Refuse sizes that a pipeline would round: the picture would not be what the plan says."""
    infos = {info.model: info for info in draft.infos}
    for model, width, height in space.census(("model", "width", "height")):
        multiple = infos[model].multiple
        for name, edge in (("width", width), ("height", height)):
            if edge % multiple:
                near = f"{edge - edge % multiple} or {edge - edge % multiple + multiple}"
                raise draft.fail(f"must be a multiple of {multiple} for {model}, such as {near}, not {edge}.", name)


def _check_effect(draft: _Draft) -> None:
    """Refuse negative prompts and guidance that a model would do nothing with."""
    for name, wanted in _EFFECTIVE.items():
        if not any(name in info.ignores for info in draft.infos):
            continue
        home = draft.home(name)
        given = [wanted(value) for value in draft.tables[home][name]]
        of_each = given if home == draft.home("model") else [any(given)] * len(draft.infos)
        for info, has_it in zip(draft.infos, of_each, strict=True):
            if has_it and name in info.ignores:
                raise draft.fail(f"has no effect on {info.model}, a {info.class_name}: leave it out.", name)


def _judge(draft: _Draft, space: Space) -> list[Verdict]:
    """The verdicts of the step policy, after which steps out of range are moved where the policy is to clamp."""
    policy = draft.manifest.run.step_policy
    families = {info.model: info.family for info in draft.infos}
    steps_of: dict[str, set[int]] = {}
    schedulers: dict[str, set[int]] = {}
    by_name: dict[str, Family] = {}
    for model, scheduler, steps in space.census(("model", "scheduler", "steps")):
        family = families[model]
        by_name[family.name] = family
        steps_of.setdefault(family.name, set()).add(steps)
        schedulers.setdefault(scheduler, set()).add(family.clamp(steps) if policy == "clamp" else steps)
    found = [range_verdict(by_name[name], sorted(steps)) for name, steps in steps_of.items()]
    if policy == "strict" and any(found):
        raise draft.fail(next(each.message for each in found if each), "steps")
    if policy == "clamp" and any(found):
        found = [_clamp(draft, by_name[name], each) for name, each in zip(steps_of, found, strict=True)]
    notes = [scheduler_verdict(scheduler, sorted(steps)) for scheduler, steps in schedulers.items()]
    return [each for each in (*found, *notes) if each]


def _clamp(draft: _Draft, family: Family, verdict: Verdict | None) -> Verdict | None:
    """Move one family's steps to the nearest bound."""
    if verdict is None:
        return None
    home, model_home = draft.home("steps"), draft.home("model")
    steps = draft.tables[home]["steps"]
    if home == model_home:
        of = [info.family.name == family.name for info in draft.infos]
    elif len({info.family.name for info in draft.infos}) == 1:
        of = [True] * len(steps)
    else:
        raise draft.fail(
            "cannot be clamped for models of several families at once: give each family its own job.", "steps"
        )
    draft.tables[home]["steps"] = [family.clamp(each) if mine else each for each, mine in zip(steps, of, strict=True)]
    return Verdict("note", f"{verdict.message} Moved to the nearest bound.")
