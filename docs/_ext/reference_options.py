"""The reference of the options: of each component from its signature and docstring, and of the sections of a config."""
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NotRequired, Required, get_args, get_origin, get_type_hints, is_typeddict

from reference_api import documented_name, look_up, shortest_path

from lhl import component_check, registry
from lhl.engine.plan import entries, sections
from lhl.options import describe, kind_of_default

from mmengine.registry import Registry  # isort: skip
from repository_files import ROOT  # isort: skip

#: Title -> registry, what fills in further options, and the packages whose components are listed.
GROUPS: dict[str, tuple[Registry, str, tuple[str, ...]]] = {
    'Methods': (registry.METHODS, '', ('lhl.methods', )),
    'Tasks': (registry.TASKS, 'task', ('lhl.tasks', )),
    'Losses': (registry.MODELS, '', ('lhl.losses', )),
    'The learner': (registry.MODELS, 'model', ('lhl.models.learner', 'lhl.models.data_preprocessor')),
    'Heads': (registry.MODELS, 'head', ('lhl.models.heads', )),
    'Backbones': (registry.MODELS, 'backbone', ('lhl.models.backbones', )),
    'Weight initializers': (registry.WEIGHT_INITIALIZERS, 'initializer', ('lhl.models', )),
    'Inversion': (registry.MODELS, '', ('lhl.inversion', )),
    'Data sets': (registry.DATASETS, 'dataset', ('lhl.datasets', )),
    'Samplers': (registry.DATA_SAMPLERS, 'sampler', ('lhl.datasets', )),
    'Transforms': (registry.TRANSFORMS, '', ('lhl.datasets', )),
    'Metrics': (registry.METRICS, 'metric', ('lhl.evaluation', )),
    'Hooks': (registry.HOOKS, 'hook', ('lhl.engine', )),
    'Optimizer wrappers': (registry.OPTIM_WRAPPERS, 'wrapper', ('lhl.engine', )),
    'Schedules': (registry.PARAM_SCHEDULERS, 'scheduler', ('lhl.engine', )),
}
#: What PyTorch and mmengine define, and lhl checks: the kind of the component -> the section it stands in.
FOREIGN = {'optimizer': '`optim_wrapper.optimizer`', 'wrapper': '`optim_wrapper`', 'dataloader': 'the data loaders',
           'loop': '`train_cfg`', 'scheduler': '`param_scheduler`', 'hook': 'hooks', 'log_processor': '`log_processor`',
           'initializer': '`init_cfg`'}
_HEAD = '| option | type | default | meaning |\n|---|---|---|---|'


def markdown(group: str) -> str:
    """Write the tables of a group, by the name of the page that asks: ``sections`` or ``components``."""
    return {'sections': _sections, 'components': _components}[group]()


# ---- components ----


def components(group: str) -> dict[str, Any]:
    """List what a group's registry has from lhl, by name."""
    found, _, packages = GROUPS[group]
    found.import_from_location()
    return {name: thing for name, thing in sorted(found.module_dict.items())
            if f'{thing.__module__}.'.startswith(tuple(f'{package}.' for package in packages))}


def options(component: Callable, kind: str) -> Iterator[tuple[str, str, str, str]]:
    """List the options of a component: name, type with range, default and meaning."""
    parameters, _, _ = component_check.parameters_of(component)
    given = component_check.GIVEN_BY_ENGINE.get(kind, ())
    for name, parameter in parameters.items():
        if name in given or name == 'init_cfg' and parameter.default is None:
            continue
        annotation, default = parameter.annotation, parameter.default
        if annotation is inspect.Parameter.empty:
            annotation = Any if default is inspect.Parameter.empty else kind_of_default(default)
        yield name, _type(annotation), _default(default), meaning(component, name)


def meaning(component: Callable, option: str) -> str:
    """Find what an option means: in the docstring of the class, else in that of a base that has it."""
    for place in inspect.getmro(component) if inspect.isclass(component) else [component]:
        found = documented(place).get(option)
        if found:
            return linked(found, place)
    return ''


def documented(thing: Any) -> dict[str, str]:
    """Read the section ``Args`` of a docstring: name -> description, in one line."""
    text = inspect.cleandoc(thing.__doc__ or '')
    section = re.search(r'^Args:\n((?:    .*\n?|\n)+)', text, re.M)
    found: dict[str, str] = {}
    for line in (section[1] if section else '').splitlines():
        start = re.match(r'    (\w+(?:, \w+)*)(?: \([^)]*\))?: (.*)', line)
        if start:
            names, last = start[1].split(', '), start[2]
            found.update(dict.fromkeys(names, last))
        elif found and line.strip():
            found.update({name: f'{found[name]} {line.strip()}' for name in names})
    return found


