"""Refuses a config that cannot run, before anything is built or written, in one sentence that names the cure."""
import inspect
from collections.abc import Mapping
from difflib import get_close_matches

from mmengine.config import Config
from mmengine.registry import Registry

from lhl.errors import ConfigError, suggest
from lhl.registry import DATASETS, METHODS, MODELS, TASKS, TRANSFORMS

from .optim_wrapper import LR_GROUPS
from .phase_config import PHASE_OPTIONS

REQUIRED = ('model', 'tasks', 'phases', 'method', 'train_dataloader', 'val_dataloader', 'optim_wrapper', 'train_cfg')
OPTIONAL = ('param_scheduler', 'randomness', 'work_dir', 'launcher', 'log_level', 'log_processor', 'visualizer',
            'vis_backends', 'env_cfg', 'default_hooks', 'custom_hooks', 'default_scope', 'auto_scale_lr', 'sync_bn',
            'compile', 'resume')
#: Filled in by the engine, so never in a user's config.
GIVEN_BY_ENGINE = {'dataset': ('tasks', 'seed'), 'task': ('name', ), 'model': ('tasks', ),
                   'head': ('out_channels', )}


def check_config(cfg: Config) -> None:
    """Check the names and options of a stream's config.

    Raises:
        ConfigError: For an unknown or missing key, component, task or option, with the closest known names.
    """
    # A config may hold variables of its own, so only what looks like a section is taken for a misspelt one.
    for key in cfg.to_dict():
        if key not in REQUIRED + OPTIONAL and get_close_matches(key, REQUIRED + OPTIONAL, n=1, cutoff=0.8):
            raise ConfigError(f'the config has an unknown section {key!r}; {suggest(key, REQUIRED + OPTIONAL)}')
    for key in REQUIRED:
        if key not in cfg:
            raise ConfigError(f'the config has no {key!r}; inherit a file of configs/_base_ that defines it')
    if not isinstance(cfg.get('randomness', {}).get('seed'), int):
        raise ConfigError(f"randomness.seed is {cfg.get('randomness', {}).get('seed')!r}, expected an integer; give "
                          f'one, because runs are compared and resumed by it')
    for name, task in cfg.tasks.items():
        _check_component(TASKS, task, f'tasks.{name}', 'task')
    _check_phases(cfg)
    _check_component(METHODS, cfg.method, 'method')
    _check_component(MODELS, cfg.model, 'model', 'model')
    _check_component(MODELS, cfg.model.backbone, 'model.backbone')
    _check_component(MODELS, cfg.model.head, 'model.head', 'head')
    for loader in ('train_dataloader', 'val_dataloader'):
        dataset = cfg[loader].dataset
        _check_component(DATASETS, dataset, f'{loader}.dataset', 'dataset')
        for i, transform in enumerate(dataset.get('pipeline', [])):
            _check_component(TRANSFORMS, transform, f'{loader}.dataset.pipeline[{i}]')


def _check_phases(cfg: Config) -> None:
    seen = []
    for i, phase in enumerate(cfg.phases, 1):
        if 'task' not in phase:
            raise ConfigError(f'phase {i} names no task; give phases=[dict(task=NAME), ...]')
        if phase['task'] not in cfg.tasks:
            raise ConfigError(f"phase {i} names the unknown task {phase['task']!r}; "
                              f"{suggest(phase['task'], cfg.tasks)}")
        if phase['task'] in seen:
            raise ConfigError(f"phase {i} names the task {phase['task']!r} a second time; each task is learned once")
        seen.append(phase['task'])
        for key in phase:
            if key != 'task' and key not in PHASE_OPTIONS:
                raise ConfigError(f'phase {i} has the unknown option {key!r}; {suggest(key, PHASE_OPTIONS)}')
        for group in phase.get('lr_factors') or {}:
            if group not in LR_GROUPS:
                raise ConfigError(f'phase {i} has a learning-rate factor for {group!r}; {suggest(group, LR_GROUPS)}')
        if 'method' in phase:
            _check_component(METHODS, {**cfg.method, **phase['method']}, f'phases[{i - 1}].method')
    if not seen:
        raise ConfigError('phases is empty; name at least one task')


def _check_component(registry: Registry, config: Mapping, where: str, kind: str | None = None) -> None:
    """Check that a component exists and takes the options it is given."""
    if not isinstance(config, Mapping) or 'type' not in config:
        raise ConfigError(f'{where} is {config!r}, expected dict(type=NAME, ...)')
    component = config['type']
    if isinstance(component, str):
        name, component = component, _find(registry, component)
        if component is None:
            raise ConfigError(f'{where} names the unknown {registry.name} {name!r}; {suggest(name, _known(registry))}')
    parameters = inspect.signature(component).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return
    given = set(GIVEN_BY_ENGINE.get(kind, ()))
    options = {p.name for p in parameters} - given
    for key in config:
        if key not in options and key not in {'type', '_scope_'}:
            raise ConfigError(f'{where}: {component.__name__} has no option {key!r}; {suggest(key, options)}')
    missing = [p.name for p in parameters
               if p.default is inspect.Parameter.empty and p.name not in config and p.name not in given]
    if missing:
        raise ConfigError(f'{where}: {component.__name__} needs the option {missing[0]!r}; give it in the config')


def _find(registry: Registry, name: str) -> type | None:
    try:
        return registry.get(name)
    except RuntimeError:  # mmengine's answer to a name that is no importable object either
        return None


def _known(registry: Registry) -> list[str]:
    names = set()
    while registry is not None:
        names.update(registry.module_dict)
        registry = registry.parent
    return sorted(names)
