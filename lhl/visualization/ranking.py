"""How methods stand against a reference, and what they cost, seed by seed: the numbers of the leaderboard."""
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from lhl.evaluation import (
    PhaseResults,
    Results,
    mean_metrics,
    parameter_overhead,
    relative_improvement,
    task_improvements,
)

from .comparison import Spread

Role = Literal['reference', 'method', 'upper bound']


@dataclass
class Contestant:
    """A method in a comparison.

    Args:
        name: Its name in the table.
        role: Whether the others are measured against it, and whether it is ranked.
        runs: The results of its finished runs by seed.
    """

    name: str
    role: Role
    runs: dict[int, Results] = field(default_factory=dict)


class Cost(NamedTuple):
    """What a run cost."""

    seconds_per_iteration: float  #: from phase 2 on; of phase 1, if there is no other; NaN without iterations
    peak_memory_mib: float  #: of the same phases
    method_state_mib: float  #: the most after any phase
    stored_images: int  #: the most after any phase

    @classmethod
    def of(cls, results: Results) -> 'Cost':
        """Sum up the phases of a finished run."""
        phases: Sequence[PhaseResults] = results.phases[1:] or results.phases
        iterations = sum(phase.iterations for phase in phases)
        seconds = math.fsum(phase.seconds for phase in phases)
        return cls(seconds / iterations if iterations else math.nan, max(phase.peak_memory_mib for phase in phases),
                   max(phase.method_state_mib for phase in results.phases),
                   max(phase.stored_images for phase in results.phases))


@dataclass
class Standing:
    """How a contestant stands against the reference: a row of the leaderboard.

    Args:
        name: Its name in the table.
        role: As in :class:`Contestant`.
        improvements: Delta in percent by seed, of the seeds that the reference has, too. It is measured over the mean
            of the reference over these seeds, so that the reference's luck with a seed moves no other method, and the
            reference has a spread like them.
        by_task: Likewise the improvement of each task.
        time: Seconds per iteration, as a multiple of the reference's.
        memory: Peak memory, as a multiple of the reference's.
        state_mib: What the method carries, in MiB.
        stored_images: The images among it.
        parameters: How many more parameters are needed than for the reference, in percent.
        rank: The place among all but the upper bounds, from 1; those have None.
    """

    name: str
    role: Role
    improvements: dict[int, float]
    by_task: dict[str, dict[int, float]]
    time: Spread
    memory: Spread
    state_mib: Spread
    stored_images: Spread
    parameters: Spread
    rank: int | None = None

    @property
    def improvement(self) -> Spread:
        """Delta in percent, over the seeds."""
        return Spread.of(list(self.improvements.values()))

    @property
    def tasks(self) -> dict[str, Spread]:
        """The improvement of each task in percent, over the seeds."""
        return {task: Spread.of(list(values.values())) for task, values in self.by_task.items()}

    @property
    def label(self) -> str:
        """The name with the mark of an upper bound."""
        return f'{self.name} †' if self.role == 'upper bound' else self.name


def standings(contestants: Sequence[Contestant]) -> list[Standing]:
    """Measure contestants against the reference among them, and rank them.

    Args:
        contestants: Methods that learned the same tasks, one of them the reference.

    Returns:
        The contestants that have a seed in common with the reference, best first; NaN comes last, and equal ones share
        the better rank. A seed that some have not finished yet is left out for all; where they share none, nobody is
        ranked.
    """
    reference = next(contestant for contestant in contestants if contestant.role == 'reference')
    shared = shared_seeds(contestants)
    rows = []
    for each in contestants:
        seeds = sorted(each.runs.keys() & (reference.runs if each.role == 'upper bound' or not shared else shared))
        rows += [standing(each, reference, seeds)] if seeds else []
    rows.sort(key=lambda row: (math.isnan(row.improvement.mean), -row.improvement.mean))
    ranked = [row for row in rows if row.role != 'upper bound'] if shared else []
    for place, row in enumerate(ranked, start=1):
        before = ranked[place - 2] if place > 1 else None
        row.rank = before.rank if before and before.improvement.mean == row.improvement.mean else place
    return rows


def shared_seeds(contestants: Sequence[Contestant]) -> set[int]:
    """Find the seeds that all who are ranked have finished, those aside that have finished none.

    A seed moves all methods together, so that one over other seeds cannot be ranked among them.
    """
    reference = next(contestant for contestant in contestants if contestant.role == 'reference')
    finished = [each.runs.keys() & reference.runs.keys() for each in contestants if each.role != 'upper bound']
    return set.intersection(*(seeds for seeds in finished if seeds)) if reference.runs else set()


def standing(contestant: Contestant, reference: Contestant, seeds: Sequence[int]) -> Standing:
    """Measure a contestant against the reference over some seeds that both have finished; it has no rank yet."""
    pairs = [(contestant.runs[seed], reference.runs[seed]) for seed in seeds]
    mean_base = mean_metrics([base.phases[-1].metrics for _, base in pairs])
    metrics = [(run.phases[-1].metrics, mean_base, base.higher_is_better) for run, base in pairs]
    by_seed = {seed: task_improvements(*of_one) for seed, of_one in zip(seeds, metrics, strict=True)}
    costs = [(Cost.of(run), Cost.of(base)) for run, base in pairs]
    return Standing(
        contestant.name, contestant.role,
        {seed: relative_improvement(*of_one) for seed, of_one in zip(seeds, metrics, strict=True)},
        {task: {seed: by_seed[seed][task] for seed in seeds} for task in by_seed[seeds[0]]},
        Spread.of([_ratio(own.seconds_per_iteration, base.seconds_per_iteration) for own, base in costs]),
        Spread.of([_ratio(own.peak_memory_mib, base.peak_memory_mib) for own, base in costs]),
        Spread.of([own.method_state_mib for own, _ in costs]),
        Spread.of([own.stored_images for own, _ in costs]),
        Spread.of([parameter_overhead(run, base) for run, base in pairs]))


def _ratio(value: float, base: float) -> float:
    return value / base if base else math.nan
