"""Names all that is wrong with a config before anything is built or written, each with its place and the cure."""
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from lhl.component_check import component_problems, option_problems
from lhl.engine.runtime.optim_wrapper import LR_GROUPS, MethodOptimWrapper, nonfinite_problems
from lhl.engine.runtime.process_group import dist_problems
from lhl.errors import ConfigError, Problems, suggest
from lhl.methods import Method, TeacherOptions
from lhl.models.learner import NORM_POLICIES, PROBE_SIZE
from lhl.models.pretraining import without_pretraining
from lhl.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METHODS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TASKS,
    TRANSFORMS,
)
from lhl.tasks import Task, build_tasks, check_shared_heads

from .backbones import is_same_backbone
from .entries import OVERRIDES
from .heads import resolve_heads
from .stream import PhaseSpec

REQUIRED = ('model', 'tasks', 'phases', 'method', 'train_dataloader', 'val_dataloader', 'optim_wrapper', 'train_cfg')
OPTIONAL = ('param_scheduler', 'randomness', 'work_dir', 'launcher', 'log_level', 'log_processor', 'visualizer',
            'vis_backends', 'env_cfg', 'default_hooks', 'custom_hooks', 'custom_imports', 'default_scope',
            'auto_scale_lr', 'sync_bn', 'compile', 'resume', 'batch_norm', 'stored_images', 'order', 'starts_from',
            'model_wrapper_cfg', 'strategy', 'runner_type', 'teacher')
#: The most images that the methods of a stream may keep, as in the paper (HAD, Sec. 5.1).
STORED_IMAGES = 50
#: The learners that were built to check them, as text: a stream may come back to a backbone, and a suite to a stream.
_BUILT: set[str] = set()


# ---- names and options -----------------------------------------------------------------------------------------------

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
    problems.add(*_section_problems(cfg))
    problems.add(*_seed_problems(cfg))
    problems.add(*dist_problems(cfg))
    if 'model' in cfg:
        problems.add(*_model_problems(cfg.model), at='model')
    for i, hook in enumerate(cfg.get('custom_hooks') or []):
        problems.add(*component_problems(HOOKS, hook, f'custom_hooks[{i}]', 'hook'))
    if cfg.get('batch_norm', 'train') not in NORM_POLICIES:
        problems.add(f'batch_norm={cfg.batch_norm!r} is unknown; {suggest(str(cfg.batch_norm), NORM_POLICIES)}')
    _check_teacher(cfg.get('teacher', {}), problems)
    _check_sections(cfg, phases, problems, _SECTIONS)
    before = cfg.to_dict().get('model', {}).get('backbone')
    for phase in phases:
        where = f'phases[{phase.index - 1}]'
        for group in phase.lr_factors:
            if group not in LR_GROUPS:
                problems.add(f'phase {phase.index} has a learning-rate factor for {group!r}; '
                             f'{suggest(group, LR_GROUPS)}')
        if phase.backbone and phase.backbone != before:
            problems.add(*component_problems(MODELS, phase.backbone, f'{where}.backbone'), at=f'{where}.backbone')
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
    for i, transform in enumerate(loader['dataset'].get('pipeline', [])):
        yield from component_problems(TRANSFORMS, transform, f'{where}.dataset.pipeline[{i}]')


def _section_problems(cfg: Config) -> Iterator[str]:
    """Look for sections that are misspelt or missing."""
    # A config may hold variables of its own, so only what looks like a section is taken for a misspelt one.
    meant = set()
    for key in cfg.to_dict():
        close = get_close_matches(key, REQUIRED + OPTIONAL, n=1, cutoff=0.8)
        if key not in REQUIRED + OPTIONAL and close:
            meant.update(close)
            yield f'the config has an unknown section {key!r}; {suggest(key, REQUIRED + OPTIONAL)}'
    for key in REQUIRED:
        if key not in cfg and key not in meant:
            yield f'the config has no {key!r}; inherit a file of configs/_base_ that defines it'


def _check_teacher(options: Any, problems: Problems) -> None:
    if not isinstance(options, Mapping):
        problems.add(f"teacher is {options!r}, expected options such as dict(cache='off')")
    elif problems.add(*option_problems(TeacherOptions, options, 'teacher')):
        with problems.collected():
            TeacherOptions(**options)


def _seed_problems(cfg: Config) -> Iterator[str]:
    seed = cfg.get('randomness', {}).get('seed')
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        yield (f'randomness.seed is {seed!r}, expected an integer from 0 to 2**32 - 1; give one, because runs are '
               f'compared and resumed by it')


