"""``farm doctor``: what is here, what is reachable, and what to do about what is not."""

import os
from typing import TYPE_CHECKING

from farm.doctor import machine, services
from farm.doctor.check import Check, asked, failed
from farm.doctor.origins import origins
from farm.doctor.part import Part
from farm.errors import ServiceError
from farm.local.lock import fallen

if TYPE_CHECKING:
    from farm.settings import Settings


def checks(settings: "Settings", *, part: Part | None = None) -> list[Check]:
    """Everything the doctor looks at, in the order of the way through the house.

    Args:
        settings: where the services are.
        part: look only at what this one process needs to do its work now, as a container's health check does; clocks,
            which a new container would not set right, are left out.
    """
    if part is Part.COORDINATOR:
        return [machine.python(), machine.serving(), *_services(settings, services.coordinator)]
    if part is Part.WORKER:
        return _worker(settings)
    here = not os.environ.get("FARM_REDIS_URL")
    found = [machine.python(), machine.serving(), origins(settings), machine.disk(settings.home)]
    found += [*machine.programs()] if here else []
    found += [machine.rendering(needed=here)]
    found += [_models(settings), machine.device()] if machine.renders() else []
    return found + _services(settings, services.redis_clock, services.coordinator, services.workers, clocks=True)


def _worker(settings: "Settings") -> list[Check]:
    """What a worker needs; its device is asked for only while it does not live: another torch costs GPU memory."""
    found = [machine.python(), machine.serving(), machine.rendering(needed=True), _models(settings)]
    reached = _services(settings, services.own_worker)
    lives = any(check.name == "worker" and check.ok for check in reached)
    return found + ([machine.device()] if machine.renders() and not lives else []) + reached


def _models(settings: "Settings") -> Check:
    return machine.models(settings.model_cache, settings.model_cache_gb)


def _services(settings: "Settings", *looks: services.Look, clocks: bool = False) -> list[Check]:
    """Redis, what is asked of it, and the store."""
    if settings.redis_url is None and settings.s3_url is None:
        return [asked("farm", settings.require_redis_url)]
    if sentence := fallen(settings):
        return [failed("farm", ServiceError(sentence))]
    return [*services.redis(settings, *looks), *services.store(settings, clocks=clocks)]
