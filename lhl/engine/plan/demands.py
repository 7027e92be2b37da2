"""Says what of a config does not go together: heads that are shared, what methods require, changes of the backbone."""
from collections.abc import Iterator, Mapping, Sequence

from mmengine.config import Config

from lhl.errors import Problems, suggest
from lhl.methods import Method
from lhl.registry import OPTIM_WRAPPERS
from lhl.tasks import Task, build_tasks, check_shared_heads

from .backbones import is_same_backbone
from .heads import resolve_heads
from .mmengine_config import metric_directions
from .stream import PhaseSpec

#: The most images that the methods of a stream may keep, as in the paper (HAD, Sec. 5.1).
STORED_IMAGES = 50


def check_phases(cfg: Config, phases: Sequence[PhaseSpec], tasks: Mapping[str, Task],
                 methods: Sequence[Method | None], problems: Problems) -> None:
    """Check that tasks share heads, that methods get what they require, and that backbones can be followed.

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
            if are_tasks_sound:
                problems.add(*(f'phases[{phase.index - 1}].early_stopping: {sentence}'
                               for sentence in _early_stopping_problems(cfg, phase, tasks, method)))
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
    for task in getattr(method, 'task_weights', ()):
        if task not in phase.new_tasks:
            yield f'task_weights names the unknown task {task!r}; {suggest(task, phase.new_tasks)}'
    if requires.single_phase and len(phases) > 1 and not given:
        yield (f'{name} learns all tasks at once, but phases has {len(phases)} entries; '
               f"give phases=[dict(tasks=['segmentation', 'depth', ...])]")
    if requires.edits and problems.sound('optim_wrapper', f'phases[{phase.index - 1}].optim_wrapper'):
        wrapper = OPTIM_WRAPPERS.get(phase.optim_wrapper['type'])
        if not issubclass(wrapper, OPTIM_WRAPPERS.get('MethodOptimWrapper')):
            yield (f'{name} edits the {requires.edits}, which {wrapper.__name__} cannot; '
                   f"use optim_wrapper.type='MethodOptimWrapper'")


def _early_stopping_problems(cfg: Config, phase: PhaseSpec, tasks: Mapping[str, Task],
                             method: Method) -> Iterator[str]:
    """Say why a phase cannot end early by what it is scored on."""
    if not phase.early_stopping:
        return
    metric, loop = phase.early_stopping['metric'], phase.train_cfg
    names = phase.new_tasks if method.requires.separate_models else phase.tasks
    known = [f'{name}/{key}' for name in names for key in metric_directions(tasks[name], cfg.tasks[name].to_dict())]
    if metric not in known:
        yield f'found the metric {metric!r}; {suggest(metric, known)}'
    if phase.val_dataloader is None:
        yield 'the tasks of the phase have no val_dataloader to be scored on; give one, or remove early_stopping'
    elif not isinstance(loop, Mapping) or not loop.get('max_epochs'):
        yield 'it counts epochs, but the phase counts iterations; set train_cfg.max_epochs, or remove early_stopping'
    elif not loop.get('val_interval'):
        yield ('nothing is scored before the phase ends; set train_cfg.val_interval to a number of epochs, such as 1, '
               'or remove early_stopping')


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
        if phase.old_heads is not None and not is_change:
            problems.add(f'{where}.old_heads={phase.old_heads!r}, but the phase has no backbone other than that of the '
                         f'phase before; remove it, or give the phase another backbone')
        before = phase