def _model_problems(model: Any) -> Iterator[str]:
    yield from component_problems(MODELS, model, 'model', 'model')
    if not isinstance(model, Mapping):
        return
    for part, kind in (('backbone', ''), ('head', 'head')):
        if part in model:
            yield from component_problems(MODELS, model[part], f'model.{part}', kind)
    for name, head in (model.get('heads') or {}).items():
        yield from component_problems(MODELS, head, f'model.heads.{name}', 'head')
    if model.get('data_preprocessor') is not None:
        yield from component_problems(MODELS, model['data_preprocessor'], 'model.data_preprocessor')


def _method_problems(method: Any, where: str) -> Iterator[str]:
    yield from component_problems(METHODS, method, where)
    members = method.get('methods') if isinstance(method, Mapping) else None
    for i, member in enumerate(members or []):  # of Combined
        yield from _method_problems(member, f'{where}.methods[{i}]')


def _optimizer_problems(wrapper: Any, where: str) -> Iterator[str]:
    yield from component_problems(OPTIM_WRAPPERS, wrapper, where, 'wrapper')
    if isinstance(wrapper, Mapping):
        yield from component_problems(OPTIMIZERS, wrapper.get('optimizer'), f'{where}.optimizer', 'optimizer')
        yield from nonfinite_problems(wrapper.get('nonfinite', 'stop'), wrapper.get('max_skipped', 10), where)


def _loop_problems(loop: Any, where: str) -> Iterator[str]:
    if isinstance(loop, Mapping) and 'type' not in loop:
        kind = EpochBasedTrainLoop if loop.get('by_epoch', True) else IterBasedTrainLoop
        yield from option_problems(kind, loop, where, 'loop')
    else:
        yield from component_problems(LOOPS, loop, where, 'loop')


def _schedule_problems(schedulers: Any, where: str) -> Iterator[str]:
    for scheduler in [schedulers] if isinstance(schedulers, Mapping) else schedulers or []:
        yield from component_problems(PARAM_SCHEDULERS, scheduler, where, 'scheduler')


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


# ---- what goes together ----------------------------------------------------------------------------------------------

def check_phases(cfg: Config, phases: Sequence[PhaseSpec], tasks: Mapping[str, Task],
                 methods: Sequence[Method | None], problems: Problems) -> None:
    """Check that tasks share heads, that methods get what they require, and that backbones can be built and followed.

    Args:
        cfg: The stream's config.
        phases: Its phases.
        tasks: Those that can be built.
        methods: The method of the stream, then those of the phases; None where it cannot be built.
        problems: What :func:`check_names` has found; it gets what is wrong, unless that follows from it.
    """
    with problems.collected(at='tasks'):
        check_shared_heads(tasks.values())
    are_tasks_sound = (problems.sound('tasks', *(f'tasks.{name}' for name in cfg.get('tasks') or {}))
                       and all(name in tasks for phase in phases for name in phase.new_tasks))
    if are_tasks_sound and cfg.get('model', {}).get('heads'):
        others = {name: task.to_dict() for name, task in cfg.tasks.items() if name not in tasks}
        heads = [task.head for task in (*tasks.values(), *build_tasks(others).values())]
        problems.add(*(f'model.heads names the unknown task {name!r}; {suggest(name, heads)}'
                       for name in cfg.model.heads if name not in heads), at='model')
    of_phases = dict(zip((phase.index for phase in phases), methods[1:], strict=True))
    trained = [phase for phase in phases if phase.trained_by is None]
    for phase in trained:
        method = of_phases[phase.index]
        if method is not None:
            is_own = phase.method != cfg.method.to_dict()
            place = f'phases[{phase.index - 1}].method' if is_own else 'method'
            problems.add(*(f'{place}: {sentence}' for sentence in _method_demands(
                cfg, phase, phases, method, problems)))
    problems.add(*_mixed_methods([of_phases[phase.index] for phase in trained]))
    if 'model' in cfg and problems.sound('model', 'phases'):
        _check_backbones(cfg, phases, of_phases, problems)
        if are_tasks_sound and problems.sound('model'):
            with problems.collected():
                resolve_heads(cfg.model.to_dict(), [[tasks[name].head for name in phase.new_tasks] for phase in phases],
                              [phase.backbone for phase in phases], [phase.old_heads for phase in phases])


