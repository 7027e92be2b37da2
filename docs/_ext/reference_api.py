"""The reference of a room of lhl, module by module: every public class and function, once, under its shortest path."""
import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any


def markdown(room: str) -> str:
    """Write the directives of a package such as ``lhl.methods``, or those of a module."""
    parts = []
    for name in modules(room):
        found = [directive(path, thing) for path, thing in public(name).items()]
        if found:
            module = f'.. automodule:: {name}\n   :no-members:'
            parts.append(f'## `{name}`\n\n```{{eval-rst}}\n' + '\n\n'.join([module, *found]) + '\n```')
    return '\n\n'.join(parts)


def directive(path: str, thing: Any) -> str:
    """Write the directive that documents a class with its members, or a function."""
    return f'.. autoclass:: {path}\n   :members:' if inspect.isclass(thing) else f'.. autofunction:: {path}'


@cache
def modules(room: str) -> tuple[str, ...]:
    """Name the modules of a package, and itself; or a single module."""
    package = importlib.import_module(room)
    inside = pkgutil.walk_packages(package.__path__, f'{room}.') if hasattr(package, '__path__') else []
    names = [room, *(module.name for module in inside)]
    return tuple(name for name in names if not any(part.startswith('_') for part in name.split('.')))


def public(module: str) -> dict[str, Any]:
    """List the public classes and functions that a module defines, by their shortest paths; none without its extra."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith('lhl'):
            raise
        return {}
    return {shortest_path(name, thing): thing for name, thing in vars(found).items()
            if not name.startswith('_') and (inspect.isclass(thing) or inspect.isfunction(thing))
            and thing.__module__ == module and thing.__name__ == name and thing.__doc__}


def shortest_path(name: str, thing: Any) -> str:
    """Find the shortest path from which a class or function can be imported."""
    parts = thing.__module__.split('.')
    packages = ('.'.join(parts[:length]) for length in range(1, len(parts) + 1))
    return next(f'{package}.{name}' for package in packages
                if getattr(importlib.import_module(package), name, None) is thing)


def documented_name(thing: Any) -> str:
    """Name a module, class, function or method by the shortest path to it.

    Raises:
        AttributeError: If it is none of these.
    """
    if isinstance(thing, ModuleType):
        return thing.__name__
    thing = getattr(thing, 'fget', None) or thing
    outer, _, inner = thing.__qualname__.partition('.')
    path = shortest_path(outer, getattr(importlib.import_module(thing.__module__), outer))
    return f'{path}.{inner}' if inner else path


def look_up(name: str, module: str | None = None, of_class: str | None = None) -> Any:
    """Look a dotted name up.

    Args:
        name: Such as ``lhl.methods.DIS.losses``, the field of a dataclass included; or as the text of a docstring may
            write it: a name that its module knows, or a member of its class.
        module: The module of that docstring.
        of_class: The class of that docstring, by its name in the module.

    Raises:
        AttributeError: If there is no such thing.
    """
    name = name.removesuffix('()')
    if name.split('.')[0] != 'lhl':
        inside = [f'{module}.{of_class}.{name}', f'{module}.{name}'] if module else []
        for place in inside:
            try:
                return look_up(place)
            except AttributeError:
                continue
        raise AttributeError(name)
    parts = name.split('.')
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module('.'.join(parts[:length]))
        except ModuleNotFoundError as error:
            if not name.startswith(str(error.name)):
                raise
            continue
        for part in parts[length:]:
            fields = getattr(found, '__dataclass_fields__', {})
            if part in fields or part in getattr(found, '__annotations__', {}):
                found = getattr(found, part, fields.get(part))
            else:
                found = getattr(found, part)
        return found
    raise AttributeError(name)
