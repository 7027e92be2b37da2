"""Predicts with a network in either mode, and leaves no trace in it."""
from collections.abc import Iterable

from torch import Tensor
from torch.func import functional_call

from lhl.models import Batch, Learner, without_gradient_checkpointing


def predict_undisturbed(learner: Learner, batch: Batch, names: Iterable[str], training: bool) -> dict[str, Tensor]:
    """Predict tasks of a batch in training or evaluation mode; the learner keeps its own mode and running statistics.

    The statistics that normalise are copies: in training mode the learner's are not moved, and in evaluation mode a
    later pass may move them before the gradient is taken, which is that of its parameters.

    Args:
        learner: The network.
        batch: Its images.
        names: Tasks of the learner.
        training: With dropout and the statistics of the batch, where the learner trains them, or without.

    Returns:
        For each task its prediction ``(B, C, H, W)``, see :meth:`lhl.models.Learner.predict_tasks`.
    """
    copies = {name: buffer.clone() for name, buffer in learner.named_buffers()}
    mode = learner.training
    learner.train(training)
    try:
        with without_gradient_checkpointing(learner):  # which would run with the mode and the buffers of the backward
            return functional_call(learner, copies, (batch.inputs, dict.fromkeys(names)), dict(mode='tensor'))
    finally:
        learner.train(mode)
