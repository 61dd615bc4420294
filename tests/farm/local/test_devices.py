from pathlib import Path

import pytest

from farm.local.devices import devices, named, share, threads

TWO = """GPU 0: NVIDIA L4 (UUID: GPU-1111)
GPU 1: NVIDIA L4 (UUID: GPU-2222)
"""
CUT = """GPU 0: NVIDIA H200 (UUID: GPU-1111)
  MIG 3g.71gb     Device  0: (UUID: MIG-aaaa)
  MIG 3g.71gb     Device  1: (UUID: MIG-bbbb)
GPU 1: NVIDIA H200 (UUID: GPU-2222)
"""


def test_each_worker_has_a_gpu_of_its_own() -> None:
    """Two workers on two GPUs do not share one; a third shares the first."""
    names = named(TWO)
    assert [share(number, names)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["GPU-1111", "GPU-2222", "GPU-1111"]


def test_a_cut_gpu_is_its_instances() -> None:
    """Instances of one GPU are devices, the GPU that was cut is none."""
    assert named(CUT) == ["MIG-aaaa", "MIG-bbbb", "GPU-2222"]


def test_nothing_to_choose_sets_nothing() -> None:
    """With one device or none every worker sees what the machine has."""
    assert share(0, []) == share(1, ["GPU-1111"]) == {}
    assert named("NVIDIA-SMI has failed because it could not communicate with the driver.") == []


def test_the_users_choice_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hides devices hides them from the workers too."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3")
    assert devices() == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices() == []


@pytest.mark.parametrize(("body", "found"), [(f"cat <<'EOF'\n{TWO}EOF", ["GPU-1111", "GPU-2222"]), ("exit 9", [])])
def test_the_driver_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, found: list[str]) -> None:
    """The driver's own program lists the devices; one that fails lists none."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert devices() == found


def test_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver, no devices, no error."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert devices() == []


@pytest.mark.parametrize(("workers", "cores", "each"), [(2, 2, "1"), (3, 2, "1"), (2, 9, "4"), (4, 32, "8")])
def test_workers_without_gpus_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, workers: int, cores: int, each: str
) -> None:
    """All together take what is there, and each at least one."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(cores)))
    assert threads(workers, []) == {"OMP_NUM_THREADS": each}


def test_threads_are_left_alone_where_there_is_nothing_to_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker, workers with GPUs, and a user who has said how many."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads(1, []) == {}
    assert threads(4, ["GPU-1111"]) == {}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads(4, []) == {}
