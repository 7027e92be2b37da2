"""Scores a trained learner, without training anything."""
import uuid
from pathlib import Path

from lhl.atomic import writing
from lhl.engine.checkpoint import load_weights, weights_of
from lhl.engine.plan import Stream, runner_config
from lhl.errors import RunError
from lhl.models.pretraining import without_pretraining
from lhl.weight_files import read_checkpoint

from .learner_runner import LearnerRunner
from .release import released


def score_phase(stream: Stream, index: int, checkpoint: str | Path) -> dict[str, dict[str, float]]:
    """Score the learner of a phase on all tasks it has seen, each on its own validation data.

    Args:
        stream: The stream.
        index: The phase, from 1.
        checkpoint: The phase's ``phase.safetensors``, beside which the log goes.

    Returns:
        The metrics of each task; none of a task without validation data.

    Raises:
        RunError: If the log would go through a link to somewhere else.
    """
    cfg, folder = runner_config(stream, index), Path(checkpoint).parent
    if cfg.val_cfg is None:
        return {name: {} for name in cfg.model.tasks}
    log = folder / 'test'
    if not log.resolve().is_relative_to(folder.resolve()):
        raise RunError(f'{log} is a link out of the folder of the run, so that the log would be written elsewhere; '
                       f'remove the link')
    name = f'test_{folder.name}_{uuid.uuid4().hex[:8]}'
    with writing(folder), released(name, lambda: LearnerRunner(
            model={**cfg.model.to_dict(), 'backbone': without_pretraining(cfg.model.backbone.to_dict())},
            work_dir=str(log), val_dataloader=cfg.val_dataloader, val_cfg=cfg.val_cfg,
            val_evaluator=cfg.val_evaluator, env_cfg=cfg.get('env_cfg', {}), launcher=cfg.get('launcher', 'none'),
            default_scope='lhl', log_level='WARNING', experiment_name=name, randomness=cfg.randomness)) as runner:
        load_weights(runner.learner, weights_of(read_checkpoint(checkpoint), checkpoint), checkpoint)
        metrics = runner.val()
    by_task: dict[str, dict[str, float]] = {name: {} for name in cfg.model.tasks}
    for key, value in metrics.items():
        task, _, metric = key.partition('/')
        if task in by_task:
            by_task[task][metric] = value
    return by_task
