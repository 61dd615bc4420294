"""`Farm`: submit, follow and collect jobs from Python.

The command line is a thin layer over this class.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from farm.client.connection import Connection
from farm.client.control import Verb
from farm.client.status import Status

if TYPE_CHECKING:
    from farm.client.erase import Removed
    from farm.client.fetch import Fetched, Layout
    from farm.client.submit import Submitted
    from farm.client.tally import Tally
    from farm.client.upload import OnSent
    from farm.client.verify import Verified
    from farm.client.watch import Update
    from farm.economics.fitting import Fitting
    from farm.economics.quote import Quote, Unknown
    from farm.ledger.values import WorkerStatus
    from farm.models import Buckets
    from farm.plan.plan import Plan
    from farm.report.values import Report
    from farm.settings import Settings

#: A manifest or prompt file, or the manifest itself.
Manifest = str | Path | Mapping[str, Any]


class Farm:
    """A farm: what a person in a notebook talks to.

    A job is named by its id, by the beginning of it, or by its name, wherever a method takes one; `NoSuchJobError` is
    raised when nothing goes by that word, and `ServiceError` when Redis or the store cannot be reached.

    Example:
        >>> from farm import Farm
        >>> with Farm.connect() as farm:  # doctest: +SKIP
        ...     render = {"model": "builtin:shapes", "prompt": "a large red circle", "seed": "1-4", "steps": [4, 8]}
        ...     job = farm.submit({"render": render}).job
        ...     farm.wait(job, on_update=lambda update: print(update.status.images.done))
        ...     farm.fetch(job, "pictures")
        ...     farm.report(job).to_json()["totals"]

    Args:
        connection: Redis and the store.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @classmethod
    def connect(cls, settings: "Settings | None" = None) -> Self:
        """The farm that the settings name; by default the settings that the command line reads too.

        Redis and the store are connected to when they are first needed.
        """
        if settings is None:
            from farm.settings import Settings

            settings = Settings.load()
        return cls(Connection(settings))

    @staticmethod
    def plan(
        manifest: Manifest,
        *,
        overrides: Sequence[str] = (),
        name: str | None = None,
        buckets: "Buckets | None" = None,
    ) -> "Plan":
        """Validate a manifest and count what it asks for; needs no farm and submits nothing.

        Args:
            manifest: a manifest or prompt file, or the manifest itself.
            overrides: ``render.steps=20`` and the like, applied last.
            name: the job's name, instead of the manifest's.
            buckets: opens the place of a model in S3; by default as the settings say.

        Raises:
            ManifestError: names the file, the line and the field.
            ServiceError: a model is in S3, and the store cannot be asked.
        """
        from farm.manifest.model import load
        from farm.plan.plan import make_plan

        document = load(manifest, overrides=[*overrides, *([f"name={name}"] if name else [])])
        return make_plan(document, buckets=buckets)

    def quote(self, plan: "Plan") -> "Quote | Unknown":
        """What a plan would take the workers that are alive, from what earlier jobs measured; never a guess.

        Raises:
            StoreError: the store cannot be reached.
        """
        from farm.client.quotes import quote_of

        return quote_of(plan, self.connection)

    def fitting(self, plan: "Plan", *, left_s: float) -> "Fitting | None":
        """What would let a plan end within so many seconds; None where nothing is known of it."""
        from farm.client.quotes import fitting_of

        return fitting_of(plan, self.connection, left_s=left_s)

    def submit(
        self,
        manifest: Manifest,
        *,
        overrides: Sequence[str] = (),
        name: str | None = None,
        again: bool = False,
        on_sent: "OnSent | None" = None,
    ) -> "Submitted":
        """Submit a job; the same manifest again is the same job, and costs nothing.

        A model's folder is uploaded once, unless the farm is on this machine.

        Args:
            manifest: as `plan` takes it.
            overrides: as `plan` takes them.
            name: as `plan` takes it.
            again: make a new job of a manifest that was submitted before.
            on_sent: told how far the upload of a model's folder has come.

        Raises:
            ManifestError: names the file, the line and the field; nothing was submitted.
        """
        from farm.client.submit import another, source, submit
        from farm.client.upload import upload_models

        plan = self.plan(
            manifest,
            overrides=overrides,
            name=name,
            buckets=lambda bucket, prefix: self.connection.store.beside(bucket, prefix),  # noqa: PLW0108 connected late
        )
        store = self.connection.store
        chosen = another(plan, store) if again else plan
        if self.connection.settings.uploads_models:
            upload_models(chosen, store=store, on_sent=on_sent)
        return submit(chosen, source(manifest), store=store, ledger=self.connection.ledger)

    def status(self, job: str) -> Status:
        """One job now."""
        from farm.client.lookup import find_job, status_of

        return status_of(find_job(job, self.connection), self.connection)

    def jobs(self) -> list[Status]:
        """Every job of the farm, the latest first."""
        from farm.client.lookup import all_jobs

        return all_jobs(self.connection)

    def wait(
        self,
        job: str,
        *,
        on_update: "Callable[[Update], None] | None" = None,
        timeout: float | None = None,
        interval: float = 0.5,
    ) -> Status:
        """Wait until a job is over.

        Args:
            job: which one.
            on_update: told of the job, its rate and the workers, once per interval and when the job is over.
            timeout: seconds; None waits for ever.
            interval: seconds between two looks.

        Raises:
            TimeoutError: the job is not over yet; it goes on.
        """
        from farm.client.watch import follow, view

        for update in follow(view(self._find(job), self.connection), interval=interval, timeout=timeout):
            if on_update:
                on_update(update)
        return update.status

    def tell(self, job: str, verb: Verb, values: Mapping[str, Any] | None = None) -> int:
        """Pause, resume, cancel, retry or change a job; says how many images a retry sends back to work.

        Raises:
            UsageError: the job is over, or nothing in it failed.
        """
        from farm.client.control import tell

        status = self.status(job)
        return tell(self.connection.store, self.connection.ledger, status, verb, values)

    def cancel(self, job: str) -> None:
        """End a job: workers stop within a step, and the pictures made so far stay."""
        self.tell(job, Verb.CANCEL)

    def fetch(
        self,
        job: str,
        folder: str | Path,
        *,
        layout: "Layout | Literal['files', 'webdataset', 'imagefolder']" = "files",
        force: bool = False,
        on_progress: "Callable[[Tally], None] | None" = None,
    ) -> "Fetched":
        """Bring the pictures made so far, and the results, to a folder; again, and only what is missing comes.

        Args:
            job: which one.
            folder: made when it is not there.
            layout: ``files`` with a contact sheet; ``webdataset`` tar shards; Hugging Face's ``imagefolder``.
            force: write into a folder that holds something else.
            on_progress: told of the pictures after each one.

        Raises:
            UsageError: the folder holds something else.
        """
        from farm.client.fetch import Layout, fetch

        store, status = self.connection.store, self.status(job)
        return fetch(store, status, Path(folder), layout=Layout(layout), force=force, on_progress=on_progress)

    def sheets(self, job: str, folder: str | Path, *, force: bool = False) -> list[Path]:
        """Draw a job's contact sheets into a folder: one of all pictures, and one for each scheduler of several.

        Args:
            job: which one.
            folder: made when it is not there.
            force: write into a folder that holds something else.

        Raises:
            UsageError: the folder holds something else.
        """
        from farm.client.sheets import write_sheets

        return write_sheets(self.connection.store, self._find(job), Path(folder), force=force)

    def remove(self, job: str, *, on_objects: Callable[[int], None] | None = None) -> "Removed":
        """Remove a job that is over: its pictures, records, tables and plan; there is no way back.

        A removal that broke off is completed by the next one.

        Args:
            job: which one; also what a removal that broke off has left.
            on_objects: told how many objects are deleted so far.

        Raises:
            UsageError: the job is not over, or its end is still being written.
        """
        from farm.client.erase import erase

        found = self.removable(job)
        return erase(self.connection.store, self.connection.ledger, found, on_objects=on_objects)

    def removable(self, job: str) -> str:
        """The id of a job that `remove` would remove; raises `UsageError` when it is not over."""
        from farm.client.remove import check, find

        found = find(job, self.connection)
        check(found, self.connection)
        return found

    def verify(self, job: str, *, on_progress: "Callable[[Tally], None] | None" = None) -> "Verified":
        """Read every picture of a job and compare it with what its worker recorded."""
        from farm.client.verify import verify

        return verify(self.connection.store, self._find(job), on_progress=on_progress)

    def errors(self, job: str, verified: "Verified") -> str:
        """The tasks of the bad pictures that `verify` found, as a manifest in JSON Lines that draws them again."""
        from farm.client.verify import errors

        return errors(self.connection.store, self._find(job), verified)

    def report(self, job: str) -> "Report":
        """What a job cost, per image and per step, where its workers' seconds went, and what its steps were worth.

        Where steps vary, pictures are compared: seconds, once for a job that is over.
        """
        from farm.report.report import report

        return report(self.connection.store, self._find(job))

    def workers(self) -> "list[WorkerStatus]":
        """The workers that are alive, and what each is doing."""
        return self.connection.ledger.workers()

    def _find(self, job: str) -> str:
        from farm.client.lookup import find_job

        return find_job(job, self.connection)

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
