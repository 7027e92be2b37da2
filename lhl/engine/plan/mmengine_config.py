"""From a stream to the ordinary mmengine config of one of its phases: a pure function."""
import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from lhl.models.pretraining import without_pretraining
from lhl.registry import METRICS
from lhl.tasks import Task

from .backbones import is_same_backbone
from .entries import OVERRIDES
from .stream import PhaseSpec, Stream


def runner_config(stream: Stream, index: int) -> Config:
    """Derive the config of one phase.

    Args:
        stream: The stream.
        index: The phase, from 1.

    Returns:
        A config for :class:`lhl.engine.PhaseRunner`, with a work_dir of its own, which may be changed.
    """
    spec = stream.phases[index - 1]
    cfg = copy.deepcopy(stream.cfg)
    for section in OVERRIDES:
        if section in cfg or getattr(spec, section):
            cfg[section] = copy.deepcopy(getattr(spec, section))
    cfg.work_dir = str(Path(stream.work_dir, spec.folder))
    cfg.experiment_name = spec.folder
    cfg.phase = _phase(stream, spec)
    configs = stream.task_configs
    _fill_in_model(cfg, spec, {name: configs[name] for name in spec.tasks})
    _fill_in_data(cfg, stream, spec, configs)
    cfg.optim_wrapper.constructor = 'PhaseOptimWrapperConstructor'
    cfg.optim_wrapper.paramwise_cfg = dict(new_tasks=list(spec.new_tasks), lr_factors=dict(spec.lr_factors))
    # Without a wish for more, evaluate only after the phase, once its method has finished.
    if 'val_interval' not in cfg.train_cfg:
        cfg.train_cfg.val_begin = 10**9
    own_hooks: list[dict] = [dict(type='ContinualPhaseHook')]
    if spec.early_stopping:
        task, _, metric = spec.early_stopping['metric'].partition('/')
        own_hooks.append(dict(spec.early_stopping, type='PhaseStoppingHook',
                              higher_is_better=metric_directions(stream.tasks[task], configs[task])[metric]))
    cfg.custom_hooks = [*own_hooks, *(cfg.get('custom_hooks') or [])]
    return cfg


def phase_model(stream: Stream, spec: PhaseSpec) -> dict:
    """Give the config of the learner of a phase."""
    cfg, configs = copy.deepcopy(stream.cfg), stream.task_configs
    _fill_in_model(cfg, spec, {name: configs[name] for name in spec.tasks})
    return cfg.model.to_dict()


def _phase(stream: Stream, spec: PhaseSpec) -> dict:
    """Describe the phase to its runner. What is the exception is named only where it holds: hashes depend on it."""
    phase: dict[str, Any] = dict(
        index=spec.index, new_tasks=list(spec.new_tasks), loss_weight=spec.loss_weight,
        previous_checkpoint=str(stream.checkpoint(spec.index - 1)) if spec.continues else None)
    if spec.is_new_learner:
        phase['is_new_learner'] = True
    if spec.index > 1 and stream.phases[spec.index - 2].trained_by not in (None, spec.taught_by):
        phase['leaves_state'] = True  # what another method has gathered is not this one's
    prefixes = {name: head.prefix for name, head in spec.heads.items() if head.origin == 'adapted'}
    if prefixes:
        phase['adapted_heads'] = prefixes
    return phase


def _fill_in_model(cfg: Config, spec: PhaseSpec, tasks: Mapping[str, dict]) -> None:
    """Give the learner its tasks, backbone and heads; what is known already is not fetched again."""
    model = cfg.model
    is_changed = not is_same_backbone(spec.backbone, model.backbone.to_dict())
    model.tasks = tasks
    model.backbone = copy.deepcopy(spec.backbone)
    if is_changed and 'in_channels' in model.head:
        model.head.in_channels = None  # the learner counts them
    own = {name: head.config for name, head in spec.heads.items()
           if head.has_adapter or name in (model.get('heads') or {})}
    if 'heads' in model or own:
        model.heads = copy.deepcopy(own)
    if spec.continues and not spec.is_new_learner:
        model.backbone = without_pretraining(spec.backbone)  # the weights come from the phase before
        model.backbone_norm = cfg.get('batch_norm', 'train')


def _fill_in_data(cfg: Config, stream: Stream, spec: PhaseSpec, tasks: Mapping[str, dict]) -> None:
    """Give training its tasks and its part of the images, and validation all tasks seen, each on its own data."""
    train = cfg.train_dataloader.dataset
    train.tasks = {name: tasks[name] for name in spec.new_tasks}
    train.seed = cfg.randomness.seed
    train.part = copy.deepcopy(spec.part)
    complete_loader(cfg.train_dataloader)
    scored = [_scoring(loader, {name: stream.tasks[name] for name in names}, tasks)
              for loader, names in stream.scored_tasks(spec.tasks)]
    first, *others = scored or [dict(dataloader=None, evaluator=None)]
    cfg.val_dataloader, cfg.val_evaluator = first['dataloader'], first['evaluator']
    cfg.val_cfg = dict(type='MultiDatasetValLoop', others=others) if others else dict() if scored else None


def _scoring(loader: Mapping, tasks: Mapping[str, Task], configs: Mapping[str, dict]) -> dict:
    """Give a validation loader the tasks that are scored on its data, and the metrics that score them."""
    filled = copy.deepcopy(dict(loader))
    filled['dataset']['tasks'] = {name: configs[name] for name in tasks}
    complete_loader(filled)
    return dict(dataloader=filled, evaluator=[metric for name, task in tasks.items()
                                              for metric in metric_configs(task, configs[name])])


def complete_loader(loader: dict) -> None:
    """Fill in what every loader has."""
    loader.setdefault('collate_fn', dict(type='lhl.collate_samples'))
    if not loader.get('num_workers'):  # torch refuses these options without workers
        loader['persistent_workers'] = False
        loader.pop('prefetch_factor', None)


def metric_configs(task: Task, config: Mapping) -> list[dict]:
    """Give the configs of the metrics of a task.

    Args:
        task: The task.
        config: Its config, which a :class:`~lhl.evaluation.metrics.LossMetric` gets: it computes the loss of any kind.
    """
    kind = {key: value for key, value in config.items() if key != 'metrics'}
    return [dict(metric, kind=kind) if metric['type'] == 'LossMetric' else metric for metric in task.metrics()]


def metric_directions(task: Task, config: Mapping) -> dict[str, bool]:
    """Say which metrics a task has, and whether higher is better; arguments as for :func:`metric_configs`."""
    metrics = [METRICS.build(config) for config in metric_configs(task, config)]
    return {key: better for metric in metrics for key, better in metric.higher_is_better.items()}
