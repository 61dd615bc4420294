import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


def test_fetch_says_what_it_brought(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """How many pictures, where, and that there is a contact sheet."""
    job = here.submit().job
    here.render(job)
    said = run("fetch", "mugs", tmp_path / "out")
    assert said.code == 0
    assert said.out.startswith("4 pictures (")
    assert str(tmp_path / "out") in said.out
    assert "contact-sheet.png" in said.out
    assert len(list((tmp_path / "out" / "images").glob("*.png"))) == 4


def test_fetch_into_a_folder_in_use_exits_2(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """Unless forced."""
    job = here.submit().job
    here.render(job)
    (tmp_path / "notes.txt").write_text("mine")
    said = run("fetch", job, tmp_path)
    assert (said.code, said.out) == (2, "")
    assert "not empty" in said.err
    assert "--force" in said.err
    assert run("fetch", job, tmp_path, "--force").code == 0


def test_fetch_of_nothing_exits_4(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """And makes no folder."""
    assert here.ledger.jobs() == []
    assert run("fetch", "nothing", tmp_path / "out").code == 4
    assert not (tmp_path / "out").exists()


def test_a_damaged_picture_exits_1(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """What is whole is brought; what is not is named."""
    job = here.submit().job
    names = here.render(job)
    here.store.put(keys.image(job, names[0]), b"broken")
    said = run("fetch", job, tmp_path / "out")
    assert said.code == 1
    assert names[0] in said.err


def test_verify_names_what_is_wrong(here: "Stage", run: "Run") -> None:
    """Exit code 0 when all is well, else 1 with one line per picture."""
    job = here.submit().job
    names = here.render(job)
    fine = run("verify", job)
    assert (fine.code, fine.out) == (0, "4 pictures checked, 0 missing, 0 damaged.\n")
    here.store.put(keys.image(job, names[0]), b"broken")
    here.store.delete([keys.image(job, names[3])])
    said = run("verify", job)
    assert said.code == 1
    assert said.out.splitlines() == [
        f"missing: {names[3]}", f"damaged: {names[0]}", "4 pictures checked, 1 missing, 1 damaged.",
    ]  # fmt: skip


def test_report_shows_a_table(here: "Stage", run: "Run") -> None:
    """Seconds where nobody set a price."""
    job = here.submit().job
    here.render(job)
    said = run("report", job)
    assert said.code == 0
    assert f"Report on {job}" in said.out
    assert "FARM_PRICE_PER_HOUR" in said.out


def test_report_as_json_is_what_scripts_read(here: "Stage", run: "Run") -> None:
    """One document for a job, a list for several."""
    jobs = [here.submit(steps=steps).job for steps in (4, 8)]
    for job in jobs:
        here.render(job)
        here.end(job, JobState.DONE)
    document = json.loads(run("report", jobs[0], "--json").out)
    assert (document["job"], document["currency"], document["totals"]["images"]) == (jobs[0], None, 4)
    assert [each["job"] for each in json.loads(run("report", *jobs, "--json").out)] == jobs


def test_report_as_csv(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """To the terminal with -, else into a file; one row per setting."""
    job = here.submit().job
    here.render(job)
    printed = run("report", job, "--csv", "-").out
    said = run("report", job, "--csv", tmp_path / "r.csv")
    assert "r.csv" in said.out
    assert (tmp_path / "r.csv").read_text() == printed
    rows = list(csv.DictReader(printed.splitlines()))
    assert [(row["steps"], row["images"]) for row in rows] == [("4", "4")]


def test_report_refuses_two_forms_at_once(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """And a file that cannot be written; each is a usage error in one sentence."""
    job = here.submit().job
    assert run("report", job, "--json", "--csv", "-").code == 2
    assert run("report", job, job, "--csv", "-").code == 2
    said = run("report", job, "--csv", tmp_path / "no" / "r.csv")
    assert (said.code, "cannot be written" in said.err) == (2, True)


def test_a_report_needs_no_redis_but_to_find_the_job(here: "Stage", run: "Run") -> None:
    """What Redis lost is reported from the store."""
    job = here.submit().job
    here.render(job)
    here.end(job, JobState.DONE)
    here.ledger.redis.flushall()
    assert json.loads(run("report", job, "--json").out)["totals"]["images"] == 4
