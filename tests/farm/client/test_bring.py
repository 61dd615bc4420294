from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.bring import Source, bring
from farm.client.folder import Content, claimed
from farm.client.pictures import rendered
from farm.client.submit import read_plan
from farm.client.tally import Tally

if TYPE_CHECKING:
    from tests.farm.conftest import Stage


def test_what_is_there_comes_out_in_order(stage: "Stage", tmp_path: Path) -> None:
    """Pictures that cannot be had are passed over and counted; the others come by position."""
    job = stage.submit(seed="1-50").job
    names = stage.render(job, 100)
    stage.store.delete([f"jobs/{job}/images/{names[5]}"])
    source = Source(stage.store, read_plan(stage.store, job), rendered(stage.store, job))
    tally = Tally(source.total)
    with claimed(tmp_path, Content(job, "files"), force=False) as folder:
        found = [picture.position for picture in bring(source, folder, "below/here", tally)]
    assert found == [position for position in range(100) if position != 5]
    assert (tally.images, tally.brought, tally.bad, source.total) == (99, 99, [names[5]], 100)
    assert (tmp_path / "below" / "here" / names[0]).is_file()


def test_the_source_is_of_the_moment_it_was_made(stage: "Stage") -> None:
    """What is rendered during a fetch waits for the next one, so that the count holds."""
    job = stage.submit().job
    stage.render(job, 2)
    source = Source(stage.store, read_plan(stage.store, job), rendered(stage.store, job))
    stage.render(job, 2)
    assert (source.total, len(list(source.pictures()))) == (2, 2)
