"""Says what is wrong with the config of a component: a name that is not registered, an option that it does not take."""
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmengine.registry import Registry

from lhl.errors import suggest

#: Filled in by the engine, so never in a user's config.
GIVEN_BY_ENGINE = {'dataset': ('tasks', 'seed'), 'task': ('name', ), 'model': ('tasks', ),
                   'head': ('out_channels', ), 'sampler': ('dataset', ), 'loop': ('runner', 'dataloader'),
                   'wrapper': ('optimizer', ), 'optimizer': ('params', ), 'scheduler': ('optimizer', )}
#: What mmengine itself takes out of a config before it builds the component.
TAKEN_BY_MMENGINE = {'dataloader': ('num_batch_per_epoch', 'disable_subprocess_warning'), 'loop': ('by_epoch', ),
                     'wrapper': ('optimizer', 'constructor', 'paramwise_cfg'), 'hook': ('priority', ),
                     'scheduler': ('convert_to_iter_based', )}


def component_problems(registry: Registry, config: Any, where: str, kind: str = '') -> Iterator[str]:
    """Say whether a component exists and takes the options it is given.

    Args:
        registry: Where it is looked up.
        config: Its config.
        where: The place of the config, for the sentences.
        kind: What fills in further options: a key of ``GIVEN_BY_ENGINE`` or ``TAKEN_BY_MMENGINE``.
    """
    if not isinstance(config, Mapping) or 'type' not in config:
        yield f'{where} is {config!r}, expected dict(type=NAME, ...)'
        return
    component = config['type']
    if isinstance(component, str):
        name, component = component, find_component(registry, component)
        if component is None:
            yield f'{where} names the unknown {registry.name} {name!r}; {suggest(name, _known(registry))}'
            return
    yield from option_problems(component, config, where, kind)


def option_problems(component: Callable, config: Mapping, where: str, kind: str = '') -> Iterator[str]:
    """Say whether a class or function takes the options it is given, and is given those it needs."""
    given = GIVEN_BY_ENGINE.get(kind, ())
    options, required = _parameters(component)
    if options is not None:
        options = (options - set(given)) | set(TAKEN_BY_MMENGINE.get(kind, ()))
        unknown = [key for key in config if key not in options and key not in {'type', '_scope_'}]
        for key in unknown:
            yield f'{where}: {component.__name__} has no option {key!r}; {suggest(key, options)}'
        if unknown:
            return  # what is missing is probably misspelt
    for name in required if kind != 'scheduler' else ():  # mmengine fills in the end of a schedule
        if name not in config and name not in given:
            yield f'{where}: {component.__name__} needs the option {name!r}; give it in the config'


def _parameters(component: Callable) -> tuple[set[str] | None, list[str]]:
    """Name the options that a class or function takes, or None where it takes any, and those that it needs.

    A class that passes ``**kwargs`` on takes its bases' options, too; which of them it fills in itself is not known.
    """
    options, required = set(), []
    own = True
    for base in inspect.getmro(component) if inspect.isclass(component) else [component]:
        if base is object or (inspect.isclass(base) and '__init__' not in vars(base)):
            continue
        parameters = list(inspect.signature(base.__init__ if inspect.isclass(base) else base).parameters.values())
        if inspect.isclass(base):
            del parameters[0]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        options |= {p.name for p in named}
        if own:
            required = [p.name for p in named if p.default is p.empty]
            own = False
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return options, required
    return None, required


def find_component(registry: Registry, name: str) -> type | None:
    """Look a component up; None where there is no such name."""
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
