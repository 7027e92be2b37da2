"""Says what is wrong with the config of a component: an unknown name, an option that it does not take or cannot use."""
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypedDict

from mmengine.registry import Registry

from lhl.errors import suggest
from lhl.options import (
    Count,
    CountFrom0,
    Fraction,
    NotNegative,
    NumWorkers,
    Positive,
    kind_of_default,
    shortened,
    value_problems,
)
from lhl.registry import METHODS, METRICS, MODELS, OPTIMIZERS, VISBACKENDS, WEIGHT_INITIALIZERS

#: Filled in by the engine, so never in a user's config.
GIVEN_BY_ENGINE = {'dataset': ('tasks', 'seed'), 'task': ('name', ), 'model': ('tasks', ),
                   'head': ('out_channels', ), 'sampler': ('dataset', ), 'loop': ('runner', 'dataloader'),
                   'wrapper': ('optimizer', ), 'optimizer': ('params', ), 'scheduler': ('optimizer', ),
                   'backend': ('save_dir', ), 'metric': ('task', 'kind', 'num_classes', 'labels'),
                   'distance': ('alpha', )}
#: What mmengine itself takes out of a config before it builds the component.
TAKEN_BY_MMENGINE = {'dataloader': ('num_batch_per_epoch', 'disable_subprocess_warning'), 'loop': ('by_epoch', ),
                     'wrapper': ('optimizer', 'constructor', 'paramwise_cfg'), 'hook': ('priority', ),
                     'scheduler': ('convert_to_iter_based', ), 'layer': ('requires_grad', 'inplace')}


class ClipGrad(TypedDict, total=False):
    """What gradients are clipped with: the options of torch's ``clip_grad_norm_`` and ``clip_grad_value_``."""

    type: Literal['norm', 'value']
    max_norm: Positive
    norm_type: Positive
    clip_value: Positive
    error_if_nonfinite: bool
    foreach: bool | None


#: What options may be whose signatures in PyTorch and mmengine say less.
FOREIGN: dict[str, dict[str, Any]] = {
    'optimizer': dict(lr=Positive, weight_decay=NotNegative, momentum=Fraction, dampening=Fraction, eps=NotNegative,
                      betas=Sequence[Fraction], alpha=Fraction),
    'wrapper': dict(accumulative_counts=Count, clip_grad=ClipGrad | None),
    'dataloader': dict(batch_size=Count, num_workers=NumWorkers, prefetch_factor=Count | None, timeout=NotNegative,
                       drop_last=bool, pin_memory=bool, persistent_workers=bool, shuffle=bool | None,
                       sampler=dict, dataset=dict),
    'loop': dict(max_epochs=Count, max_iters=Count, val_begin=CountFrom0, val_interval=Count, by_epoch=bool),
    'scheduler': dict(begin=CountFrom0, end=Count, milestones=Sequence[Count], gamma=Positive, step_size=Count,
                      T_max=Count, power=Positive, eta_min=NotNegative, eta_min_ratio=Fraction,
                      start_factor=NotNegative, end_factor=NotNegative, factor=Positive, convert_to_iter_based=bool,
                      by_epoch=bool),
    'backbone': dict(style=Literal['pytorch', 'caffe']),
    'hook': dict(priority=int | str),
    'log_processor': dict(window_size=Count, num_digits=Count),
    'layer': dict(requires_grad=bool),
    'initializer': dict(layer=str | Sequence[str] | None, a=NotNegative, std=NotNegative, gain=Positive,
                        mode=Literal['fan_in', 'fan_out'], distribution=Literal['normal', 'uniform'],
                        nonlinearity=Literal['linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu']),
    'head': dict(in_channels=int | Sequence[int] | None),
}
#: Options that may be of another type than their default: a truth value, or the path of weights.
_UNTOLD = ('pretrained', )
#: Where an option's own components are registered, and what fills in their further options.
_NESTED: dict[str, tuple[Registry, str]] = {
    'init_cfg': (WEIGHT_INITIALIZERS, 'initializer'), 'metrics': (METRICS, 'metric'), 'methods': (METHODS, ''),
    'optimizer': (OPTIMIZERS, 'optimizer'), 'vis_backends': (VISBACKENDS, 'backend'),
    'distance': (METHODS, 'distance'),
    **dict.fromkeys(('norm_cfg', 'act_cfg', 'conv_cfg'), (MODELS, 'layer')),
    **dict.fromkeys(('distribution_balanced', 'saliency_guided', 'inversion', 'data_preprocessor'), (MODELS, ''))}


