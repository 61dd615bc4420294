"""What `deploy/` would start in containers, started without them."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.local import redis, s3
from farm.local.process import free_port
from tests.deploy.files import IMAGES, SERVICES, example, filled, last, words_of

REDIS, S3 = "redis:6379", "s3:8080"
SECRETS = ("REDIS_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ENV = {name: value for name, value in example().items() if value} | {name: secrets.token_hex(12) for name in SECRETS}
ENV = {name: value for name, value in ENV.items() if not name.startswith("FARM_")}


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Redis and the bucket, started with the words of compose.yaml: what a container calls them -> where they are."""
    ports = {REDIS: f"127.0.0.1:{free_port()}", S3: f"127.0.0.1:{free_port()}"}
    (tmp_path / "redis").mkdir()
    (tmp_path / "data" / "farm").mkdir(parents=True)
    own = ["--port", ports[REDIS].split(":")[1], "--bind", "127.0.0.1", "--dir", str(tmp_path / "redis")]
    changed = {"/data": str(tmp_path / "data"), ":8080": ports[S3]}
    commands = [
        [str(redis.binary()), *words("redis")[1:], *own],
        [str(s3.binary()), *(changed.get(word, word) for word in words("s3"))],
    ]
    key = {"RCLONE_AUTH_KEY": filled(SERVICES["s3"]["environment"]["RCLONE_AUTH_KEY"], ENV)}
    with (tmp_path / "log").open("wb") as log:
        started = [subprocess.Popen(command, env=os.environ | key, stdout=log, stderr=log) for command in commands]
    yield ports
    print((tmp_path / "log").read_text(encoding="utf-8"))
    for process in started:
        process.terminate()
        process.wait(10)


def words(service: str) -> list[str]:
    """A service's command, its variables filled in."""
    return [filled(str(word), ENV) for word in SERVICES[service]["command"]]


def test_a_coordinator_is_well_when_it_leads(places: dict[str, str], tmp_path: Path, eventually: Any) -> None:
    """With compose's environment it leads, and the image's health check is red before that and green from then on."""
    image = IMAGES[0]
    given = {name: filled(value, ENV) for name, value in SERVICES[image.stem]["environment"].items()}
    for name, place in places.items():
        given = {key: value.replace(name, place) for key, value in given.items()}
    environment = os.environ | ENV | given | {"FARM_HOME": str(tmp_path / "home")}
    farm = [sys.executable, "-m", "farm"]

    def health() -> int:
        check = words_of(last(image, "HEALTHCHECK"))[1:]
        return subprocess.run([*farm, *check], env=environment, check=False).returncode

    assert health() == 3
    process = subprocess.Popen([*farm, *words_of(last(image, "CMD"))], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: health() == 0, "the coordinator is well")
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert health() == 3
    assert list((tmp_path / "redis").glob("appendonly*"))
