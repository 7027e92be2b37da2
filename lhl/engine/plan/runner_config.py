"""From the user's config of a stream to the ordinary mmengine config of one phase: a pure function."""
import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from lhl.errors import ConfigError
from lhl.registry import METHODS
from lhl.tasks import build_tasks, metric_configs

from .adapted_heads import adapted_heads

#: What an entry of ``phases`` may override, beside naming its task.
CONFIG_OVERRIDES = ('method', 'train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler')
#: What an entry may say that another run has trained, see :mod:`lhl.engine.sources.extend`.
GIVEN_PHASE_OPTIONS = ('trained_by', 'backbone', 'old_heads', 'val_dataloader')
PHASE_OPTIONS = ('loss_weight', 'lr_factors', 'backbone', 'old_heads', 'val_dataloader', *CONFIG_OVERRIDES)
#: What does not change the weights that a run ends with, so that a run may be resumed with other values.
NOT_HASHED = ('work_dir', 'launcher', 'log_level', 'log_processor', 'visualizer', 'vis_backends', 'env_cfg',
              'default_hooks', 'resume')
NOT_HASHED_IN_DATALOADERS = ('num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory')


def phase_tasks(entry: Mapping) -> list[str]:
    """Name the tasks that an entry of ``phases`` learns: ``dict(task=NAME)``, or ``dict(tasks=[NAME, ...])``."""
    return list(entry['tasks']) if 'tasks' in entry else [entry['task']]


def method_name(method: Mapping) -> str:
    """Name a method by its config, those of a combination included."""
    members = ', '.join(map(method_name, method.get('methods') or []))
    return f'{method["type"]}({members})' if members else method['type']


def num_given_phases(cfg: Config) -> int:
    """Count the first phases of a stream, that another run has trained."""
    return sum('trained_by' in entry for entry in cfg.phases)


def task_names(cfg: Config) -> list[str]:
    """Name the tasks of the stream in their order."""
    return [name for phase in cfg.phases for name in phase_tasks(phase)]


def heads_of(cfg: Config, names: Iterable[str]) -> list[str]:
    """Name the heads of some tasks of the stream, each once: that of each task, or the one that several share."""
    tasks = build_tasks({name: cfg.tasks[name].to_dict() for name in names})
    return list(dict.fromkeys(task.head for task in tasks.values()))


def in_order(cfg: Config) -> Config:
    """Sort the phases as ``order`` says, each with its options, so that a run is known by its phases alone.

    Args:
        cfg: The stream's config; left as it is. ``order`` names all tasks of its phases, and each phase one task.

    Raises:
        ConfigError: If ``order`` names other tasks.
    """
    if 'order' not in cfg:
        return cfg
    cfg = copy.deepcopy(cfg)
    order = cfg.pop('order')
    phases = {phase_tasks(entry)[0]: entry for entry in cfg.phases}
    if sorted(order) != sorted(task_names(cfg)) or len(phases) != len(order):
        raise ConfigError(f'order is {", ".join(map(str, order))}, expected the tasks {", ".join(task_names(cfg))} in '
                          f'any order, one in each phase')
    cfg.phases = [phases[name] for name in order]
    return cfg


def phase_folder(cfg: Config, index: int) -> str:
    """Name the folder of a phase, ``phase1_segmentation``."""
    return f'phase{index}_{"_".join(phase_tasks(cfg.phases[index - 1]))}'


def phase_backbones(cfg: Config) -> list[dict]:
    """Give the config of each phase's backbone: its own, or else that of the phase before.

    What a phase's ``backbone`` does not name is as in the phase before, unless it is of another type. A checkpoint to
    start from fits one architecture, so another one does not inherit it.
    """
    backbone, backbones = cfg.model.backbone.to_dict(), []
    for entry in cfg.to_dict()['phases']:
        change = entry.get('backbone') or {}
        kind = backbone.get('type')
        is_whole = change.pop('_delete_', False) or change.get('type', kind) != kind
        changed = change if is_whole else {**backbone, **change}
        inherits = 'init_cfg' not in change and 'checkpoint' in (changed.get('init_cfg') or {})
        if inherits and not is_same_backbone(changed, backbone):
            changed['init_cfg'] = None
        backbones.append(changed)
        backbone = changed
    return backbones


def phase_adapted_heads(cfg: Config, index: int) -> dict[str, dict]:
    """Give the configs of a phase's adapted heads by name, see :func:`lhl.engine.plan.adapted_heads.adapted_heads`."""
    backbones = phase_backbones(cfg)
    is_change = [i > 0 and not is_same_backbone(backbones[i], backbones[i - 1]) for i in range(len(backbones))]
    return adapted_heads(cfg, index, backbones, is_change, [heads_of(cfg, phase_tasks(entry)) for entry in cfg.phases])


def is_same_backbone(one: Mapping, other: Mapping) -> bool:
    """Say whether two configs are of the same backbone, wherever its first weights come from."""
    return _without_weights(one) == _without_weights(other)


