import re
from pathlib import Path

import pytest
from typer.main import get_command

from farm.cli.main import build
from tests.deploy.files import IMAGES, ROOT, instructions, last, words_of


def check_command(words: list[str]) -> None:
    """Assert that `farm` has this command and every option of it, with a value that the option takes."""
    assert words[0] == "farm"
    command = get_command(build()).get_command(None, words[1])  # type: ignore[attr-defined]
    assert command is not None, f"there is no farm {words[1]}"
    command.make_context(words[1], words[2:])


def test_every_process_has_an_image() -> None:
    """Two images: one without torch, one with."""
    assert [image.name for image in IMAGES] == ["coordinator.Dockerfile", "worker.Dockerfile"]
    assert "[worker]" not in IMAGES[0].read_text(encoding="utf-8")
    assert "[worker]" in IMAGES[1].read_text(encoding="utf-8")


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
class TestImage:
    """What holds for both."""

    def test_its_commands_exist(self, image: Path) -> None:
        """What it starts and what its health check asks are commands of `farm`."""
        start = words_of(last(image, "ENTRYPOINT")) + words_of(last(image, "CMD"))
        assert start == ["farm", image.stem]
        check_command(start)
        health = words_of(last(image, "HEALTHCHECK"))
        assert health == ["farm", "doctor", "--for", image.stem, "--json"]
        check_command(health)

    def test_it_runs_as_nobody_special(self, image: Path) -> None:
        """Its last user is the one it made, with a number that Kubernetes can tell from root's."""
        user = last(image, "USER")
        made = re.search(rf"useradd .*--uid (\d+) {user}\b", image.read_text(encoding="utf-8"))
        assert made
        assert int(made[1]) >= 1000
        assert [name for name, _ in instructions(image)].index("USER") > 0

    def test_nothing_of_the_build_is_left(self, image: Path) -> None:
        """It has two stages of one base, and the second takes nothing but the environment."""
        bases = [words.split()[0] for name, words in instructions(image) if name == "FROM"]
        assert bases == ["python:${PYTHON}-slim"] * 2
        assert [words for name, words in instructions(image) if name == "COPY"][-1].split() == [
            "--from=build",
            "/opt/stepfarm",
            "/opt/stepfarm",
        ]
        assert last(image, "ARG") == "PYTHON=3.11"

    def test_versions_are_pinned(self, image: Path) -> None:
        """Everything pip installs is held by the constraints."""
        installs = re.findall(r"pip install [^&\n]*", image.read_text(encoding="utf-8"))
        assert installs
        assert all("--constraint /source/constraints.txt" in line for line in installs)

    def test_what_it_copies_is_sent_to_the_builder(self, image: Path) -> None:
        """Every path is in the repository, and `.dockerignore` lets it through; all that it lets through is used."""
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        sent = {line[1:] for line in lines if line.startswith("!")}
        copies = [words.split()[:-1] for name, words in instructions(image) if name == "COPY" and "--from" not in words]
        copied = {path for paths in copies for path in paths}
        assert copied == sent
        assert all((ROOT / path).exists() for path in copied)
        assert lines[1] == "*"


def test_the_workers_models_lie_in_a_folder_of_its_user() -> None:
    """A volume that is mounted there is the user's, and it is where torch's and the farm's caches are."""
    text = IMAGES[1].read_text(encoding="utf-8")
    assert "--owner farm --group farm /home/farm/.cache" in text
