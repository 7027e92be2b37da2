"""Evaluation on several data sets, where the tasks of a stream have data of their own."""
from collections.abc import Sequence

from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, ValLoop
from torch.utils.data import DataLoader

from lhl.registry import LOOPS


@LOOPS.register_module()
class MultiDatasetValLoop(ValLoop):
    """Score the tasks of one data set after those of another, and give the metrics of all.

    Args:
        runner: Its learner is scored.
        dataloader: The first validation loader.
        evaluator: The metrics of the tasks that are scored on it.
        others: ``dict(dataloader=..., evaluator=...)`` of each further data set.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, evaluator: Evaluator | list,
                 others: Sequence[dict]) -> None:
        super().__init__(runner, dataloader, evaluator)
        self.others = [ValLoop(runner, **other) for other in others]

    def run(self) -> dict:
        """Score all tasks."""
        metrics = dict(super().run())
        for loop in self.others:
            metrics.update(loop.run())
        return metrics
