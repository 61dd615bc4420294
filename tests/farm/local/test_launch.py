import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.errors import FarmError, ServiceError, UsageError
from farm.local import launch as module
from farm.local.home import SUPERVISED, Home
from farm.local.launch import launch, local_farm, wait_until_up
from farm.local.lock import Notice
from farm.local.process import Process


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    home = Home(tmp_path)
    home.create()
    return home


@pytest.fixture
def supervisor(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stands in for the supervisor: the code it runs is what the test puts into the list."""
    code: list[str] = []
    monkeypatch.setattr(module, "python", lambda *_: [sys.executable, "-c", *code])
    yield code
    assert not home.settings_file.exists()


def start(home: Home, **environment: str) -> Process:
    """Start what stands in for the supervisor."""
    return launch(home, workers=0, tied=signal.SIGKILL, environment={"PATH": "/usr/bin:/bin", **environment})


@pytest.mark.parametrize(("code", "kind"), [(2, UsageError), (3, ServiceError), (1, FarmError)])
def test_the_supervisors_last_sentence_is_the_error(
    home: Home, supervisor: list[str], code: int, kind: type[FarmError]
) -> None:
    """What it says on its way out is said again, with its exit code's kind and without its name."""
    supervisor.append(f"import sys; print('farm: It is raining.', file=sys.stderr); sys.exit({code})")
    process = start(home)
    with pytest.raises(FarmError, match=r"^It is raining\.$") as caught:
        wait_until_up(home, process)
    assert type(caught.value) is kind


def test_one_that_says_nothing_is_named_with_its_log(home: Home, supervisor: list[str]) -> None:
    """A supervisor that ends without a word is still an error that says where to look."""
    supervisor.append("pass")
    with pytest.raises(FarmError, match=r"did not come up: see .*up\.log"):
        wait_until_up(home, start(home))


def test_words_of_the_last_time_are_not_repeated(home: Home, supervisor: list[str]) -> None:
    """The log begins anew, so an old sentence is not taken for a new one."""
    home.log("up").parent.mkdir()
    home.log("up").write_text("farm: an old story\n")
    supervisor.append("pass")
    with pytest.raises(FarmError, match="did not come up"):
        wait_until_up(home, start(home))


def test_only_its_own_notice_counts(home: Home, supervisor: list[str]) -> None:
    """The notice of another supervisor, left from earlier, does not say that this one is up."""
    supervisor.append("import time; time.sleep(0.3)")
    Notice(pid=1, state="up").write(home)
    with pytest.raises(FarmError, match="did not come up"):
        wait_until_up(home, start(home))


def test_waiting_ends_when_it_is_up(home: Home, supervisor: list[str]) -> None:
    """As soon as the supervisor says so, the farm is up."""
    supervisor.append("import time; time.sleep(60)")
    process = start(home)
    Notice(pid=process.pid, state="up").write(home)
    wait_until_up(home, process)
    process.kill()


def test_giving_up_ends_it(home: Home, supervisor: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while waiting does not leave a half-started farm behind."""
    supervisor.append("import time; time.sleep(60)")
    process = start(home)

    def interrupt(_: Home) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Notice, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        wait_until_up(home, process)
    assert process.ended is not None


def test_the_supervisor_is_nobodys_leftover(home: Home, supervisor: list[str]) -> None:
    """It has the home in its environment, not the mark by which leftovers are found."""
    supervisor.append(f"import os; print(os.environ.get('FARM_HOME'), os.environ.get('{SUPERVISED}'), os.environ['X'])")
    process = start(home, X="given")
    assert process.wait(10)
    assert process.last_words() == f"{home.path} None given"


def test_a_local_farm_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that name a farm elsewhere do not reach it; what it is given reaches its settings."""
    monkeypatch.setenv("FARM_REDIS_URL", "redis://elsewhere.invalid:1")
    monkeypatch.setenv("FARM_S3_URL", "s3://elsewhere")
    with local_farm(tmp_path / "home", workers=0, env={"FARM_PREFIX": "mine", "X": "1"}, lease=5) as settings:
        assert "127.0.0.1" in settings.require_redis_url()
        assert settings.require_s3_url() == ("farm", "")
        assert (settings.prefix, settings.lease, settings.home) == ("mine", 5.0, tmp_path / "home")
    assert not Home(tmp_path / "home").settings_file.exists()
