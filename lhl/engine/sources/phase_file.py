"""A single ``phase.safetensors`` as a source, without its run: one phase that learned all that its learner can do."""
from pathlib import Path

from lhl.engine.checkpoint import build_learner, config_in, method_state, stored_model
from lhl.engine.plan import Stream
from lhl.engine.plan.backbones import describe_backbone
from lhl.errors import CheckpointError
from lhl.registry import METHODS
from lhl.weight_files import read_checkpoint

from .base import Source, SourcePhase, unrecorded_results


def read_phase(path: str | Path) -> Source:
    """Read a ``phase.safetensors``.

    Raises:
        CheckpointError: If it cannot be read, or is none of lhl.
    """
    path, checkpoint = Path(path), read_checkpoint(path)
    if 'lhl' not in checkpoint:
        raise CheckpointError(f'{path} is no phase.safetensors of lhl; to extend a checkpoint of mmsegmentation '
                              f'give its config, too, as `segmentor_config`')
    model = stored_model(checkpoint, path)
    cfg, index = config_in(checkpoint, path)
    stream = Stream.from_config(cfg, check=False)
    learned, tasks = stream.phases[:index], model.pop('tasks')
    model.pop('backbone_norm', None)  # the engine's, of that phase
    method = METHODS.build(learned[-1].method)
    if state := method_state(checkpoint, path):
        method.load_state_dict(state)
    results = unrecorded_results(build_learner(checkpoint, path), checkpoint, describe_backbone(learned[-1].backbone),
                                 method.num_stored_images())
    names = list(tasks)
    entry = dict(task=names[0]) if len(names) == 1 else dict(tasks=names)
    phase = SourcePhase(
        dict(trained_by=learned[-1].taught_by, **entry),
        {name: spec.val_dataloader for spec in learned for name in spec.new_tasks}, results, path)
    configs = stream.task_configs
    return Source(path, (phase, ), {name: configs[name] for spec in learned for name in spec.new_tasks}, model,
                  cfg.randomness.seed)
