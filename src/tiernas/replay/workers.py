"""Any number of workers on a simulated clock."""

import heapq


class SimulatedWorkers:
    """Running tasks and their ends; time passes only when the next end is requested.

    Args:
        workers: Number of tasks that run at the same time, 1 or more.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, got {workers}")
        self.now_s = 0.0
        self._workers = workers
        self._started = 0
        self._running: list[tuple[float, int, int]] = []

    @property
    def free(self) -> int:
        """Number of idle workers."""
        return self._workers - len(self._running)

    def start(self, key: int, duration_s: float) -> None:
        """Gives a free worker a task with the name `key`."""
        if not self.free:
            raise ValueError(f"all {self._workers} workers are busy")
        heapq.heappush(self._running, (self.now_s + duration_s, self._started, key))
        self._started += 1

    def stop(self, key: int) -> None:
        """Frees the worker of a running task before its end."""
        self._running = [entry for entry in self._running if entry[2] != key]
        heapq.heapify(self._running)

    def next_end(self) -> int | None:
        """Advances the clock to the next end and returns its key; of two at the same time, the one started first.

        None if nothing runs.
        """
        if not self._running:
            return None
        self.now_s, _, key = heapq.heappop(self._running)
        return key
