"""Checks a config that came with a run or a checkpoint: it may name registered components, and nothing else to build.

mmengine builds whatever a config names: any dotted name is imported and called. A user's own config is code and may do
that; what is inside a file that somebody sent may not.
"""
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.registry import Registry

from .config_files import trusted_imports
from .errors import CheckpointError
from .registry import (
    DATA_SAMPLERS,
    DATASETS,
    FUNCTIONS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METHODS,
    METRICS,
    MODEL_WRAPPERS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    RUNNERS,
    TASKS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    WEIGHT_INITIALIZERS,
)
from .trust import trusts

#: What a section, or an option of a component, names.
_REGISTRIES: dict[str, Registry] = {
    'model': MODELS, 'backbone': MODELS, 'head': MODELS, 'heads': MODELS, 'data_preprocessor': MODELS,
    'init_cfg': WEIGHT_INITIALIZERS, 'tasks': TASKS, 'metrics': METRICS, 'val_evaluator': METRICS,
    'method': METHODS, 'methods': METHODS, 'distance': METHODS, 'train_dataloader': DATASETS,
    'val_dataloader': DATASETS, 'dataset': DATASETS, 'datasets': DATASETS, 'pipeline': TRANSFORMS,
    'transforms': TRANSFORMS, 'sampler': DATA_SAMPLERS, 'batch_sampler': DATA_SAMPLERS, 'collate_fn': FUNCTIONS,
    'worker_init_fn': FUNCTIONS, 'optim_wrapper': OPTIM_WRAPPERS, 'optimizer': OPTIMIZERS,
    'constructor': OPTIM_WRAPPER_CONSTRUCTORS,
    'param_scheduler': PARAM_SCHEDULERS, 'train_cfg': LOOPS, 'val_cfg': LOOPS, 'default_hooks': HOOKS,
    'custom_hooks': HOOKS, 'visualizer': VISUALIZERS, 'vis_backends': VISBACKENDS, 'log_processor': LOG_PROCESSORS,
    'model_wrapper_cfg': MODEL_WRAPPERS, 'runner_type': RUNNERS,
}
#: Their keys are names that the user chose.
_NAMED = ('tasks', 'heads', 'default_hooks')
#: What a component within one of these is, where its place says nothing else: a loss, a layer.
_WITHIN: dict[int, Registry] = {id(registry): MODELS for registry in (TASKS, METHODS)}
#: Of these, only what is registered as lhl's: some components of mmsegmentation delete folders or unpickle files.
_OWN_ONLY = (TASKS, METHODS, METRICS, DATASETS, TRANSFORMS)
_SCOPES = ('lhl', 'mmseg', 'mmengine')
_TASK_NAME = re.compile(r'\w[\w .()+-]*')


def check_stored_config(config: Mapping, source: Any) -> None:
    """Refuse a config from a file that names anything but registered components, each of the kind its place expects.

    What the user trusts is accepted, see :mod:`lhl.trust`.

    Args:
        config: Of a stream.
        source: Where it comes from, for messages.

    Raises:
        CheckpointError: If it names something else, or a task whose name cannot be that of a folder.
        ConfigError: If it imports modules that are neither trusted nor imported already.
    """
    model, tasks, phases = config.get('model', {}), config.get('tasks', {}), config.get('phases', [])
    if not (isinstance(model, Mapping) and isinstance(tasks, Mapping) and isinstance(phases, (list, tuple))
            and all(isinstance(part, Mapping) for part in (*tasks.values(), *phases))):
        raise CheckpointError(f'{source} holds no config of a stream; use another file')
    if config.get('custom_imports'):
        trusted_imports(config['custom_imports'], source)
    for name in _task_names(config):
        if not isinstance(name, str) or not _TASK_NAME.fullmatch(name):
            raise CheckpointError(f'{source} names the task {name!r}, which cannot be part of the name of a folder; '
                                  f'use another file')
    try:
        json.dumps([tasks, model.get('tasks')], ensure_ascii=False, default=str).encode()
    except (UnicodeEncodeError, RecursionError):
        raise CheckpointError(f'{source} holds names of classes that no text can hold; use another file') from None
    for where, name, registry in () if trusts() else _names(config, '', None):
        found, is_scope = f'{source} names {where}={name!r}', where.rpartition('.')[2] in ('_scope_', 'default_scope')
        if isinstance(name, str) and not _is_plain(name) and trusts(name):
            continue
        if not isinstance(name, str) or not _is_plain(name) or (is_scope and name not in _SCOPES):
            raise CheckpointError(f'{found}, expected the name of a registered component: from a file, nothing else is '
                                  f'imported or called; give `trust_config=True` if you trust the file as you would '
                                  f'trust code')
        if where.rpartition('.')[2] == 'type' and not _is_registered(name, registry):
            kind = 'component' if registry is None else registry.name
            raise CheckpointError(f'{found}, which is no registered {kind}; import the module that defines it, or give '
                                  f'`trust_config=True` if you trust the file as you would trust code')


def has_phase(config: Mapping, index: Any) -> bool:
    """Say whether a config that was checked has a phase of this number, from 1."""
    return isinstance(index, int) and 1 <= index <= len(config.get('phases', []))


def component_names(config: Mapping) -> set[str]:
    """List the dotted names of components in a config: those of a user's own are trusted where they are found again."""
    return {name for _, name, _ in _names(config, '', None) if isinstance(name, str) and not _is_plain(name)}


def _task_names(config: Mapping) -> Iterator[Any]:
    model = config.get('model')
    for tasks in (config.get('tasks'), model.get('tasks') if isinstance(model, Mapping) else None):
        if isinstance(tasks, Mapping):
            yield from tasks
    for phase in config.get('phases') or []:
        if isinstance(phase, Mapping):
            named = phase.get('tasks') or [phase.get('task', 'none')]
            yield from named if isinstance(named, (list, tuple)) else [named]


def _names(value: Any, where: str, registry: Registry | None) -> Iterator[tuple[str, Any, Registry | None]]:
    """Find every name that something is looked up by: its place, the name, and where it should be registered."""
    if isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _names(item, f'{where}[{number}]', registry)
    if not isinstance(value, Mapping):
        return
    within = _WITHIN.get(id(registry), registry)
    is_named = where.rpartition('.')[2] in _NAMED and 'type' not in value
    for key, item in value.items():
        place = f'{where}.{key}' if where else str(key)
        if is_named:
            yield from _names(item, place, registry)
        elif key in ('type', '_scope_', 'default_scope') or (str(key).endswith('_type') and isinstance(item, str)):
            yield place, item, registry
        else:
            yield from _names(item, place, _REGISTRIES.get(key, within))


def _is_plain(name: str) -> bool:
    """Whether a name is a plain one, or one in the scope of a package that lhl is built on."""
    scope, dot, rest = name.partition('.')
    return '.' not in name if not dot or scope not in _SCOPES else '.' not in rest


def _is_registered(name: str, registry: Registry | None) -> bool:
    """Look a name up without importing it; where no kind is expected, in all registries."""
    if registry is None:
        return any(_is_registered(name, one) for one in {id(one): one for one in _REGISTRIES.values()}.values())
    scope, _, rest = name.rpartition('.')
    registry.import_from_location()
    if registry in _OWN_ONLY:
        return scope in ('', 'lhl') and rest in registry.module_dict
    searched: Registry | None = registry
    while searched is not None:
        if scope in ('', searched.scope):
            searched.import_from_location()
            if rest in searched.module_dict:
                return True
        searched = searched.parent
    return False
