"""Names all that is wrong with the sections, components and options of a config, each with its place and the cure."""
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, LogProcessor
from torch.utils.data import DataLoader

from lhl.component_check import component_problems, option_problems
from lhl.errors import Problems, suggest
from lhl.methods import TeacherOptions
from lhl.options import value_problems
from lhl.progress import missing_packages
from lhl.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METHODS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TASKS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
)

from .entries import LR_GROUPS, OVERRIDES
from .sections import REQUIRED, SECTIONS, dist_problems
from .stream import PhaseSpec

#: The hooks that mmengine knows by a name of their own in ``default_hooks``.
_DEFAULT_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')

#: As PyTorch initialises convolutions: what an ``init_cfg`` of a head may be, as it changes nothing.
_OF_PYTORCH = dict(type='Kaiming', layer=None, a=5**0.5, distribution='uniform', mode='fan_in',
                   nonlinearity='leaky_relu')


def check_built(cfg: Config, phases: Sequence[PhaseSpec], problems: Problems) -> None:
    """Check that the tasks and methods of a config exist, and their options; arguments as for :func:`check_names`."""
    for name, task in (cfg.get('tasks') or {}).items():
        problems.add(*component_problems(TASKS, task, f'tasks.{name}', 'task'), at=f'tasks.{name}')
    _check_sections(cfg, phases, problems, dict(method=_method_problems))


def check_names(cfg: Config, phases: Sequence[PhaseSpec], problems: Problems) -> None:
    """Check that the sections, components and options of a config exist, but for those that :func:`check_built` checks.

    Args:
        cfg: The stream's config.
        phases: Its phases; only what they merge is looked at.
        problems: Gets what is wrong, each at the section that it is found in.
    """
    problems.add(*_section_problems(cfg, problems))
    problems.add(*_seed_problems(cfg))
    problems.add(*dist_problems(cfg))
    if 'model' in cfg:
        problems.add(*_model_problems(cfg.model), at='model')
    _check_teacher(cfg.get('teacher', {}), problems)
    problems.add(*_surrounding_problems(cfg.to_dict()), at='surroundings')
    _check_sections(cfg, phases, problems, _SECTIONS)
    before = cfg.to_dict().get('model', {}).get('backbone')
    for phase in phases:
        where = f'phases[{phase.index - 1}]'
        for group in phase.lr_factors:
            if group not in LR_GROUPS:
                problems.add(f'phase {phase.index} has a learning-rate factor for {group!r}; '
                             f'{suggest(group, LR_GROUPS)}')
        if phase.backbone and phase.backbone != before:
            problems.add(*component_problems(MODELS, phase.backbone, f'{where}.backbone', 'backbone'),
                         at=f'{where}.backbone')
        before = phase.backbone


def dataloader_problems(loader: Mapping | None, where: str) -> Iterator[str]:
    """Say what is wrong with the config of a data loader, its data set and its transforms.

    Args:
        loader: The config.
        where: Its place in the stream's config, for the sentences.
    """
    if not isinstance(loader, Mapping) or 'dataset' not in loader:
        yield f'{where} has no dataset; inherit a file of configs/_base_/datasets'
        return
    yield from option_problems(DataLoader, loader, where, 'dataloader')
    if 'sampler' in loader:
        yield from component_problems(DATA_SAMPLERS, loader['sampler'], f'{where}.sampler', 'sampler')
    yield from component_problems(DATASETS, loader['dataset'], f'{where}.dataset', 'dataset')
    for option in ('batch_size', 'sampler'):
        if option not in loader:
            yield f'{where} needs the option {option!r}; give it in the config'
    pipeline = loader['dataset'].get('pipeline') if isinstance(loader['dataset'], Mapping) else None
    for i, transform in enumerate(pipeline if isinstance(pipeline, list | tuple) else []):
        yield from component_problems(TRANSFORMS, transform, f'{where}.dataset.pipeline[{i}]')


def _section_problems(cfg: Config, problems: Problems) -> Iterator[str]:
    """Look for sections that are misspelt or missing."""
    # A config may hold variables of its own, so only what looks like a section is taken for a misspelt one.
    meant = set()
    for key in cfg.to_dict():
        if not key:
            yield f'the config has a section without a name; {suggest(key, SECTIONS)}'
        close = get_close_matches(key, SECTIONS, n=1, cutoff=0.8)
        if key not in SECTIONS and close:
            meant.update(close)
            yield f'the config has an unknown section {key!r}; {suggest(key, SECTIONS)}'
    for key in REQUIRED:
        if key not in cfg and key not in meant and problems.sound(key):
            yield f'the config has no {key!r}; inherit a file of configs/_base_ that defines it'


def _check_teacher(options: Any, problems: Problems) -> None:
    if not isinstance(options, Mapping):
        problems.add(f"teacher is {options!r}, expected options such as dict(cache='off')")
    elif problems.add(*option_problems(TeacherOptions, options, 'teacher')):
        with problems.collected():
            TeacherOptions(**options)


def _seed_problems(cfg: Config) -> Iterator[str]:
    seed = cfg.get('randomness', {}).get('seed')
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        yield (f'randomness.seed is {seed!r}, expected an integer from 0 to 2**32 - 1; give one, because runs are '
               f'compared and resumed by it')


