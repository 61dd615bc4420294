"""What a number of steps is worth: ranges per model family, and the verdicts on a choice of steps."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from farm.steps.schedulers import SCHEDULERS, Kind

Level = Literal["note", "warning", "error"]

#: No service and no sampler gains anything above this; the absolute ceiling.
MAXIMUM = 150

#: Above this a fast-converging sampler adds little.
_FAST_ENOUGH = 25
#: Up to this a detail-oriented sampler goes on refining.
_DETAIL_ENOUGH = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the step policy thinks of a choice; ``level`` is ``note``, ``warning`` or ``error``."""

    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Family:
    """The step range of one family of models; `size` is its edge in pixels where the model itself cannot be asked."""

    name: str
    title: str
    minimum: int
    recommended: tuple[int, int]
    sweet_spot: int
    maximum: int
    profiles: Mapping[str, int]
    size: int
    globs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    flow: bool = False
    distilled: bool = False

    @classmethod
    def parse(cls, name: str, values: Mapping[str, Any]) -> "Family":
        """A family from its table in ``policy.toml``."""
        lists = {key: tuple(values[key]) for key in ("recommended", "globs", "classes") if key in values}
        return cls(name=name, **(dict(values) | lists))

    def clamp(self, steps: int) -> int:
        """The bound nearest to steps outside the range; steps inside it as they are."""
        return min(max(steps, self.minimum), self.maximum)


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Every family by name, in the order in which globs are tried."""
    text = files("farm.steps").joinpath("policy.toml").read_text(encoding="utf-8")
    return {name: Family.parse(name, values) for name, values in tomllib.loads(text)["families"].items()}


def find_family(model: str, class_name: str | None = None, override: str | None = None) -> Family:
    """The family of a model: as the user says, else by its name, else by its pipeline's class.

    The name goes first, since SDXL-Turbo's class is plain SDXL.

    Raises:
        ValueError: no family goes by the name in `override`; says which one is near, or which there are.
    """
    known = families()
    if override is not None:
        return _named(override)
    folded = model.casefold()
    by_name = (each for each in known.values() if any(fnmatchcase(folded, glob) for glob in each.globs))
    by_class = (each for each in known.values() if any(fnmatchcase(class_name or "", glob) for glob in each.classes))
    return next(by_name, None) or next(by_class, None) or known["unknown"]


def _named(name: str) -> Family:
    known = families()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
    raise ValueError(f"{name[:60]!r} is no model family: {hint}")


def range_verdict(family: Family, steps: list[int]) -> Verdict | None:
    """A warning about the steps that lie outside a family's range, or None."""
    below = [each for each in steps if each < family.minimum]
    above = [each for each in steps if each > family.maximum]
    if not below and not above:
        return None
    low, high = family.recommended
    parts = [f"{_listed(below)} below {family.minimum}"] * bool(below) + [
        f"{_listed(above)} above {family.maximum}"
    ] * bool(above)
    return Verdict(
        "warning",
        f"Steps {' and '.join(parts)}: {family.title} works from {family.minimum} to {family.maximum}, "
        f"best at {low}-{high}{', and more wastes compute and can hurt' if above and family.distilled else ''}.",
    )


def scheduler_verdict(scheduler: str, steps: list[int]) -> Verdict | None:
    """A note about what a scheduler makes of these steps, or None."""
    each = SCHEDULERS[scheduler]
    if each.kind is Kind.STOCHASTIC and len(steps) > 1:
        text = "never converges: more steps give another image, not a better one."
        return Verdict("note", f"{each.sampler_name} {text}")
    bound = _DETAIL_ENOUGH if each.kind is Kind.DETAIL else _FAST_ENOUGH
    above = [count for count in steps if count > bound]
    if scheduler == "default" or each.kind is Kind.STOCHASTIC or not above:
        return None
    return Verdict("note", f"{each.sampler_name} adds little above {bound} steps, and this asks for {_listed(above)}.")


def _listed(numbers: list[int]) -> str:
    return ", ".join(str(each) for each in sorted(set(numbers)))