def _without_weights(backbone: Mapping) -> str:
    options = {key: value for key, value in backbone.items() if key != 'init_cfg'}
    return json.dumps(options, sort_keys=True, default=str)  # a stored config has lists for tuples


def describe_backbone(backbone: Mapping) -> str:
    """Write a backbone's config in one line, ``ResNet(depth=18, ...)``, without its first weights."""
    options = [f'{key}={_with_tuples(value)!r}' for key, value in backbone.items() if key not in ('type', 'init_cfg')]
    return f'{backbone["type"]}({", ".join(options)})'


def _with_tuples(value: Any) -> Any:
    """Write lists as tuples: a stored config has lists for them."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(entry) for key, entry in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, (list, tuple)) else value


def phase_config(cfg: Config, index: int) -> Config:
    """Derive the config of one phase.

    Args:
        cfg: The stream's config, with ``work_dir`` set.
        index: The phase, from 1.

    Returns:
        A config for :class:`lhl.engine.PhaseRunner`, with a work_dir of its own. ``cfg`` is left as it is.
    """
    entries = cfg.to_dict()['phases']
    entry, new_tasks = entries[index - 1], phase_tasks(entries[index - 1])
    phase = copy.deepcopy(cfg)
    phase.merge_from_dict({key: value for key, value in entry.items() if key in CONFIG_OVERRIDES})
    alone = METHODS.build(phase.method.to_dict()).requires.separate_models
    old_tasks = [] if alone else [name for earlier in entries[:index - 1] for name in phase_tasks(earlier)]
    tasks = {name: cfg.tasks[name].to_dict() for name in old_tasks + new_tasks}
    continues = index > 1 and not alone
    backbones = phase_backbones(cfg)
    is_new_learner = continues and not is_same_backbone(backbones[index - 1], backbones[index - 2])

    phase.work_dir = str(Path(cfg.work_dir, phase_folder(cfg, index)))
    phase.experiment_name = phase_folder(cfg, index)
    phase.phase = dict(
        index=index,
        new_tasks=new_tasks,
        loss_weight=entry.get('loss_weight', 1.0),
        previous_checkpoint=str(phase_checkpoint(cfg, index - 1)) if continues else None)

    if is_new_learner:  # named where it is so only, as are the channels below: other configs keep their hashes
        phase.phase.is_new_learner = True

    trained_by = entries[index - 2].get('trained_by') if index > 1 else None
    if trained_by is not None and trained_by != method_name(phase.method):
        phase.phase.leaves_state = True  # what another method has gathered is not this one's

    phase.model.tasks = tasks
    phase.model.backbone = backbones[index - 1]
    if 'heads' in phase.model:
        used = heads_of(cfg, tasks)
        phase.model.heads = {name: head for name, head in phase.model.heads.to_dict().items() if name in used}
    if not is_same_backbone(phase.model.backbone, cfg.model.backbone):
        for head in (phase.model.head, *phase.model.get('heads', {}).values()):
            if 'in_channels' in head:
                head.in_channels = None  # the learner counts them
    if continues and (adapted := phase_adapted_heads(cfg, index)):
        phase.model.heads = {**phase.model.get('heads', {}), **adapted}
        if is_new_learner:  # where the weights of each are in the checkpoint of the phase before, without its adapter
            before = phase_adapted_heads(cfg, index - 1)
            phase.phase.adapted_heads = {name: f'heads.{name}.{"head." * (name in before)}' for name in adapted}
    if continues and not is_new_learner:
        phase.model.backbone.init_cfg = None  # the weights come from the phase before
        phase.model.backbone_norm = cfg.get('batch_norm', 'train')
    _fill_in_data(phase, cfg, index, new_tasks, tasks)
    phase.optim_wrapper.constructor = 'PhaseOptimWrapperConstructor'
    phase.optim_wrapper.paramwise_cfg = dict(new_tasks=new_tasks, lr_factors=entry.get('lr_factors') or {})
    # Without a wish for more, evaluate only after the phase, once its method has finished.
    if 'val_interval' not in phase.train_cfg:
        phase.train_cfg.val_begin = 10**9
    phase.custom_hooks = [dict(type='ContinualPhaseHook'), *(phase.get('custom_hooks') or [])]
    return phase


def scored_tasks(cfg: Config, names: Iterable[str]) -> list[tuple[dict, list[str]]]:
    """Say on which data tasks are scored: each on that of the phase that learns it.

    Args:
        cfg: The stream's config.
        names: The tasks to score, in the stream's order.

    Returns:
        The config of each validation loader that is needed, in the order of the phases, and the tasks to score on it.
        A phase whose ``val_dataloader`` is ``None`` has no data to score its tasks on: they are in no list.
    """
    groups = []
    for entry in cfg.to_dict()['phases']:
        loader = phase_val_dataloader(cfg, entry)
        own = [name for name in phase_tasks(entry) if name in names]
        if loader is None or not own:
            continue
        same = next((tasks for other, tasks in groups if other == loader), None)
        if same is None:
            groups.append((loader, own))
        else:
            same.extend(own)
    return groups


def phase_val_dataloader(cfg: Config, entry: Mapping) -> dict | None:
    """Give the config of the data that a phase's tasks are scored on: the stream's, merged with the phase's own."""
    if 'val_dataloader' not in entry:
        return cfg.val_dataloader.to_dict()
    if entry['val_dataloader'] is None:
        return None
    merged = Config(dict(val_dataloader=cfg.val_dataloader.to_dict()))
    merged.merge_from_dict(dict(val_dataloader=dict(entry['val_dataloader'])))
    return merged.val_dataloader.to_dict()


