import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.ledger.values import JobState
from farm.store import keys

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage


def test_fetch_says_what_it_brought(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """How many pictures, where, and that there is a contact sheet; nothing else where nobody looks."""
    job = here.submit().job
    here.render(job)
    here.end(job, JobState.DONE)
    said = run("fetch", "mugs", tmp_path / "out")
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(rf"4 pictures \(1 kB\) in {tmp_path / 'out'}, contact sheet contact-sheet\.png\.\n", said.out)
    assert len(list((tmp_path / "out" / "images").glob("*.png"))) == 4
    again = run("fetch", "mugs", tmp_path / "out")
    assert "4 of them from an earlier fetch" in again.out


def test_fetch_of_a_job_under_way_says_so(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """What is there comes, and how to get the rest is said."""
    job = here.submit().job
    here.render(job, 2)
    said = run("fetch", job, tmp_path)
    assert said.code == 0
    assert f"Job {job} is running, 2 of 4 images were done: run the same command again for the rest" in said.out


def test_fetch_of_a_failed_job_points_to_its_errors(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """All that there is came, so the exit code is 0."""
    job = here.submit().job
    here.fail(job)
    here.render(job, 3)
    here.end(job, JobState.FAILED)
    here.store.put(keys.errors(job), b"{}\n")
    said = run("fetch", job, tmp_path)
    assert said.code == 0
    assert "1 image failed: errors.jsonl says why" in said.out


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


@pytest.mark.parametrize(
    ("option", "file"), [("--webdataset", "*-000000.tar"), ("--imagefolder", "train/metadata.jsonl")]
)
def test_fetch_makes_data_sets(here: "Stage", run: "Run", tmp_path: Path, option: str, file: str) -> None:
    """Each in a folder of its own; one layout at a time."""
    job = here.submit().job
    here.render(job)
    assert run("fetch", job, tmp_path, option).code == 0
    assert len(list(tmp_path.glob(file))) == 1
    other = run("fetch", job, tmp_path)
    assert (other.code, "as " + option[2:] in other.err) == (2, True)
    assert run("fetch", job, tmp_path / "both", "--webdataset", "--imagefolder").code == 2


def test_ctrl_c_keeps_what_came(here: "Stage", run: "Run", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says how to go on."""
    job = here.submit().job
    here.render(job)

    def interrupted(*_: object, **__: object) -> None:
        """Somebody pressed it."""
        raise KeyboardInterrupt

    monkeypatch.setattr("farm.client.fetch.fetch", interrupted)
    said = run("fetch", job, tmp_path)
    assert said.code == 130
    assert "what was fetched is kept; run the same command again for the rest" in said.err


def test_a_damaged_picture_exits_1(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """What is whole is brought; what is not is named, and how to draw it again."""
    job = here.submit().job
    names = here.render(job)
    here.store.put(keys.image(job, names[0]), b"broken")
    said = run("fetch", job, tmp_path / "out")
    assert said.code == 1
    assert f"Missing or damaged in the store: 1 picture, first {names[0]}." in said.err
    assert f"farm verify {job} --errors bad.jsonl" in said.err


def test_verify_names_what_is_wrong(here: "Stage", run: "Run") -> None:
    """Exit code 0 when all is well, else 1 with one line per picture and what to do."""
    job = here.submit().job
    names = here.render(job)
    fine = run("verify", job)
    assert (fine.code, fine.out, fine.err) == (0, "4 pictures checked, 0 missing, 0 damaged.\n", "")
    here.store.put(keys.image(job, names[0]), b"broken")
    here.store.delete([keys.image(job, names[3])])
    said = run("verify", job)
    assert said.code == 1
    assert said.out.splitlines() == [
        f"missing: {names[3]}", f"damaged: {names[0]}", "4 pictures checked, 1 missing, 1 damaged.",
    ]  # fmt: skip
    assert said.err == f"Draw them again: `farm verify {job} --errors bad.jsonl`, then `farm submit bad.jsonl`.\n"


def test_verify_writes_what_draws_bad_pictures_again(here: "Stage", run: "Run", tmp_path: Path) -> None:
    """A file that `submit` takes as it is; none when all is well."""
    job = here.submit().job
    names = here.render(job)
    bad = tmp_path / "bad.jsonl"
    assert run("verify", job, "--errors", bad).code == 0
    assert not bad.exists()
    here.store.put(keys.image(job, names[0]), b"broken")
    said = run("verify", job, "--errors", bad)
    assert (said.code, said.err) == (1, f"Draw them again: `farm submit {bad}`.\n")
    planned = run("plan", bad, "--json")
    assert (planned.code, json.loads(planned.out)["images"]) == (0, 1)


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
