"""An executor without workers: results are looked up, and training runs end in the order of a simulated clock."""

from collections.abc import Sequence

from tiernas.executors import Event, Executor, Failed, Finished, Job, Paused, Placement
from tiernas.replay.space import LatticeRow, LatticeSpace
from tiernas.replay.trials import Trial, Trials
from tiernas.replay.workers import SimulatedWorkers


class SimulatedExecutor(Executor):
    """Looks results up; `poll` returns the next end at once, whatever the simulated time until then.

    The accuracy of an event is the value of the trial, in the evaluator's unit.

    Args:
        space: The space of the rows that the architectures stand for.
        trials: Trains the rows.
        workers: Number of jobs that run at the same time.
    """

    def __init__(self, space: LatticeSpace, trials: Trials, workers: int) -> None:
        self._space = space
        self._trials = trials
        self._workers = workers
        self._clock = SimulatedWorkers(workers)
        self._running: dict[int, tuple[Job, Trial]] = {}
        self._trained_s: dict[int, float] = {}

    @property
    def now_s(self) -> float:
        """The simulated time."""
        return self._clock.now_s

    @property
    def clients(self) -> int:
        return self._workers

    @property
    def free(self) -> int:
        return self._clock.free

    def submit(self, job: Job) -> Placement:
        row = self._space.encode(LatticeRow.from_json(job.architecture))
        trial = self._trials.train(row, job.seed, job.stop_epoch)
        self._clock.start(job.id, trial.duration_s - self._trained_s.pop(job.id, 0.0))
        self._running[job.id] = job, trial
        return Placement("simulated", "simulated")

    def poll(self, timeout_s: float) -> Sequence[Event]:
        job_id = self._clock.next_end()
        if job_id is None:
            return ()
        job, trial = self._running.pop(job_id)
        if trial.value != trial.value:
            return (Failed(job_id, "the replay says so", retry=False),)
        if job.stop_epoch is not None:
            self._trained_s[job_id] = trial.duration_s
            return (Paused(job_id, job.stop_epoch, trial.value),)
        return (Finished(job_id, trial.value, {"duration_s": trial.duration_s}),)

    def cancel(self, job_id: int) -> None:
        if job_id in self._running:
            del self._running[job_id]
            self._clock.stop(job_id)

    def close(self) -> None:
        self._clock = SimulatedWorkers(self._workers)
        self._running, self._trained_s = {}, {}
