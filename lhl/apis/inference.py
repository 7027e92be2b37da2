"""Use a trained learner: load it, predict with it, score it."""
from pathlib import Path

import torch
from torch import Tensor

from lhl.config_files import merge_options
from lhl.engine.checkpoint import build_learner, find_checkpoint, read_checkpoint, stored_config
from lhl.engine.plan import Stream
from lhl.engine.runtime.process_group import init_distributed
from lhl.engine.runtime.scoring import score_phase
from lhl.evaluation import Results
from lhl.models import Learner


def load_learner(path: str | Path, device: str | torch.device = 'cpu') -> Learner:
    """Load a trained learner, frozen and in evaluation mode.

    Args:
        path: As for :func:`lhl.engine.checkpoint.find_checkpoint`.
        device: Where to put it.
    """
    checkpoint = find_checkpoint(path)
    return build_learner(read_checkpoint(checkpoint), checkpoint).to(device)


def load_learners(run: str | Path, device: str | torch.device = 'cpu') -> list[Learner]:
    """Load what predicts all tasks that a run has learned: its last learner, or its separate models, the last first.

    Args:
        run: The folder of a run.
        device: Where to put them.
    """
    results, learners = Results.load(run), []
    left = set(results.learned_tasks)
    for phase in reversed(results.phases):
        if left:
            learners.append(load_learner(Path(run, phase.checkpoint), device))
            left -= set(learners[-1].tasks)
    return learners


@torch.no_grad()
def predict(learner: Learner, images: Tensor) -> dict[str, Tensor]:
    """Predict all tasks of a learner.

    Args:
        learner: From :func:`load_learner`.
        images: ``(B, 3, H, W)`` RGB in [0, 1], as data sets give them.

    Returns:
        For each task the prediction in its target's form: int64 ``(B, H, W)`` classes, or float32 ``(B, C, H, W)``.
    """
    inputs = learner.data_preprocessor(dict(inputs=images))['inputs']
    predictions = learner(inputs, mode='tensor')
    return {name: learner.tasks[name].pseudo_label(prediction) for name, prediction in predictions.items()}


def test_learner(path: str | Path, options: dict | None = None, launcher: str = 'none') -> dict[str, dict[str, float]]:
    """Score a trained learner on the validation set of its stream, on all tasks it has seen.

    Args:
        path: As for :func:`lhl.engine.checkpoint.find_checkpoint`.
        options: Changes of the stored config, such as ``{'val_dataloader.dataset.data_root': ...}``.
        launcher: How the processes were started.

    Returns:
        The metrics of each task.
    """
    checkpoint = find_checkpoint(path)
    cfg, index = stored_config(checkpoint)
    merge_options(cfg, options)
    cfg.launcher = launcher
    init_distributed(cfg)
    return score_phase(Stream.from_config(cfg), index, checkpoint)


test_learner.__test__ = False  # pytest would collect it by its name
