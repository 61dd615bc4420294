"""The scores of a job's pictures, computed once: what was computed for a finished job is kept in the store."""

import io
import json
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from farm.economics.quality import Score, Setting
from farm.errors import NotInStoreError, StoreError
from farm.quality.chains import CHAINS, PICTURES, Chain, pick
from farm.quality.similarity import EDGE, opened, psnr, ssim
from farm.report.reading import ahead
from farm.report.tables import digest_of, schema, to_parquet
from farm.store import keys
from farm.store.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

    from farm.plan.plan import Plan

log = logging.getLogger(__name__)

#: Scores that were computed in another way are computed again.
_DIGEST = json.dumps([1, CHAINS, PICTURES, EDGE])

_COLUMNS = {
    "model": str, "scheduler": str, "size": str, "chain": int, "steps": int, "most": int, "ssim": float, "psnr": float,
    "ssim_next": float,
}  # fmt: skip
_TABLE, _KIND = "quality", "application/vnd.apache.parquet"


def score(store: Store, plan: "Plan", *, over: bool) -> list[Score]:
    """How like its chain's picture of the most steps every other picture is, over a sample of the chains.

    A chain counts when all of its pictures are there; the pixels of three of them are in memory at a time.

    Args:
        store: where the pictures are.
        plan: the job.
        over: whether the job has ended: its scores are then read from the store, or kept there.

    Raises:
        StoreError: the store cannot be reached.
    """
    if over and (kept := _kept(store, plan.job_id)) is not None:
        return kept
    scores = list(_scores(store, plan.job_id, pick(plan)))
    if over:
        _keep(store, plan.job_id, scores)
    return scores


def _scores(store: Store, job_id: str, chains: Sequence[Chain]) -> Iterator[Score]:
    """The scores of all chains; pictures are fetched a few ahead."""
    names = [chain.names[steps] for chain in chains for steps in sorted(chain.names, reverse=True)]
    files = ahead(partial(_file, store, job_id), names)
    for number, chain in enumerate(chains):
        yield from _scored(number, chain, list(islice(files, len(chain.names))))


def _file(store: Store, job_id: str, name: str) -> bytes:
    """A picture's file; nothing of one that is not there."""
    try:
        return store.get(keys.image(job_id, name))
    except NotInStoreError:
        return b""


def _scored(number: int, chain: Chain, files: Sequence[bytes]) -> Sequence[Score]:
    """The scores of one chain, whose files stand from the most steps down; none when one of them is no picture."""
    falling = sorted(chain.names, reverse=True)
    made: list[Score] = []
    reference: Image | None = None
    above: Image | None = None
    for steps, picture in zip(falling, map(opened, files), strict=True):
        if picture is None or (reference is not None and picture.size != reference.size):
            return ()
        if reference is not None and above is not None:
            alike = ssim(picture, reference)
            following = alike if above is reference else ssim(picture, above)
            made.append(Score(chain.setting, number, steps, falling[0], alike, psnr(picture, reference), following))
        reference, above = reference or picture, picture
    return made


def _kept(store: Store, job_id: str) -> list[Score] | None:
    """The scores in the store; None when there are none, or they were computed in another way."""
    import polars as pl

    try:
        data = store.get(keys.table(job_id, _TABLE, 0))
        if digest_of(data) != _DIGEST:
            return None
        rows = pl.read_parquet(io.BytesIO(data)).select(list(_COLUMNS)).iter_rows()
    except (NotInStoreError, pl.exceptions.PolarsError, OSError):
        return None
    return [Score(Setting(*row[:3]), *row[3:]) for row in rows]


def _keep(store: Store, job_id: str, scores: Sequence[Score]) -> None:
    """Keep scores; whoever may only read the store computes them each time."""
    import polars as pl

    rows = [(*each.setting, *each[1:]) for each in scores]
    frame = pl.DataFrame(rows, schema=schema(_COLUMNS), orient="row")
    try:
        store.put(keys.table(job_id, _TABLE, 0), to_parquet(frame, digest=_DIGEST), content_type=_KIND)
    except StoreError as error:
        log.info("The scores of %s were not kept: %s", job_id, error, extra={"action": "scores_not_kept"})
