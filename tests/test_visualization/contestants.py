"""Runs of two tasks, and boards of methods that have them."""
from lhl.evaluation import PhaseResults, Results
from lhl.visualization import Contestant

STREAM = ('segmentation', 'depth')
DIRECTIONS = {'segmentation': {'mIoU': True}, 'depth': {'AbsErr': False}}


def run(miou=20.0, error=0.5, seconds=(10, 30), iterations=(10, 20), memory=(900, 100), state=(0, 0), images=(0, 0),
        parameters=100, seed=0, at_once=False):
    results = Results('Method', seed, list(STREAM), 'c.py', 'hash', {}, DIRECTIONS)
    phases = [list(STREAM)] if at_once else [[task] for task in STREAM]
    for index, tasks in enumerate(phases):
        metrics = {'segmentation': {'mIoU': miou}, 'depth': {'AbsErr': error}}
        results.add_phase(PhaseResults(
            index + 1, tasks, {task: metrics[task] for task in (STREAM if at_once else STREAM[:index + 1])},
            seconds[index], iterations[index], memory[index], parameters, state[index], images[index], 'w', 'c'))
    return results


def board(**others):
    """The reference, and methods given by the name of their role: a trailing underscore marks an upper bound."""
    return [Contestant('vanilla', 'reference', {0: run(), 1: run(seed=1)}),
            *(Contestant(name.rstrip('_'), 'upper bound' if name.endswith('_') else 'method', runs)
              for name, runs in others.items())]
