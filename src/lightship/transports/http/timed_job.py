"""Measures on which stages of a request its threads spend their time."""

from __future__ import annotations

from time import monotonic
from typing import Generic, TypeVar

from lightship.transports.access_log.record import AccessRecord
from lightship.transports.http.executor import Job, Moved, Pending, Wait

Result = TypeVar("Result")


def timed(job: Job[Result], record: AccessRecord | None) -> Job[Result]:
    """Returns a job that does the same and tells the record its times; or the job itself if there is no record."""
    return job if record is None else TimedJob(job, record)


class TimedJob(Generic[Result]):
    """A job with the seconds of its stages. They are complete when it has ended.

    Its parts before the first run of the model, and those between two runs, are `decode`; what follows the last run is
    `encode`. A job without a run is `decode` alone.
    """

    __slots__ = ("_begun_to_wait", "_job", "_wait", "decode", "encode", "run_seconds")

    def __init__(self, job: Job[Result], record: AccessRecord) -> None:
        self._job = job
        self._wait: Wait | None = None
        self._begun_to_wait = 0.0
        self.decode = self.run_seconds = self.encode = 0.0
        record.threads = self

    def run(self) -> Result | Moved[Result] | Pending[Result]:
        begun = monotonic()
        ran, self._wait = self._wait, None
        if ran is not None:  # calls that are split have several runs, perhaps at the same time
            self.run_seconds += min(ran.seconds, begun - self._begun_to_wait)
        last = False
        try:
            result = self._job.run()
            last = not isinstance(result, Moved | Pending)
        finally:
            now = monotonic()
            if last and ran is not None:
                self.encode += now - begun
            else:
                self.decode += now - begun
        if isinstance(result, Pending):
            self._job, self._wait, self._begun_to_wait = result.job, result.wait, now
            return Pending(self, result.wait)
        if isinstance(result, Moved):
            self._job = result.job
            return Moved(self, result.kind)
        return result

    def release(self) -> None:
        self._job.release()