def _heads_of_same_data(cfg: Config, index: int) -> list[str]:
    """Name the heads that learn from the images of a phase, among which the images are divided.

    Not the tasks: those of one head divide the images of their part by class. A phase that another run has trained
    takes none of the images.
    """
    entries = cfg.to_dict()['phases']
    data = [('trained_by' in entry, _training_data(cfg, entry)) for entry in entries]
    return heads_of(cfg, [name for entry, own in zip(entries, data, strict=True) if own == data[index - 1]
                          for name in phase_tasks(entry)])


def _training_data(cfg: Config, entry: Mapping) -> dict:
    """Say which images a phase could take, however it augments them."""
    merged = Config(dict(train_dataloader=cfg.train_dataloader.to_dict()))
    merged.merge_from_dict(dict(train_dataloader=dict(entry.get('train_dataloader') or {})))
    return {key: value for key, value in merged.train_dataloader.dataset.to_dict().items()
            if key not in ('pipeline', 'part', 'labels', 'seed')}


def _fill_in_data(phase: Config, cfg: Config, index: int, new_tasks: list[str], tasks: dict) -> None:
    """Give training its tasks and its part of the images, one part per head, and validation all tasks seen."""
    stream = _heads_of_same_data(cfg, index)
    train = phase.train_dataloader.dataset
    train.tasks = {name: tasks[name] for name in new_tasks}
    train.seed = phase.randomness.seed
    parts = [stream.index(name) for name in heads_of(cfg, new_tasks)]
    train.setdefault('part', dict(index=parts[0] if len(parts) == 1 else parts, count=len(stream)))
    _complete_loader(phase.train_dataloader)
    scored = [_scoring(loader, {name: tasks[name] for name in names}) for loader, names in scored_tasks(cfg, tasks)]
    first, *others = scored or [dict(dataloader=None, evaluator=None)]
    phase.val_dataloader, phase.val_evaluator = first['dataloader'], first['evaluator']
    phase.val_cfg = dict(type='MultiDatasetValLoop', others=others) if others else dict() if scored else None


def _scoring(loader: dict, tasks: dict) -> dict:
    """Give a validation loader the tasks that are scored on its data, and the metrics that score them."""
    loader = copy.deepcopy(loader)
    loader['dataset']['tasks'] = tasks
    _complete_loader(loader)
    return dict(dataloader=loader, evaluator=[metric for metrics in metric_configs(tasks).values()
                                              for metric in metrics])


def _complete_loader(loader: dict) -> None:
    """Fill in what every loader has."""
    loader.setdefault('collate_fn', dict(type='lhl.collate_samples'))
    if not loader.get('num_workers'):  # torch refuses these options without workers
        loader['persistent_workers'] = False
        loader.pop('prefetch_factor', None)


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
    values['num_processes'] = num_processes
    return _hash(_without_workers(values))


def training_hash(cfg: Config, index: int) -> str:
    """Identify the training of a phase and of those before it, the method's end of the phases included.

    Args:
        cfg: The stream's config.
        index: The phase, from 1.

    Returns:
        A hash of everything that decides which weights and which state of the method the phase ends with.
    """
    return _hash([_training(cfg, earlier) for earlier in range(1, index + 1)])


def first_phase_hash(cfg: Config) -> str | None:
    """Identify the training of a run's first phase, which runs of other methods may share.

    Args:
        cfg: The stream's config.

    Returns:
        A hash of everything but the method that decides which weights the first phase ends with; None where the
        method trains the first phase in a way of its own.
    """
    requires = METHODS.build(cfg.method.to_dict()).requires
    if requires.own_first_phase or requires.single_phase or requires.separate_models:
        return None
    return _hash({key: value for key, value in _training(cfg, 1).items() if key != 'method'})


def _training(cfg: Config, index: int) -> dict:
    """What of a phase's config decides how it is trained."""
    cfg = copy.deepcopy(in_order(cfg))
    cfg.work_dir = ''
    phase = phase_config(cfg, index).to_dict()
    phase['val_cfg'] = {}  # like the data: it trains nothing
    left_out = (*NOT_HASHED, 'phases', 'tasks', 'batch_norm', 'stored_images', 'experiment_name', 'val_dataloader',
                'val_evaluator')
    return _without_workers({key: value for key, value in phase.items() if key not in left_out})


def _without_workers(values: dict) -> dict:
    """Leave out what only changes how fast data is loaded."""
    return {name: {key: value for key, value in part.items() if key not in NOT_HASHED_IN_DATALOADERS}
            if name in ('train_dataloader', 'val_dataloader') else part for name, part in values.items()}


def _hash(values: dict | list) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
