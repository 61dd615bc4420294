import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.client import shards
from farm.client.bring import Source
from farm.client.shards import MOST_BYTES, MOST_IMAGES, members, per_shard
from farm.ledger.values import JobState
from farm.manifest.task import PipelineKey, RenderTask
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.conftest import Stage

TASK = RenderTask(
    index=3, pipeline=PipelineKey("m"), prompt="ein Bär", negative_prompt="", seed=1, steps=8, scheduler="default",
    timestep_spacing=None, guidance_scale=None, width=64, height=64,
)  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of ten pictures."""
    monkeypatch.setattr(shards, "MOST_IMAGES", 10)


def samples(path: Path) -> dict[str, dict[str, bytes]]:
    """A shard as WebDataset reads it: neighbours that agree up to the first dot of their names make one sample."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as tar:
        for entry in tar:
            key, _, ending = entry.name.partition(".")
            assert key not in list(found)[:-1], "a sample that was left is taken up again"
            file = tar.extractfile(entry)
            assert file is not None
            found.setdefault(key, {})[ending] = file.read()
    return found


@pytest.mark.usefixtures("small")
def test_a_sample_is_picture_task_and_prompt(stage: "Stage", tmp_path: Path) -> None:
    """By the user's index; the picture is the store's, byte for byte."""
    job = stage.submit(seed="1-12").job
    names = stage.render(job, 24)
    stage.end(job, JobState.DONE)
    fetched = stage.farm.fetch(job, tmp_path, layout="webdataset")
    paths = sorted(tmp_path.glob("*.tar"))
    assert [path.name for path in paths] == [f"{job}-{number:06}.tar" for number in range(3)]
    found = [sample for path in paths for sample in samples(path).items()]
    assert [len(samples(path)) for path in paths] == [10, 10, 4]
    assert [key for key, _ in found] == [f"{index:09}" for index in range(24)]
    for (_, sample), name in zip(found, names, strict=True):
        assert list(sample) == ["png", "json", "txt"]
        said = json.loads(sample["json"])
        assert (said["name"], said["prompt"]) == (name, sample["txt"].decode())
        assert sample["png"] == stage.store.get(keys.image(job, name))
    assert (fetched.images, fetched.brought, fetched.sheet) == (24, 24, None)


@pytest.mark.usefixtures("small")
def test_the_same_job_makes_the_same_bytes(stage: "Stage", tmp_path: Path) -> None:
    """Whoever fetches it, whenever, and in however many attempts."""
    job = stage.submit(seed="1-12").job
    stage.render(job, 15)
    stage.farm.fetch(job, tmp_path / "a", layout="webdataset")
    stage.render(job, 9)
    for name in ("a", "b"):
        stage.farm.fetch(job, tmp_path / name, layout="webdataset")
    assert min((tmp_path / "a").glob("*.tar")).stat().st_mode & 0o777 == 0o644
    pairs = [[path.read_bytes() for path in sorted((tmp_path / name).glob("*.tar"))] for name in ("a", "b")]
    assert len(pairs[0]) == 3
    assert pairs[0] == pairs[1]


def truncate(path: Path) -> None:
    """Lose the end."""
    path.write_bytes(path.read_bytes()[:-5000])


def halve(path: Path) -> None:
    """Lose half of the pictures."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil(path: Path) -> None:
    """Change one byte in a picture."""
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)


def relabel(path: Path) -> None:
    """Change one byte in what is said of a picture."""
    path.write_bytes(path.read_bytes().replace(b"a red circle", b"a bad circle", 1))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("damage", [truncate, halve, spoil, relabel, Path.unlink])
def test_only_a_shard_that_is_not_whole_is_written_again(
    stage: "Stage", tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The others are compared and left alone."""
    job = stage.submit(seed="1-12").job
    stage.render(job, 24)
    stage.farm.fetch(job, tmp_path, layout="webdataset")
    paths = sorted(tmp_path.glob("*.tar"))
    before = [path.read_bytes() for path in paths]
    damage(paths[0])
    fetched = stage.farm.fetch(job, tmp_path, layout="webdataset")
    assert (fetched.images, fetched.brought) == (24, 10)
    assert [path.read_bytes() for path in paths] == before


def test_what_the_store_has_lost_is_left_out_and_named(stage: "Stage", tmp_path: Path) -> None:
    """The shard holds the others."""
    job = stage.submit().job
    names = stage.render(job)
    stage.store.delete([keys.image(job, names[1])])
    assert stage.farm.fetch(job, tmp_path, layout="webdataset").bad == (names[1],)
    assert list(samples(next(tmp_path.glob("*.tar")))) == ["000000000", "000000002", "000000003"]


@pytest.mark.parametrize(
    ("name", "ending"), [("7.5-20.png", "png"), ("a.b/c.d.JPG", "jpg"), ("x.jpeg", "jpeg"), ("1.webp", "webp")]
)
def test_a_key_has_no_dot(name: str, ending: str) -> None:
    """Readers split at the first dot, and names of pictures may have several."""
    assert [file for file, _ in members(TASK, name, b"x")] == [f"000000003.{each}" for each in (ending, "json", "txt")]


@given(st.lists(st.tuples(st.integers(1, 2048), st.integers(1, 2048)), min_size=1))
def test_a_shard_is_bounded_whatever_the_size(sizes: list[tuple[int, int]]) -> None:
    """Pictures that do not compress at all fit the bound, unless a single one is larger."""
    groups = [SimpleNamespace(width=8 * wide, height=8 * high) for wide, high in sizes]
    each = per_shard(cast("Source", SimpleNamespace(plan=SimpleNamespace(groups=groups))))
    largest: Any = max(group.width * group.height * 3 for group in groups)
    assert 1 <= each <= MOST_IMAGES
    assert each == 1 or each * largest <= MOST_BYTES
