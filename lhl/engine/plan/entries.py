"""Reads the entries of ``phases``, and says what is wrong with them: the only reader of a config's phases."""
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from mmengine.config import Config

from lhl.errors import Problems, suggest
from lhl.options import Count, NotNegative, value_problems

from .heads import OLD_HEADS
from .sections import SCHEDULES

#: Sections of the config that an entry of ``phases`` may override, beside naming its task.
OVERRIDES = ('method', 'train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler')
LR_GROUPS = ('encoder', 'new_head', 'old_heads', 'method')
PHASE_OPTIONS = ('loss_weight', 'lr_factors', 'backbone', 'old_heads', 'val_dataloader', 'early_stopping',
                 *OVERRIDES)
#: What an entry may say of a phase that another run has trained, see :mod:`lhl.engine.sources`.
GIVEN_PHASE_OPTIONS = ('trained_by', 'backbone', 'old_heads', 'val_dataloader')


class EarlyStopping(TypedDict):
    """What ``early_stopping`` of an entry may say, see :class:`lhl.engine.runtime.hooks.PhaseStoppingHook`."""

    metric: str
    patience: NotRequired[Count]
    min_delta: NotRequired[NotNegative]


#: What the options of an entry are.
_ENTRY_OPTIONS: dict[str, Any] = {
    'task': str, 'tasks': Sequence[str], 'trained_by': str, 'loss_weight': NotNegative,
    'lr_factors': Mapping[str, NotNegative] | None, 'old_heads': Literal[OLD_HEADS] | None,
    'val_dataloader': Mapping | None, 'early_stopping': EarlyStopping, 'param_scheduler': SCHEDULES,
    **dict.fromkeys(('backbone', 'method', 'train_cfg', 'train_dataloader', 'optim_wrapper'), Mapping)}


def read_entries(cfg: Config, problems: Problems) -> list[dict]:
    """Read the entries of ``phases``, in the order that ``order`` asks for, without options that are of a wrong type.

    A run is known by its phases alone: sorted entries are written back to ``cfg``, without ``order``.
    """
    entries, order = [], cfg.pop('order', None)
    for i, entry in enumerate(cfg.to_dict().get('phases') or []):
        wrong = set()
        for key in [key for key in entry if key in _ENTRY_OPTIONS]:
            place = f'phases[{i}].{key}'
            if not problems.add(*value_problems(_ENTRY_OPTIONS[key], entry[key], place), at=place):
                wrong.add(key)
        entries.append({key: value for key, value in entry.items() if key not in wrong})
    if order is not None:
        names = [name for entry in entries for name in tasks_of(entry)]
        first = {tasks_of(entry)[0]: entry for entry in entries if tasks_of(entry)}
        if sorted(order) != sorted(names) or len(first) != len(order):
            problems.add(f'order is {", ".join(map(str, order))}, expected the tasks {", ".join(names)} in any order, '
                         f'one in each phase', at='phases')
        else:
            entries = [first[name] for name in order]
            cfg.phases = copy.deepcopy(entries)
    return entries


def tasks_of(entry: Mapping) -> list[str]:
    """Name the tasks that an entry learns: ``dict(task=NAME)``, or ``dict(tasks=[NAME, ...])``."""
    return list(entry['tasks']) if 'tasks' in entry else [entry['task']] if 'task' in entry else []


def readable_entries(entries: Sequence[Mapping], known: Mapping | None, problems: Problems) -> dict[int, dict]:
    """Give each entry that names tasks by its number, from 1, without what is wrong with it.

    Args:
        entries: From :func:`read_entries`.
        known: The configs of the tasks; None where there are none to compare with.
        problems: Gets what is wrong.
    """
    readable: dict[int, dict] = {}
    seen: list[str] = []
    if not entries:
        problems.add('phases is empty; name at least one task', at='phases')
    for i, entry in enumerate(entries, 1):
        names = tasks_of(entry)
        is_given = all('trained_by' in earlier for earlier in entries[:i])
        problems.add(*_entry_problems(i, entry, names, known, seen, is_given, problems), at='phases')
        seen += names
        if names:
            readable[i] = {key: value for key, value in entry.items() if key in _ENTRY_OPTIONS}
    return readable


def _entry_problems(i: int, entry: Mapping, names: Sequence[str], known: Mapping | None, seen: Sequence[str],
                    is_given: bool, problems: Problems) -> Iterator[str]:
    """Say what is wrong with an entry of ``phases``, apart from the components that it names."""
    if 'trained_by' in entry and not is_given:
        yield f'phase {i} was trained by another run, but phase {i - 1} was not; give those first'
    if not problems.sound(f'phases[{i - 1}].task', f'phases[{i - 1}].tasks'):
        return
    if ('task' in entry) == ('tasks' in entry) or not names:
        yield (f'phase {i} names no task; give phases=[dict(task=NAME), ...], or tasks=[NAME, ...] to learn several at '
               f'once')
        return
    for name in names:
        if known is not None and name not in known:
            yield f'phase {i} names the unknown task {name!r}; {suggest(name, known)}'
        if name in seen or names.count(name) > 1:
            yield f'phase {i} names the task {name!r} a second time; each task is learned once'
    for key in entry:
        if key == 'model':
            yield (f'phase {i} names a model of its own; give it a backbone=dict(type=NAME, ...) of its own, all '
                   f'phases share the rest')
        elif 'trained_by' in entry and key not in ('task', 'tasks', *GIVEN_PHASE_OPTIONS):
            yield f'phase {i} was trained by another run, but has the option {key!r}; remove it'
        elif key not in _ENTRY_OPTIONS:
            yield f'phase {i} has the unknown option {key!r}; {suggest(key, PHASE_OPTIONS)}'
