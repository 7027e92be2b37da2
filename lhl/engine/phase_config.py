"""From the user's config of a stream to the ordinary mmengine config of one phase: a pure function."""
import copy
import hashlib
import json
from pathlib import Path

from mmengine.config import Config

from lhl.tasks import build_tasks

#: What an entry of ``phases`` may override, beside naming its task.
CONFIG_OVERRIDES = ('method', 'train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler')
PHASE_OPTIONS = ('loss_weight', 'lr_factors', *CONFIG_OVERRIDES)
#: What does not change the weights that a run ends with, so that a run may be resumed with other values.
NOT_HASHED = ('work_dir', 'launcher', 'log_level', 'log_processor', 'visualizer', 'vis_backends', 'env_cfg',
              'default_hooks', 'resume')
NOT_HASHED_IN_DATALOADERS = ('num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory')


def task_names(cfg: Config) -> list[str]:
    """Name the tasks of the stream in their order."""
    return [phase['task'] for phase in cfg.phases]


def phase_folder(cfg: Config, index: int) -> str:
    """Name the folder of a phase, ``phase1_segmentation``."""
    return f'phase{index}_{task_names(cfg)[index - 1]}'


def phase_config(cfg: Config, index: int) -> Config:
    """Derive the config of one phase.

    Args:
        cfg: The stream's config, with ``work_dir`` set.
        index: The phase, from 1.

    Returns:
        A config for :class:`lhl.engine.PhaseRunner`, with a work_dir of its own. ``cfg`` is left as it is.
    """
    names = task_names(cfg)
    entry = cfg.to_dict()['phases'][index - 1]
    phase = copy.deepcopy(cfg)
    phase.merge_from_dict({key: value for key, value in entry.items() if key in CONFIG_OVERRIDES})
    tasks = {name: cfg.tasks[name].to_dict() for name in names[:index]}

    phase.work_dir = str(Path(cfg.work_dir, phase_folder(cfg, index)))
    phase.experiment_name = phase_folder(cfg, index)
    phase.phase = dict(
        index=index,
        task=names[index - 1],
        loss_weight=entry.get('loss_weight', 1.0),
        previous_checkpoint=str(phase_checkpoint(cfg, index - 1)) if index > 1 else None)

    phase.model.tasks = tasks
    if index > 1:
        phase.model.backbone.init_cfg = None  # the weights come from the phase before
    _fill_in_data(phase, names, index, tasks)
    phase.optim_wrapper.constructor = 'PhaseOptimWrapperConstructor'
    phase.optim_wrapper.paramwise_cfg = dict(new_task=names[index - 1], lr_factors=entry.get('lr_factors') or {})
    # Without a wish for more, evaluate only after the phase, once its method has finished.
    if 'val_interval' not in phase.train_cfg:
        phase.train_cfg.val_begin = 10**9
    phase.custom_hooks = [dict(type='ContinualPhaseHook'), *(phase.get('custom_hooks') or [])]
    return phase


def _fill_in_data(phase: Config, names: list[str], index: int, tasks: dict) -> None:
    """Give training its task and its part of the images, and validation all tasks seen."""
    train = phase.train_dataloader.dataset
    train.tasks = {names[index - 1]: tasks[names[index - 1]]}
    train.seed = phase.randomness.seed
    train.setdefault('part', dict(index=index - 1, count=len(names)))
    phase.val_dataloader.dataset.tasks = tasks
    for loader in (phase.train_dataloader, phase.val_dataloader):
        loader.setdefault('collate_fn', dict(type='lhl.collate_samples'))
        if not loader.get('num_workers'):  # torch refuses these options without workers
            loader.persistent_workers = False
            loader.pop('prefetch_factor', None)
    phase.val_cfg = dict()
    phase.val_evaluator = [task.metric() for task in build_tasks(tasks).values()]


def phase_checkpoint(cfg: Config, index: int) -> Path:
    """Say where the final checkpoint of a phase is."""
    return Path(cfg.work_dir, phase_folder(cfg, index), 'phase.pth')


def config_hash(cfg: Config, num_processes: int = 1) -> str:
    """Identify a run: a hash of everything that decides which weights it ends with.

    Args:
        cfg: The stream's config.
        num_processes: How many processes train; each has a batch of its own.
    """
    values = {key: value for key, value in cfg.to_dict().items() if key not in NOT_HASHED}
    for name in ('train_dataloader', 'val_dataloader'):
        values[name] = {key: value for key, value in values[name].items() if key not in NOT_HASHED_IN_DATALOADERS}
    values['num_processes'] = num_processes
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