def _method_demands(cfg: Config, phase: PhaseSpec, phases: Sequence[PhaseSpec], method: Method,
                    problems: Problems) -> Iterator[str]:
    """Say what a method requires that the stream does not give it."""
    name, requires = type(method).__name__, method.requires
    given = [earlier.trained_by for earlier in phases if earlier.trained_by is not None]
    others = sorted(set(given) - {phase.taught_by})
    if given and (requires.single_phase or requires.separate_models):
        yield (f'{name} learns no phase on top of another, so no run can be extended with it; use a method that asks a '
               f'teacher, such as HAD, DIS or LwF')
    elif others and _needs_earlier_phases(method):
        yield (f'{name} needs what it gathers at the end of each phase, but earlier phases were trained by '
               f'{" and ".join(others)}; use a method that asks a teacher, such as HAD, DIS or LwF')
    limit = cfg.get('stored_images', STORED_IMAGES)
    if requires.stored_images > limit:
        yield (f'{name} is configured to store {requires.stored_images} images, but the stream allows {limit}; lower '
               f'method.memory_size, or raise stored_images where the data may be kept')
    if requires.single_phase and len(phases) > 1 and not given:
        yield (f'{name} learns all tasks at once, but phases has {len(phases)} entries; '
               f"give phases=[dict(tasks=['segmentation', 'depth', ...])]")
    if requires.edits and problems.sound('optim_wrapper', f'phases[{phase.index - 1}].optim_wrapper'):
        wrapper = OPTIM_WRAPPERS.get(phase.optim_wrapper['type'])
        if not issubclass(wrapper, MethodOptimWrapper):
            yield (f'{name} edits the {requires.edits}, which {wrapper.__name__} cannot; '
                   f"use optim_wrapper.type='MethodOptimWrapper'")


def _needs_earlier_phases(method: Method) -> bool:
    """Say whether a method builds on what it has gathered in all phases before."""
    if hasattr(method, 'methods'):  # Combined
        return any(map(_needs_earlier_phases, method.methods))
    requires, carries = method.requires, type(method).state_dict is not Method.state_dict
    return carries and bool(requires.same_backbone or requires.stored_images or requires.edits)


def _mixed_methods(methods: Sequence[Method | None]) -> Iterator[str]:
    """Say whether the method changes where one could not take up what the other carries."""
    known = [method for method in methods if method is not None]
    names = sorted({type(method).__name__ for method in known})
    if len(names) > 1 and any(need.same_backbone or need.stored_images or need.edits
                              for need in (method.requires for method in known)):
        yield (f'the phases name the methods {" and ".join(names)}, which cannot take up what the other carries; use '
               f'one method for the whole stream')


def _check_backbones(cfg: Config, phases: Sequence[PhaseSpec], methods: Mapping[int, Method | None],
                     problems: Problems) -> None:
    """Check the backbones that the phases name, and refuse a change that the method cannot follow."""
    before: PhaseSpec | None = None
    for phase in phases:
        is_change = before is not None and not is_same_backbone(phase.backbone, before.backbone)
        where, method = f'phases[{phase.index - 1}]', methods[phase.index]
        tied = phase.trained_by is None and method is not None and method.requires.same_backbone
        if is_change and tied:
            problems.add(f'{where}.backbone is another one than in phase {phase.index - 1}, but '
                         f'{type(method).__name__} is tied to the weights or features of one; remove it, or use a '
                         f'method that compares outputs, such as HAD, DIS or LwF')
        if is_change:
            for name, head in (cfg.model.get('heads') or {}).items():
                if head.type == 'SegmentorHead':
                    problems.add(f'{where}.backbone is another one than before, but the head of {name} was trained '
                                 f'with mmsegmentation and fits its own backbone alone; remove it')
        is_other = not is_same_backbone(phase.backbone, cfg.model.backbone.to_dict())
        if is_other and (is_change or before is None) and problems.sound(f'{where}.backbone'):
            with problems.collected(at='model'):
                _check_learner(cfg, phase.backbone, f'{where}.backbone')
        if phase.old_heads is not None and not is_change:
            problems.add(f'{where}.old_heads={phase.old_heads!r}, but the phase has no backbone other than that of the '
                         f'phase before; remove it, or give the phase another backbone')
        before = phase


def _check_learner(cfg: Config, backbone: Mapping, where: str) -> None:
    """Build a learner with the backbone of a phase, and count its channels: the phase would fail after hours."""
    model = cfg.model.to_dict()
    model = {**model, 'backbone': without_pretraining(backbone), 'head': {**model['head'], 'in_channels': None},
             'tasks': {}}
    text = json.dumps(model, sort_keys=True, default=str)
    if text in _BUILT:
        return
    try:
        with torch.random.fork_rng(devices=()):
            MODELS.build(model)
        _BUILT.add(text)
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().split('\n')[0]
        raise ConfigError(f'{where}: {backbone["type"]} cannot be built, or run on a {PROBE_SIZE}x{PROBE_SIZE} image '
                          f'({type(error).__name__}: {reason}); correct its options') from error
