"""The few best of a tier are trained with other seeds before finalists are chosen among them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tiernas.ledger import Ledger, Purpose, State, Study
from tiernas.study.run import train_candidates
from tiernas.study.trainings import Trainings

_log = logging.getLogger(__name__)


def repeat_best(ledger: Ledger, study: Study, trainings: Trainings, *, best: int, repeats: int) -> None:
    """Trains the most accurate candidates again and records the result.

    Among the best of a search the differences are as large as those between seeds, and the first accuracy of each is
    too high because it was selected for. The two uses of an accuracy require two means:

    - Ranking uses the mean of all training runs. Whatever the selection was, the posterior mean of a network's accuracy
      depends on its observations alone, and as all of these networks have equally many, shrinking each mean towards
      the mean of the tier does not change their order. Leaving out the first accuracy would discard information.
    - Reports use the mean of the repeats alone, which the search has not selected for. Its standard error is pooled:
      all repeated networks of the tier together give one spread between seeds.

    Simulated with 300 networks of NAS-Bench-201 (CIFAR-100, 200 epochs) and a noise of 0.3 points: the network chosen
    as the best is 0.11 points below the true best without repeats, 0.06 with the best four repeated once (0.09 if
    ranked by the repeats alone), 0.05 with two repeats each; its reported accuracy is too high by 0.25, 0.12 and 0.08
    points. The remaining bias comes from the choice among the few.

    A network without a successful repeat counts as not repeated, and is ranked after those with one.

    Args:
        ledger: Where it is recorded; existing repeats are not trained again.
        study: A study whose search is complete.
        trainings: Trains them, with the recipe of the search and the seeds after that of the study.
        best: The number of candidates to repeat.
        repeats: The number of other seeds.
    """
    done = [c for c in ledger.candidates(study, all_attempts=False) if c.state is State.DONE]
    chosen = sorted(done, key=lambda c: (-(c.accuracy or 0.0), c.index))[:best]
    there = {(c.digest, c.seed_offset) for c in ledger.candidates(study, Purpose.REPEAT)}
    for repeat in range(1, repeats + 1):
        for candidate in chosen:
            # a reused accuracy may have that very seed; then the study's own seed is another one
            seed_offset = 0 if (candidate.result or {}).get("seed") == trainings.seed + repeat else repeat
            if (candidate.digest, seed_offset) not in there:
                ledger.propose_again(study, candidate, Purpose.REPEAT, seed_offset=seed_offset)
    repeated = train_candidates(trainings, study, Purpose.REPEAT)
    accuracies = {
        c.digest: [r.accuracy for r in repeated if r.digest == c.digest and r.accuracy is not None] for c in chosen
    }
    for digest, summary in summarize(accuracies).items():
        candidate = next(c for c in chosen if c.digest == digest)
        record = summary | {"rank_accuracy": _mean([candidate.accuracy or 0.0, *accuracies[digest]])}
        if candidate.repeated != record:
            ledger.record_repeats(candidate, record)
            error = summary["standard_error"]
            _log.info(
                "tier %s ms: candidate %d, accuracy %s, repeated %s%s",
                study.name,
                candidate.number,
                f"{candidate.accuracy:.2%}",
                f"{summary['accuracy']:.2%}",
                "" if error is None else f" +- {error:.2%}",
            )


def summarize(accuracies: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    """The mean accuracy of networks that were trained with several seeds.

    Args:
        accuracies: For each network those of its repeats; networks without any are ignored.

    Returns:
        For each network `accuracy` (the mean), `standard_error` (of the mean, from the spread pooled over all of
        them; None if none has two) and `seeds` (their number).
    """
    repeated = {key: values for key, values in accuracies.items() if values}
    freedom = sum(len(values) - 1 for values in repeated.values())
    squares = sum(float(np.var(values)) * len(values) for values in repeated.values())
    return {
        key: {
            "accuracy": _mean(values),
            "standard_error": float(np.sqrt(squares / freedom / len(values))) if freedom else None,
            "seeds": len(values),
        }
        for key, values in repeated.items()
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
