"""The issue's table of bad input, as a person meets it on the command line."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.farm.cli.conftest import Run
    from tests.farm.conftest import Stage

GOOD = """\
name: mugs
render:
  model: builtin:shapes
  prompt: [a red circle, a blue star]
  seed: 1-2
  steps: [4, 8]
"""


class Case(NamedTuple):
    """A file that is wrong, and what the sentence about it must name."""

    text: str
    #: Regular expressions.
    named: tuple[str, ...]
    file: str = "mugs.yaml"


def also(line: str, *named: str) -> Case:
    """The good manifest with one line too many."""
    return Case(GOOD + line + "\n", named)


def changed(old: str, new: str, *named: str) -> Case:
    """The good manifest with one thing wrong."""
    assert old in GOOD
    return Case(GOOD.replace(old, new), named)


CASES = {
    "YAML that does not parse": Case("render: [", (r"mugs\.yaml:\d+",)),
    "not a mapping": Case("- a\n- b\n", ("mapping",)),
    "empty": Case("", ("empty",)),
    "unknown key": changed("steps:", "stepz:", r"mugs\.yaml:6", r"render\.stepz", r"\bsteps\b"),
    "unknown section": changed("name:", "nam:", r"mugs\.yaml:1", r"\bname\b"),
    "wrong type": changed("[4, 8]", "many", r"mugs\.yaml:6", r"render\.steps", "many"),
    "steps over 150": changed("[4, 8]", "151", r"mugs\.yaml:6", r"render\.steps", "150"),
    "steps under 1": changed("[4, 8]", "[4, 0]", r"mugs\.yaml:6", r"render\.steps", r"\b1\b"),
    "two spellings of steps": also("  num_inference_steps: 4", "num_inference_steps", r"\bsteps\b"),
    "empty axis": changed("[4, 8]", "[]", r"mugs\.yaml:6", r"render\.steps"),
    "unequal zip": changed("[4, 8]", "[4, 8, 12]\n  combine: (prompt, steps) * seed", r"render\.combine", "2", "3"),
    "axis missing in combine": also("  combine: prompt * seed", r"mugs\.yaml:7", r"render\.combine", "steps"),
    "axis twice in combine": also("  combine: prompt * seed * steps * seed", r"render\.combine", "seed"),
    "missing prompt file": changed("[a red circle, a blue star]", "{file: nothing.txt}", r"nothing\.txt", "prompt"),
    "a model that is not there": changed("builtin:shapes", "./nothing", r"mugs\.yaml:3", r"render\.model", "nothing"),
    "an unknown built-in model": changed("builtin:shapes", "builtin:shape", r"render\.model", "builtin:shapes"),
    "an unknown scheduler": also("  scheduler: dpm++2n", r"mugs\.yaml:7", r"render\.scheduler", "dpm"),
    "names that collide": also('output: {name: "{seed}.png"}', r"output\.name", r"1\.png"),
    "names that escape": also('output: {name: "../{index}.png"}', r"output\.name"),
    "names with an unknown field": also('output: {name: "{indx}.png"}', r"output\.name", "indx", r"\bindex\b"),
    "a field of a later day": also("run: {budget_usd: 12}", r"mugs\.yaml:7", r"run\.budget_usd"),
    "a seed of ten thousand digits": changed("1-2", "9" * 10_000, r"mugs\.yaml:5", r"render\.seed"),
    "a priority out of range": also("run: {priority: 101}", r"mugs\.yaml:7", r"run\.priority", "100"),
    "a row without a prompt": Case('{"prompt": "a"}\n{"seed": 2}\n', (r"tasks\.jsonl:2",), "tasks.jsonl"),
    "a row that is no JSON": Case('{"prompt": "a"}\n{"prompt": \n', (r"tasks\.jsonl:2",), "tasks.jsonl"),
    "a row of a wrong type": Case('{"prompt": "a", "steps": "x"}\n', (r"tasks\.jsonl:1", "steps"), "tasks.jsonl"),
    "no prompt column": Case("title,seed\na,1\n", (r"tasks\.csv", "prompt"), "tasks.csv"),
    "a bad cell": Case("prompt,seed\na,1\nb,x\n", (r"tasks\.csv:3", "seed"), "tasks.csv"),
    "an empty prompt file": Case("", (r"prompts\.txt", "empty|no prompt"), "prompts.txt"),
    "steps over the absolute ceiling": changed("[4, 8]", "200\nrun: {step_policy: clamp}", "150", "No run.step_policy"),
    "a field outside its section": also("steps: 20", r"mugs\.yaml:7", r"did you mean 'render\.steps'"),
    "several values in one text": also("  scheduler: euler,heun", r"mugs\.yaml:7", r"write \[euler, heun\]"),
    "a priority in words": also("run: {priority: abc}", r"mugs\.yaml:7", "a whole number from 0 to 100", "'abc'"),
    "a comma too many": Case('{"render": {"model": "builtin:shapes",}}', (r"mugs\.json:1", "comma"), "mugs.json"),
    "a quote that is never closed": Case('prompt\n"a\nb\n', (r"tasks\.csv:2", "quote"), "tasks.csv"),
    "a prompt of 20 MB": Case("a\n" + "x" * 20_000_000, (r"prompts\.txt:2", "1,000,000 characters"), "prompts.txt"),
    "a manifest of 50 MB": Case("#" * 50_000_000, (r"mugs\.yaml", "50 MB", "4 MB", r"file: prompts\.txt")),
    "an unknown kind of file": Case("a red circle", (r"prompts\.doc", "yaml"), "prompts.doc"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("command", ["plan", "submit"])
def test_what_is_wrong_exits_2_and_says_where(
    here: "Stage", run: "Run", tmp_path: Path, command: str, case: Case
) -> None:
    """One sentence with file, line and field, no traceback, nothing submitted."""
    path = tmp_path / case.file
    path.write_text(case.text, encoding="utf-8")
    extra = [] if case.file == "mugs.yaml" else ["--set", "render.model=builtin:shapes"]
    said = run(command, path, *extra)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("farm: ")
    assert case.file in said.err
    assert [pattern for pattern in case.named if not re.search(pattern, said.err)] == []
    assert "Traceback" not in said.err
    assert len(said.err) < 1000
    assert here.store.objects == {}


@pytest.mark.parametrize("name", ["nothing.yaml", "nothing.jsonl", "."])
def test_a_manifest_that_is_not_there(run: "Run", tmp_path: Path, name: str) -> None:
    """Exit code 2, in one sentence."""
    said = run("plan", tmp_path / name)
    assert said.code == 2
    assert said.err.startswith("farm: ")
    assert "internal error" not in said.err


@pytest.mark.parametrize("words", [["render.stepz=4"], ["render.steps"], ["render.steps=many"]], ids=" ".join)
def test_a_wrong_setting_on_the_command_line(run: "Run", tmp_path: Path, words: list[str]) -> None:
    """--set is held to the manifest's own rules."""
    path = tmp_path / "mugs.yaml"
    path.write_text(GOOD, encoding="utf-8")
    said = run("plan", path, "--set", *words)
    assert said.code == 2
    assert words[0].split("=")[0] in said.err