def linked(text: str, thing: Any) -> str:
    """Write reStructuredText of a docstring as Markdown, with the names of its module in full."""
    def role(match: re.Match) -> str:
        kind, name = match[1], match[2].lstrip('~')
        try:
            found = look_up(name, thing.__module__, getattr(thing, '__name__', None))
            return f'{{py:{kind}}}`{name.rpartition(".")[2]} <{documented_name(found)}>`'
        except AttributeError:
            return f'`{name}`'
    parts = re.split(r'(``.+?``)', text)
    plain = (re.sub(r'[|$*<]', r'\\\g<0>', part) if i % 2 == 0 else part[1:-1].replace('|', '\\|')
             for i, part in enumerate(parts))
    return re.sub(r':(\w+):`([^`]+)`', role, ''.join(plain))


def _components() -> str:
    parts = []
    for group, (_, kind, _) in GROUPS.items():
        parts.append(f'## {group}')
        for name, component in components(group).items():
            parts.append(f'### `{name}`')
            first = inspect.cleandoc(component.__doc__ or '').partition('\n\n')[0]
            path = shortest_path(component.__name__, component)
            parts.append(f'{linked(" ".join(first.split()), component)} {{py:obj}}`{path}`')
            rows = [f'| `{option}` | {_cell(kind)} | {default} | {text} |'
                    for option, kind, default, text in options(component, kind)]
            parts.append('\n'.join([_HEAD, *rows]) if rows else 'It has no options.')
    return '\n\n'.join(parts)


# ---- sections, and what PyTorch and mmengine define ----


def keys() -> dict[str, dict[str, Any]]:
    """List the keys that are no component's options, by what they are keys of: name -> type."""
    found: dict[str, dict[str, Any]] = {'sections': {}, 'phases': {}}
    for key, kind in sections.SECTIONS.items():
        found['sections'].update(_with_nested(key, kind))
    for key, kind in entries._ENTRY_OPTIONS.items():
        found['phases'].update(_with_nested(key, kind))
    return found


def meanings(heading: str) -> dict[str, str]:
    """Read the table below a heading of docs/configs.md: key -> meaning."""
    text = (ROOT / 'docs/configs.md').read_text().partition(f'\n{heading}\n')[2]
    table = re.search(r'(?:^\|.*\n)+', text, re.M)
    rows = [[cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]] for line in table[0].splitlines()[2:]]
    return {key: re.sub(r'\]\((?!http)(#)?', lambda found: f']({"../configs.md#" if found[1] else "../"}', row[-1])
            for row in rows for key in re.findall(r'`([\w.]+)`', row[0])}


def _with_nested(key: str, kind: Any) -> Iterator[tuple[str, Any]]:
    yield key, kind
    for option in (kind, *get_args(kind)):
        if is_typeddict(option):
            for inner, entry in get_type_hints(option, include_extras=True).items():
                plain = get_args(entry)[0] if get_origin(entry) in (NotRequired, Required) else entry
                yield from _with_nested(f'{key}.{inner}', plain)


def _sections() -> str:
    parts = []
    for kind, heading, title in (('sections', '## Sections', 'The keys of a config'),
                                 ('phases', '## Phases', 'The keys of a phase')):
        known = meanings(heading)
        rows = [f'| `{key}` | {_cell(_type(found))} | {known[key]} |' for key, found in keys()[kind].items()]
        parts += [f'## {title}', '\n'.join(['| key | type | meaning |', '|---|---|---|', *rows])]
    parts += ['## The teacher', 'The options of the section `teacher`.', _HEAD + '\n' + '\n'.join(
        f'| `{option}` | {_cell(kind)} | {default} | {text} |'
        for option, kind, default, text in options(_teacher_options(), ''))]
    parts += ['## What PyTorch and mmengine define', 'What the options mean is said there; lhl refuses values that are '
              'of another type or out of range before training.']
    rows = [f'| {place} | `{option}` | {_cell(_type(found))} |' for kind, place in FOREIGN.items()
            for option, found in component_check.FOREIGN[kind].items()]
    return '\n\n'.join([*parts, '\n'.join(['| in | option | type |', '|---|---|---|', *rows])])


def _teacher_options() -> Any:
    from lhl.methods import TeacherOptions
    return TeacherOptions


def _type(kind: Any) -> str:
    return '' if kind is Any else describe(kind)


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return 'required'
    if inspect.isroutine(value) or inspect.isclass(value):
        return f'`{value.__name__}`'
    text = repr(value)
    return f'`{text if len(text) <= 60 else text[:56] + " ..."}`'.replace('|', '\\|')


def _cell(text: str) -> str:
    return text.replace('|', '\\|').replace('_', '\\_').replace('*', '\\*')
