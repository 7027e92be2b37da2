"""Whether tasks that name the same head can share it."""
from collections.abc import Iterable

from lhl.errors import ConfigError

from .base import Task


def check_shared_heads(tasks: Iterable[Task]) -> None:
    """Refuse tasks that cannot be views of one head.

    Args:
        tasks: Those of a stream.

    Raises:
        ConfigError: If tasks of one head differ in kind or classes, or teach the same class.
    """
    members: dict[str, list[Task]] = {}
    for task in tasks:
        for other in members.setdefault(task.head, []):
            both = f'the tasks {other.name!r} and {task.name!r} share the head {task.head!r}'
            if type(task) is not type(other):
                raise ConfigError(f'{both} but are of the kinds {type(other).__name__} and {type(task).__name__}; give '
                                  f'one of them another head')
            if task.out_channels != other.out_channels:
                raise ConfigError(f'{both} but have num_classes={other.out_channels} and {task.out_channels}; give '
                                  f'both the number of all classes')
            shared = sorted(set(task.labels) & set(other.labels))
            if shared:
                raise ConfigError(f'{both} but both teach the labels {", ".join(map(str, shared))}; give each label to '
                                  f'one task')
        members[task.head].append(task)
