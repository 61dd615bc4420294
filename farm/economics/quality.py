"""What steps are worth: similarity to the picture of the most steps, and the sweet spot, the fewest that look like it.

Pure. A chain is the pictures of one prompt, seed and setting at several step counts; the one of the most steps is its
reference. That a reference is like itself is no evidence: a plateau is judged on the step counts below it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, linear_regression, stdev
from typing import NamedTuple

from farm.economics.student import t_quantile

#: SSIM that a sweet spot may be below the plateau.
TOLERANCE = 0.02
#: Probability that it is not further below, for a sweet spot to be named.
SURE = 0.95
#: The two highest step counts must be this alike, in SSIM, for their pictures to have come to rest.
AT_REST = 0.95
#: Where pictures converge, the distance of neighbouring step counts falls as a power of the steps: first-order samplers
#: (Euler, DDIM) have 1, second-order ones (DPM++ 2M, Heun) up to 2. Where every step draws fresh noise it is about 0.
CONVERGING = 0.5
#: Neighbours that this power is read from, the highest ones: below them pictures are still forming.
_NEIGHBOURS = 4
#: 1 - SSIM that stands for none, below what 8 bits can show.
_EQUAL = 1e-6
#: A curve needs two step counts below its reference.
_FEWEST_BELOW = 2
#: Halvings of the interval that a probability is looked for in.
_HALVINGS = 40


class Setting(NamedTuple):
    """What one curve is about; sorts as reports show it."""

    model: str
    scheduler: str
    #: ``1024x1024``.
    size: str


class Score(NamedTuple):
    """How like the reference of its chain one picture is."""

    setting: Setting
    #: Number of the chain, unique in its setting.
    chain: int
    steps: int
    #: Steps of the reference, more than `steps`.
    most: int
    #: 1 for equal pictures.
    ssim: float
    #: Decibels.
    psnr: float
    #: SSIM to the picture of the next higher step count of the chain.
    ssim_next: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Similarity against steps.

    Args:
        setting: what it is about.
        most: steps of the reference.
        ssim: steps below those, fewest first -> SSIM of each chain; the chains stand in one order throughout.
        psnr: likewise, decibels.
        ssim_next: likewise, to the next higher step count instead of the reference.
    """

    setting: Setting
    most: int
    ssim: Mapping[int, Sequence[float]]
    psnr: Mapping[int, Sequence[float]]
    ssim_next: Mapping[int, Sequence[float]]

    @property
    def chains(self) -> int:
        """How many chains it is the mean of."""
        return len(next(iter(self.ssim.values())))


class Why(StrEnum):
    """What came of the search for a sweet spot."""

    FOUND = "found"  #: there is one
    STOCHASTIC = "stochastic"  #: the sampler draws fresh noise at every step, by its class
    DIVERGES = "diverges"  #: the pictures say so: more steps give another one, not a closer one
    RISING = "rising"  #: similarity has not come to rest below the most steps
    SHORT = "short"  #: fewer than two step counts below the reference
    UNSURE = "unsure"  #: near enough on average, from too few or too different chains to be sure


@dataclass(frozen=True, slots=True)
class Finding:
    """The sweet spot of a curve, or why there is none.

    Args:
        why: what came of the search.
        steps: the sweet spot; with `Why.UNSURE` the step count that is near enough on average; else None.
        confidence: probability that `steps` is within the tolerance of the plateau, 0 to 1; None from one chain.
        ssim: mean SSIM at `steps`.
        plateau: mean SSIM at the highest step count below the reference; None where there is none.
    """

    why: Why
    steps: int | None = None
    confidence: float | None = None
    ssim: float | None = None
    plateau: float | None = None


def curves(scores: Iterable[Score]) -> tuple[Curve, ...]:
    """One curve per setting, of the chains that have the step counts that most chains of it have; settings ascend."""
    found: dict[Setting, dict[int, dict[int, Score]]] = defaultdict(lambda: defaultdict(dict))
    for score in scores:
        found[score.setting][score.chain][score.steps] = score
    return tuple(_curve(setting, list(found[setting].values())) for setting in sorted(found))


def _curve(setting: Setting, chains: Sequence[Mapping[int, Score]]) -> Curve:
    kinds = [(tuple(sorted(chain)), next(iter(chain.values())).most) for chain in chains]
    counted = Counter(kinds)
    usual = max(counted, key=lambda kind: (counted[kind], kind))
    same = [chain for chain, kind in zip(chains, kinds, strict=True) if kind == usual]
    return Curve(
        setting,
        usual[1],
        ssim={steps: tuple(chain[steps].ssim for chain in same) for steps in usual[0]},
        psnr={steps: tuple(chain[steps].psnr for chain in same) for steps in usual[0]},
        ssim_next={steps: tuple(chain[steps].ssim_next for chain in same) for steps in usual[0]},
    )