def _model_problems(model: Any) -> Iterator[str]:
    yield from component_problems(MODELS, model, 'model', 'model')
    if not isinstance(model, Mapping):
        return
    if 'backbone' in model:
        yield from component_problems(MODELS, model['backbone'], 'model.backbone', 'backbone')
    if 'head' in model:
        yield from _head_problems(model['head'], 'model.head')
    heads = model.get('heads')
    for name, head in heads.items() if isinstance(heads, Mapping) else ():
        yield from _head_problems(head, f'model.heads.{name}')


def _head_problems(head: Any, where: str) -> Iterator[str]:
    found = list(component_problems(MODELS, head, where, 'head'))
    yield from found
    init_cfg = head.get('init_cfg') if isinstance(head, Mapping) else None
    if not found and init_cfg is not None and {**init_cfg, 'layer': None} != _OF_PYTORCH:
        yield (f'{where}.init_cfg asks for {init_cfg.get("type")}, but heads begin as PyTorch initialises them; remove '
               f'it, or load the weights of a whole run with `lhl extend`')


def _method_problems(method: Any, where: str) -> Iterator[str]:
    yield from component_problems(METHODS, method, where)


def _optimizer_problems(wrapper: Any, where: str) -> Iterator[str]:
    yield from component_problems(OPTIM_WRAPPERS, wrapper, where, 'wrapper')
    if isinstance(wrapper, Mapping):
        yield from component_problems(OPTIMIZERS, wrapper.get('optimizer'), f'{where}.optimizer', 'optimizer')
        if isinstance(wrapper.get('optimizer'), Mapping) and 'lr' not in wrapper['optimizer']:
            yield f"{where}.optimizer needs the option 'lr'; give it in the config"


def _loop_problems(loop: Any, where: str) -> Iterator[str]:
    if isinstance(loop, Mapping) and 'type' not in loop:
        kind = EpochBasedTrainLoop if loop.get('by_epoch', True) else IterBasedTrainLoop
        yield from option_problems(kind, loop, where, 'loop')
    else:
        yield from component_problems(LOOPS, loop, where, 'loop')


def _schedule_problems(schedulers: Any, where: str) -> Iterator[str]:
    if isinstance(schedulers, Mapping):
        yield from component_problems(PARAM_SCHEDULERS, schedulers, where, 'scheduler')
    for i, scheduler in enumerate([] if isinstance(schedulers, Mapping) else schedulers or []):
        yield from component_problems(PARAM_SCHEDULERS, scheduler, f'{where}[{i}]', 'scheduler')


def _surrounding_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Look at what surrounds the training: hooks, logging, pictures."""
    for i, hook in enumerate(plain.get('custom_hooks') or []):
        yield from component_problems(HOOKS, hook, f'custom_hooks[{i}]', 'hook')
    for name, hook in (plain.get('default_hooks') or {}).items():
        close = get_close_matches(name, _DEFAULT_HOOKS, n=1, cutoff=0.8)
        if name not in _DEFAULT_HOOKS and close:
            yield f'default_hooks names the unknown hook {name!r}; {suggest(name, _DEFAULT_HOOKS)}'
        elif hook is not None:
            yield from component_problems(HOOKS, hook, f'default_hooks.{name}', 'hook')
    backend = (plain.get('env_cfg') or {}).get('dist_cfg', {}).get('backend', 'nccl')
    yield from value_problems(Literal['nccl', 'gloo', 'mpi', 'ucc', 'hccl', 'cncl', 'mccl'], backend,
                              'env_cfg.dist_cfg.backend')
    processor = plain.get('log_processor') or {}
    if 'type' in processor:
        yield from component_problems(LOG_PROCESSORS, processor, 'log_processor', 'log_processor')
    else:
        yield from option_problems(LogProcessor, processor, 'log_processor', 'log_processor')
    if plain.get('visualizer'):
        yield from component_problems(VISUALIZERS, plain['visualizer'], 'visualizer')
        yield from missing_packages(plain['visualizer'])
    for i, backend in enumerate(plain.get('vis_backends') or []):
        yield from component_problems(VISBACKENDS, backend, f'vis_backends[{i}]', 'backend')


def _check_sections(cfg: Config, phases: Sequence[PhaseSpec], problems: Problems,
                    finders: Mapping[str, Callable[[Any, str], Iterator[str]]]) -> None:
    """Check sections that phases may have of their own, in the stream's config and in each phase."""
    plain = cfg.to_dict()
    for section, find in finders.items():
        known = list(find(plain[section], section)) if section in plain else []
        problems.add(*known, at=section)
        for phase in phases:
            own, where = getattr(phase, section), f'phases[{phase.index - 1}]'
            if own and own != plain.get(section) and (phase.trained_by is None or section not in OVERRIDES):
                # What is wrong with the section of the stream is not repeated for each phase that merges with it.
                problems.add(*(f'{where}.{found}' for found in find(own, section) if found not in known),
                             at=f'{where}.{section}')


#: What finds the problems of the other sections that a phase may have of its own.
_SECTIONS = dict(train_dataloader=dataloader_problems, val_dataloader=dataloader_problems,
                 optim_wrapper=_optimizer_problems, train_cfg=_loop_problems, param_scheduler=_schedule_problems)
