"""The linear learning-rate schedule with a warm-up, in fractions of the phase, so that it fits any phase length."""
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler

from lhl.options import Fraction
from lhl.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class LinearWarmupDecayLR(LRSchedulerMixin, _ParamScheduler):
    """Rise linearly to the peak learning rate, then fall linearly; stepped every iteration.

    Args:
        optimizer: The optimizer or its wrapper.
        warmup: Fraction of the phase's iterations spent rising, in [0, 1].
        start_factor: Factor of the peak at the first iteration.
        end_factor: Factor of the peak that is reached after the last iteration, so that even 0 wastes none.
        end: Number of iterations of the phase; the runner fills it in.
    """

    def __init__(self, optimizer, *args, warmup: Fraction = 0.1, start_factor: Fraction = 0.0,
                 end_factor: Fraction = 0.0, end: int, by_epoch: bool = False, **kwargs) -> None:
        self.num_warmup = max(1, round(warmup * end)) if warmup else 0
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.num_iterations = end
        super().__init__(optimizer, *args, end=end, by_epoch=False, **kwargs)

    def factor(self, iteration: int) -> float:
        """Give the factor of the peak learning rate at an iteration, counted from 0."""
        if iteration < self.num_warmup:
            # From a start of 0 the first iteration is already one step up: a rate of 0 would waste it.
            skip = 1 if self.start_factor == 0 else 0
            return self.start_factor + (1 - self.start_factor) * (iteration + skip) / (self.num_warmup + skip)
        remaining = (self.num_iterations - iteration) / max(1, self.num_iterations - self.num_warmup)
        return self.end_factor + (1 - self.end_factor) * max(0.0, min(1.0, remaining))

    def _get_value(self) -> list[float]:
        """Give the learning rate of each parameter group at the current step."""
        return [base * self.factor(self.last_step) for base in self.base_values]
