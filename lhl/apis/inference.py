"""Use a trained learner: load it, predict with it, score it."""
from pathlib import Path

import torch
from torch import Tensor

from lhl.config_files import import_custom_modules, merge_options
from lhl.engine.checkpoint import build_learner, config_in, find_checkpoint, read_recorded, recorded_checkpoint
from lhl.engine.plan import Stream
from lhl.engine.runtime.process_group import init_distributed
from lhl.engine.runtime.scoring import score_phase
from lhl.errors import RunError
from lhl.evaluation import PhaseResults, Results
from lhl.models import Learner
from lhl.trust import trusting_configs
from lhl.weight_files import read_checkpoint


def load_learner(path: str | Path, device: str | torch.device = 'cpu', trust_config: bool = False) -> Learner:
    """Load a trained learner, frozen and in evaluation mode.

    Args:
        path: As for :func:`lhl.engine.checkpoint.find_checkpoint`.
        device: Where to put it.
        trust_config: Let the config inside the run or checkpoint name code and import modules. Otherwise it may name
            registered components only.
    """
    with trusting_configs(trust_config):
        import_custom_modules(path)
        checkpoint, *_ = _checkpoints(path)
        return build_learner(_read(*checkpoint), checkpoint[0]).to(device)


def last_learners(source: str | Path, phase: int | None = None) -> list[tuple[Learner, dict, Path]]:
    """Load what predicts all tasks that a run or checkpoint has learned, with the checkpoint and its path.

    Args:
        source: The folder of a run, which stands for its last learner, or for its separate models, the last first; or
            a ``phase.safetensors``.
        phase: Of a run, as it was after this finished phase, from 1. Default: the last one.

    Raises:
        RunError: If the run has not finished the phase.
    """
    found: list[tuple[Learner, dict, Path]] = []
    seen: set[str] = set()
    checkpoints = _checkpoints(source)
    if phase is not None:
        if not 1 <= phase <= len(checkpoints):
            raise RunError(f'{source} has no finished phase {phase}, only {len(checkpoints)} of them; choose one of '
                           f'these as `phase`')
        checkpoints = checkpoints[len(checkpoints) - phase:]
    learned = {task for _, recorded in checkpoints if recorded is not None for task in recorded.tasks}
    for path, recorded in checkpoints:
        if not found or learned - seen:
            checkpoint = _read(path, recorded)
            found.append((build_learner(checkpoint, path), checkpoint, path))
            seen |= set(found[-1][0].tasks)
    return found


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


def test_learner(path: str | Path, options: dict | None = None, launcher: str = 'none',
                 trust_config: bool = False) -> dict[str, dict[str, float]]:
    """Score what has been trained on all tasks it has seen, each on the validation data of the phase that learned it.

    Args:
        path: The folder of a run, which stands for its last finished phase, or for all its separate models where each
            task has its own; or a ``phase.safetensors``.
        options: Changes of the stored config, such as ``{'val_dataloader.dataset.data_root': ...}``.
        launcher: How the processes were started.
        trust_config: Let the config inside the run or checkpoint name code and import modules. Otherwise it may name
            registered components only.

    Returns:
        The metrics of each task, in the stream's order; none of a task without validation data.

    Raises:
        ConfigError: If the options do not fit the config.
        RunError: If the run has no finished phase.
        DataError: If a file of the validation data is missing or impossible.
        CheckpointError: If a checkpoint is missing or cannot be used.
    """
    with trusting_configs(trust_config):
        import_custom_modules(path)
        learned = set(Results.load(path).learned_tasks) if Path(path).is_dir() else set()
        metrics: dict[str, dict[str, float]] = {}
        for checkpoint, recorded in _checkpoints(path):
            if not metrics or learned - metrics.keys():
                cfg, index = config_in(_read(checkpoint, recorded), checkpoint)
                merge_options(cfg, options)
                cfg.launcher = launcher
                init_distributed(cfg)
                metrics = {**score_phase(Stream.from_config(cfg), index, checkpoint), **metrics}
        return metrics


def _checkpoints(path: str | Path) -> list[tuple[Path, PhaseResults | None]]:
    """List the checkpoints that a run's folder or a checkpoint's path stands for, the last first, and their records."""
    last = find_checkpoint(path)
    if not Path(path).is_dir():
        return [(last, None)]
    return [(recorded_checkpoint(path, phase), phase) for phase in reversed(Results.load(path).phases)]


def _read(path: Path, recorded: PhaseResults | None) -> dict:
    """Read a checkpoint, and compare it with what its run recorded, if it is known."""
    return read_checkpoint(path) if recorded is None else read_recorded(path, recorded)


test_learner.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name