def component_problems(registry: Registry, config: Any, where: str, kind: str = '') -> Iterator[str]:
    """Say whether a component exists and takes the options it is given, at any depth.

    Args:
        registry: Where it is looked up.
        config: Its config.
        where: The place of the config, for the sentences.
        kind: What fills in further options: a key of ``GIVEN_BY_ENGINE`` or ``TAKEN_BY_MMENGINE``.
    """
    if not isinstance(config, Mapping) or 'type' not in config:
        yield f'{where} is {shortened(config)}, expected dict(type=NAME, ...)'
        return
    component = config['type']
    if isinstance(component, str):
        name, component = component, find_component(registry, component)
        if component is None:
            yield f'{where} names the unknown {registry.name} {name!r}; {suggest(name, _known(registry))}'
            return
    if not inspect.isclass(component) and not inspect.isfunction(component):
        yield f'{where}.type is {shortened(config["type"])}, expected the name of a class; correct it'
        return
    yield from option_problems(component, config, where, kind)
    for key, part in config.items():
        if key not in _NESTED or not isinstance(part, Mapping | list | tuple):
            if key == 'init_cfg' and part is not None:
                yield f'{where}.{key} is {shortened(part)}, expected dict(type=NAME, ...)'
            continue
        several = {f'[{i}]': entry for i, entry in enumerate(part)} if isinstance(part, list | tuple) else {'': part}
        for number, entry in several.items():
            yield from component_problems(_NESTED[key][0], entry, f'{where}.{key}{number}', _NESTED[key][1])


def option_problems(component: Callable, config: Mapping, where: str, kind: str = '') -> Iterator[str]:
    """Say whether a class or function takes the options it is given, can use their values, and is given those it needs.

    What a value may be is said by the annotation in the signature, see :mod:`lhl.options`; of what is not lhl's own by
    ``FOREIGN``, or else by its annotation or its default.
    """
    given, taken = GIVEN_BY_ENGINE.get(kind, ()), TAKEN_BY_MMENGINE.get(kind, ())
    options, required, is_open = parameters_of(component)
    known = (set(options) - set(given)) | set(taken)
    unknown = [] if is_open else [key for key in config if key not in known and key not in {'type', '_scope_'}]
    for key in unknown:
        cure = suggest(str(key), known) if known else 'it has none'
        yield f'{where}: {component.__name__} has no option {key!r}; {cure}'
    if not unknown and kind not in ('scheduler', 'layer'):  # mmengine and the network fill in what those lack
        for name in required:  # what is missing beside something unknown is probably misspelt
            if name not in config and name not in given:
                yield f'{where}: {component.__name__} needs the option {name!r}; give it in the config'
    foreign = FOREIGN.get(kind, {})
    for key, value in config.items():
        if key in foreign and key in known:
            yield from value_problems(foreign[key], value, f'{where}.{key}')
        elif key in options and key not in (*taken, 'init_cfg') and not _is_default(options[key].default, value):
            annotation, default = options[key].annotation, options[key].default
            if annotation is inspect.Parameter.empty:
                annotation = Any if key in _UNTOLD else kind_of_default(default)
            yield from value_problems(annotation, value, f'{where}.{key}')


def _is_default(default: Any, value: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


@cache
def parameters_of(component: Callable) -> tuple[dict[str, inspect.Parameter], list[str], bool]:
    """Give the options that a class or function takes, the names of those that it needs, and whether it takes others.

    A class that passes ``**kwargs`` on takes its bases' options, too; which of them it fills in itself is not known.
    """
    options: dict[str, inspect.Parameter] = {}
    required: list[str] = []
    own = True
    for base in inspect.getmro(component) if inspect.isclass(component) else [component]:
        if base is object or (inspect.isclass(base) and '__init__' not in vars(base)):
            continue
        function = base.__init__ if inspect.isclass(base) else base
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # of a function in C nothing is known
            return options, required, True
        if inspect.isclass(base):
            del parameters[0]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        hints = _annotations(function)
        options = {**{p.name: p.replace(annotation=hints.get(p.name, p.annotation)) for p in named}, **options}
        if own:
            required = [p.name for p in named if p.default is p.empty]
            own = False
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return options, required, False
    return options, required, not own  # without any __init__ there are no options


def _annotations(function: Callable) -> dict[str, Any]:
    """Evaluate the annotations of a function; none where they name what is only imported to check types."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (AttributeError, NameError, TypeError):
        return {}


def find_component(registry: Registry, name: str) -> Any:
    """Look a component up; None where there is no such name."""
    try:
        return registry.get(name)
    except (RuntimeError, ImportError, ValueError, TypeError, AttributeError):  # of a name that cannot be imported
        return None


def _known(registry: Registry) -> list[str]:
    names = set()
    while registry is not None:
        names.update(registry.module_dict)
        registry = registry.parent
    return sorted(names)