def sweet_spot(curve: Curve, *, stochastic: bool = False, tolerance: float = TOLERANCE) -> Finding:
    """The fewest steps whose similarity is within `tolerance` of the plateau, surely, and so at every count above.

    The plateau is the similarity of the two highest step counts. Step counts are tried from there downwards, and the
    first that fails ends the search, so that trying many does not make chance more likely.

    Args:
        curve: similarity against steps.
        stochastic: whether the sampler never converges by its class.
        tolerance: SSIM.
    """
    below = list(curve.ssim)
    plateau = fmean(curve.ssim[below[-1]])
    if stochastic:
        return Finding(Why.STOCHASTIC, plateau=plateau)
    if len(below) < _FEWEST_BELOW:
        return Finding(Why.SHORT, plateau=plateau)
    if 1 - plateau > tolerance and order(curve) < CONVERGING:
        return Finding(Why.DIVERGES, plateau=plateau)
    if plateau < AT_REST:
        return Finding(Why.RISING, plateau=plateau)
    return _search(curve, below, plateau, tolerance)


def order(curve: Curve) -> float:
    """The power of the steps with which pictures of neighbouring step counts come closer: the order of convergence.

    Distance is ``sqrt(1 - SSIM)``, which behaves as one, per logarithm of the steps between. Source: Brunet, Vrscay and
    Wang, On the mathematical properties of the structural similarity index, IEEE Trans. Image Processing 21 (4), 2012.
    Needs two step counts below the reference.
    """
    steps = [*curve.ssim_next, curve.most][-_NEIGHBOURS - 1 :]
    places, distances = [], []
    for fewer, more in pairwise(steps):
        apart = math.sqrt(max(_EQUAL, 1 - fmean(curve.ssim_next[fewer])))
        places.append(math.log(fewer * more) / 2)
        distances.append(math.log(apart / math.log(more / fewer)))
    return -linear_regression(places, distances).slope


def _search(curve: Curve, below: Sequence[int], plateau: float, tolerance: float) -> Finding:
    near = sure = Finding(Why.RISING, plateau=plateau)
    surely = True
    for steps in reversed(below[:-1]):
        gaps = [high - low for high, low in zip(curve.ssim[below[-1]], curve.ssim[steps], strict=True)]
        if fmean(gaps) > tolerance:
            break
        probability = confidence(gaps, tolerance)
        near = Finding(Why.UNSURE, steps, probability, fmean(curve.ssim[steps]), plateau)
        surely = surely and probability is not None and probability >= SURE
        if surely:
            sure = replace(near, why=Why.FOUND)
    return near if sure.steps is None else sure


def confidence(gaps: Sequence[float], tolerance: float) -> float | None:
    """Probability that the mean gap is within the tolerance, from the chains' spread; None from fewer than two.

    One-sided t: the p with ``mean + t(p) x s / sqrt(n) = tolerance``. Chains count as independent.
    """
    if len(gaps) < 2:  # noqa: PLR2004 a spread needs two
        return None
    error = stdev(gaps) / math.sqrt(len(gaps))
    room = tolerance - fmean(gaps)
    if error == 0:
        return float(room >= 0)
    return _t_probability(room / error, len(gaps) - 1)


def _t_probability(t: float, degrees: int) -> float:
    """The p with ``t_quantile(p) = t``, by halving: for reports, to more digits than anybody reads."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if t_quantile(middle, degrees) < t:
            low = middle
        else:
            high = middle
    return low


def saved(cost: Mapping[int, float], *, steps: int, most: int) -> float | None:
    """Share of the cost of an image that `steps` instead of `most` save, negative where they cost more.

    Args:
        cost: of an image, in any unit, by steps.
        steps: the steps that one would run.
        most: the steps that one would run else.
    """
    if steps not in cost or cost.get(most, 0.0) <= 0:
        return None
    return 1 - cost[steps] / cost[most]


def marginal(curve: Curve, cost: Mapping[int, float]) -> dict[int, float]:
    """SSIM that each step count gains over the one below it, per unit of what it costs more.

    The reference is left out, for its similarity to itself is no gain, and so is a count that does not cost more.
    """
    found = {}
    for fewer, more in pairwise(curve.ssim):
        if fewer in cost and more in cost and cost[more] > cost[fewer]:
            gain = fmean(curve.ssim[more]) - fmean(curve.ssim[fewer])
            found[more] = gain / (cost[more] - cost[fewer])
    return found
