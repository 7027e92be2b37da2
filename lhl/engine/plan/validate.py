"""Refuses a config that cannot run, before anything is built or written, in one sentence that names the cure."""
import copy
import inspect
import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from lhl.engine.runtime.optim_wrapper import LR_GROUPS, MethodOptimWrapper
from lhl.engine.sources.external_teacher import check_external_teacher
from lhl.errors import ConfigError, suggest
from lhl.methods import Method
from lhl.models.learner import NORM_POLICIES, PROBE_SIZE
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
from lhl.tasks import build_tasks, check_shared_heads

from .adapted_heads import OLD_HEADS
from .runner_config import (
    CONFIG_OVERRIDES,
    GIVEN_PHASE_OPTIONS,
    PHASE_OPTIONS,
    heads_of,
    is_same_backbone,
    method_name,
    num_given_phases,
    phase_adapted_heads,
    phase_backbones,
    phase_tasks,
    phase_val_dataloader,
    task_names,
)

REQUIRED = ('model', 'tasks', 'phases', 'method', 'train_dataloader', 'val_dataloader', 'optim_wrapper', 'train_cfg')
OPTIONAL = ('param_scheduler', 'randomness', 'work_dir', 'launcher', 'log_level', 'log_processor', 'visualizer',
            'vis_backends', 'env_cfg', 'default_hooks', 'custom_hooks', 'custom_imports', 'default_scope',
            'auto_scale_lr', 'sync_bn', 'compile', 'resume', 'batch_norm', 'stored_images', 'order', 'starts_from')
#: The most images that the methods of a stream may keep, as in the paper (HAD, Sec. 5.1).
STORED_IMAGES = 50
#: Filled in by the engine, so never in a user's config.
GIVEN_BY_ENGINE = {'dataset': ('tasks', 'seed'), 'task': ('name', ), 'model': ('tasks', ),
                   'head': ('out_channels', ), 'sampler': ('dataset', ), 'loop': ('runner', 'dataloader'),
                   'wrapper': ('optimizer', ), 'optimizer': ('params', ), 'scheduler': ('optimizer', )}
#: What mmengine itself takes out of a config before it builds the component.
TAKEN_BY_MMENGINE = {'dataloader': ('num_batch_per_epoch', 'disable_subprocess_warning'), 'loop': ('by_epoch', ),
                     'wrapper': ('optimizer', 'constructor', 'paramwise_cfg'), 'hook': ('priority', ),
                     'scheduler': ('convert_to_iter_based', )}


#: The learners that were built to check them, as text: a stream may come back to a backbone, and a suite to a stream.
_BUILT: set[str] = set()


def check_config(cfg: Config) -> None:
    """Check the names and options of a stream's config.

    Raises:
        ConfigError: For an unknown or missing key, component, task or option, with the closest known names.
    """
    # A config may hold variables of its own, so only what looks like a section is taken for a misspelt one.
    for key in cfg.to_dict():
        if key not in REQUIRED + OPTIONAL and get_close_matches(key, REQUIRED + OPTIONAL, n=1, cutoff=0.8):
            raise ConfigError(f'the config has an unknown section {key!r}; {suggest(key, REQUIRED + OPTIONAL)}')
    for key in REQUIRED:
        if key not in cfg:
            raise ConfigError(f'the config has no {key!r}; inherit a file of configs/_base_ that defines it')
    seed = cfg.get('randomness', {}).get('seed')
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ConfigError(f'randomness.seed is {seed!r}, expected an integer from 0 to 2**32 - 1; give one, because '
                          f'runs are compared and resumed by it')
    for name, task in cfg.tasks.items():
        _check_component(TASKS, task, f'tasks.{name}', 'task')
    _check_phases(cfg)
    check_shared_heads(build_tasks({name: cfg.tasks[name].to_dict() for name in task_names(cfg)}).values())
    _check_component(MODELS, cfg.model, 'model', 'model')
    _check_component(MODELS, cfg.model.backbone, 'model.backbone')
    _check_component(MODELS, cfg.model.head, 'model.head', 'head')
    known_heads = heads_of(cfg, cfg.tasks)
    for name, head in (cfg.model.get('heads') or {}).items():
        if name not in known_heads:
            raise ConfigError(f'model.heads names the unknown task {name!r}; {suggest(name, known_heads)}')
        _check_component(MODELS, head, f'model.heads.{name}', 'head')
    if cfg.model.get('data_preprocessor') is not None:
        _check_component(MODELS, cfg.model.data_preprocessor, 'model.data_preprocessor')
    check_dataloader(cfg, 'val_dataloader')
    for i, hook in enumerate(cfg.get('custom_hooks') or []):
        _check_component(HOOKS, hook, f'custom_hooks[{i}]', 'hook')
    _check_overridable(cfg, '')
    if cfg.get('batch_norm', 'train') not in NORM_POLICIES:
        raise ConfigError(f'batch_norm={cfg.batch_norm!r} is unknown; {suggest(str(cfg.batch_norm), NORM_POLICIES)}')
    methods = []
    for i, phase in enumerate(cfg.to_dict()['phases']):
        overridden = copy.deepcopy(cfg)
        if phase.get('val_dataloader') is not None:
            overridden.val_dataloader = phase_val_dataloader(cfg, phase)
            check_dataloader(overridden, 'val_dataloader', f'phases[{i}].')
        if 'trained_by' in phase:
            methods.append(None)
            continue
        try:
            overridden.merge_from_dict({key: phase[key] for key in CONFIG_OVERRIDES if key in phase})
        except (TypeError, KeyError) as error:
            raise ConfigError(f'phases[{i}] does not fit the config it overrides ({error})') from error
        _check_overridable(overridden, f'phases[{i}].')
        methods.append(_check_method(overridden, f'phases[{i}].' if 'method' in phase else ''))
    _check_same_method([method for method in methods if method is not None])
    _check_backbones(cfg, methods)


def _check_overridable(cfg: Config, where: str) -> None:
    """Check the sections that a phase may override."""
    _check_component(METHODS, cfg.method, f'{where}method')
    for i, method in enumerate(cfg.method.get('methods', [])):  # of Combined
        _check_component(METHODS, method, f'{where}method.methods[{i}]')
    check_dataloader(cfg, 'train_dataloader', where)
    _check_component(OPTIM_WRAPPERS, cfg.optim_wrapper, f'{where}optim_wrapper', 'wrapper')
    _check_component(OPTIMIZERS, cfg.optim_wrapper.get('optimizer'), f'{where}optim_wrapper.optimizer', 'optimizer')
    if isinstance(cfg.train_cfg, Mapping) and 'type' not in cfg.train_cfg:
        loop = EpochBasedTrainLoop if cfg.train_cfg.get('by_epoch', True) else IterBasedTrainLoop
        _check_options(loop, cfg.train_cfg, f'{where}train_cfg', 'loop')
    else:
        _check_component(LOOPS, cfg.train_cfg, f'{where}train_cfg', 'loop')
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in [schedulers] if isinstance(schedulers, Mapping) else schedulers:
        _check_component(PARAM_SCHEDULERS, scheduler, f'{where}param_scheduler', 'scheduler')


def _check_method(cfg: Config, where: str) -> Method:
    """Check that the stream gives a method what it requires."""
    method = METHODS.build(cfg.method.to_dict())
    name, requires = type(method).__name__, method.requires
    if num_given_phases(cfg):
        _check_extending(cfg, method, where)
    limit = cfg.get('stored_images', STORED_IMAGES)
    if requires.stored_images > limit:
        raise ConfigError(f'{where}method: {name} is to store {requires.stored_images} images, but the stream allows '
                          f'{limit}; lower method.memory_size, or raise stored_images where the data may be kept')
    if requires.single_phase and len(cfg.phases) > 1:
        raise ConfigError(f'{where}method: {name} learns all tasks at once, but phases has {len(cfg.phases)} entries; '
                          f"give phases=[dict(tasks=['segmentation', 'depth', ...])]")
    wrapper = OPTIM_WRAPPERS.get(cfg.optim_wrapper.type)
    if requires.edits and not issubclass(wrapper, MethodOptimWrapper):
        raise ConfigError(f'{where}method: {name} edits the {requires.edits}, which {wrapper.__name__} cannot; '
                          f"use optim_wrapper.type='MethodOptimWrapper'")
    if requires.external_teacher is not None:
        check_external_teacher(cfg, requires.external_teacher, f'{where}method')
    return method


def _check_extending(cfg: Config, method: Method, where: str) -> None:
    """Refuse a method that cannot go on where another run has ended."""
    name, requires = type(method).__name__, method.requires
    if requires.single_phase or requires.separate_models:
        raise ConfigError(f'{where}method: {name} learns no phase on top of another, so no run can be extended with '
                          f'it; use a method that asks a teacher, such as HAD, DIS or LwF')
    others = sorted({entry.trained_by for entry in cfg.phases if 'trained_by' in entry} - {method_name(cfg.method)})
    if others and _needs_earlier_phases(method):
        raise ConfigError(f'{where}method: {name} needs what it gathers at the end of each phase, but earlier phases '
                          f'were trained by {" and ".join(others)}; use a method that asks a teacher, such as HAD, DIS '
                          f'or LwF')


def _needs_earlier_phases(method: Method) -> bool:
    """Say whether a method builds on what it has gathered in all phases before."""
    if hasattr(method, 'methods'):  # Combined
        return any(map(_needs_earlier_phases, method.methods))
    requires, carries = method.requires, type(method).state_dict is not Method.state_dict
    return carries and bool(requires.same_backbone or requires.stored_images or requires.edits)


def _check_same_method(methods: list[Method]) -> None:
    """Refuse a change of method where one could not take up what the other carries."""
    names = sorted({type(method).__name__ for method in methods})
    needs = [method.requires for method in methods]
    if len(names) > 1 and any(need.same_backbone or need.stored_images or need.edits for need in needs):
        raise ConfigError(f'the phases name the methods {" and ".join(names)}, which cannot take up what the other '
                          f'carries; use one method for the whole stream')


def _check_backbones(cfg: Config, methods: list[Method | None]) -> None:
    """Check the backbones that the phases name, and refuse a change that the method cannot follow.

    A phase that another run has trained has no method here.
    """
    before = None
    for i, (phase, backbone, method) in enumerate(zip(cfg.phases, phase_backbones(cfg), methods, strict=True)):
        if 'backbone' in phase:
            where = f'phases[{i}].backbone'
            _check_component(MODELS, backbone, where)
            tied = method is not None and method.requires.same_backbone
            if before is not None and tied and not is_same_backbone(backbone, before):
                raise ConfigError(f'{where} is another one than in phase {i}, but {type(method).__name__} is tied to '
                                  f'the weights or features of one; leave it away, or use a method that compares '
                                  f'outputs, such as HAD, DIS or LwF')
            if before is not None and not is_same_backbone(backbone, before):
                _check_heads_fit_any(cfg, where)
            if not is_same_backbone(backbone, cfg.model.backbone):
                _check_learner(cfg, backbone, where)
        if 'old_heads' in phase:
            if before is None or is_same_backbone(backbone, before):
                raise ConfigError(f'phases[{i}].old_heads={phase.old_heads!r}, but the phase has no backbone other '
                                  f'than that of the phase before; leave it away, or give the phase another backbone')
            phase_adapted_heads(cfg, i + 1)
        before = backbone


def _check_heads_fit_any(cfg: Config, where: str) -> None:
    """Refuse another backbone behind the head of a segmentor, which reads the feature maps of its own."""
    for name, head in (cfg.model.get('heads') or {}).items():
        if head.type == 'SegmentorHead':
            raise ConfigError(f'{where} is another one than before, but the head of {name} was trained with '
                              f'mmsegmentation and fits its own backbone alone; leave it away')


def _check_learner(cfg: Config, backbone: dict, where: str) -> None:
    """Build a learner with the backbone of a phase, and count its channels: the phase would fail after hours."""
    model = cfg.model.to_dict()
    model = {**model, 'backbone': backbone, 'head': {**model['head'], 'in_channels': None}, 'tasks': {}}
    text = json.dumps(model, sort_keys=True, default=str)
    if text in _BUILT:
        return
    try:
        MODELS.build(model)
        _BUILT.add(text)
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().split('\n')[0]
        raise ConfigError(f'{where}: {backbone["type"]} cannot be built, or run on a {PROBE_SIZE}x{PROBE_SIZE} image '
                          f'({type(error).__name__}: {reason}); correct its options') from error


def check_dataloader(cfg: Config, name: str, where: str = '') -> None:
    """Check a data loader of a config, its data set and its transforms.

    Raises:
        ConfigError: For an unknown or missing component or option.
    """
    loader, where = cfg[name], where + name
    if not isinstance(loader, Mapping) or 'dataset' not in loader:
        raise ConfigError(f'{where} has no dataset; inherit a file of configs/_base_/datasets')
    _check_options(DataLoader, loader, where, 'dataloader')
    if 'sampler' in loader:
        _check_component(DATA_SAMPLERS, loader.sampler, f'{where}.sampler', 'sampler')
    _check_component(DATASETS, loader.dataset, f'{where}.dataset', 'dataset')
    for i, transform in enumerate(loader.dataset.get('pipeline', [])):
        _check_component(TRANSFORMS, transform, f'{where}.dataset.pipeline[{i}]')


def _check_phases(cfg: Config) -> None:
    seen = []
    for i, phase in enumerate(cfg.phases, 1):
        if 'trained_by' in phase and i > num_given_phases(cfg):
            raise ConfigError(f'phase {i} was trained by another run, but phase {i - 1} was not; give those first')
        if ('task' in phase) == ('tasks' in phase) or not phase_tasks(phase):
            raise ConfigError(f'phase {i} names no task; give phases=[dict(task=NAME), ...], or tasks=[NAME, ...] to '
                              f'learn several at once')
        for name in phase_tasks(phase):
            if name not in cfg.tasks:
                raise ConfigError(f'phase {i} names the unknown task {name!r}; {suggest(name, cfg.tasks)}')
            if name in seen:
                raise ConfigError(f'phase {i} names the task {name!r} a second time; each task is learned once')
            seen.append(name)
        for key in phase:
            if key == 'model':
                raise ConfigError(f'phase {i} names a model of its own; give it a backbone=dict(type=NAME, ...) of its '
                                  f'own, all phases share the rest')
            if key == 'backbone' and not isinstance(phase[key], Mapping):
                raise ConfigError(f'phase {i} has the backbone {phase[key]!r}, expected dict(type=NAME, ...)')
            if 'trained_by' in phase and key not in ('task', 'tasks', *GIVEN_PHASE_OPTIONS):
                raise ConfigError(f'phase {i} was trained by another run, but has the option {key!r}; leave it away')
            if key not in ('task', 'tasks', 'trained_by', *PHASE_OPTIONS):
                raise ConfigError(f'phase {i} has the unknown option {key!r}; {suggest(key, PHASE_OPTIONS)}')
        if phase.get('old_heads', 'fresh') not in OLD_HEADS:
            raise ConfigError(f'phase {i} has old_heads={phase["old_heads"]!r}, which is unknown; '
                              f'{suggest(str(phase["old_heads"]), OLD_HEADS)}')
        for group in phase.get('lr_factors') or {}:
            if group not in LR_GROUPS:
                raise ConfigError(f'phase {i} has a learning-rate factor for {group!r}; {suggest(group, LR_GROUPS)}')
    if not seen:
        raise ConfigError('phases is empty; name at least one task')


def _check_component(registry: Registry, config: Mapping, where: str, kind: str | None = None) -> None:
    """Check that a component exists and takes the options it is given."""
    if not isinstance(config, Mapping) or 'type' not in config:
        raise ConfigError(f'{where} is {config!r}, expected dict(type=NAME, ...)')
    component = config['type']
    if isinstance(component, str):
        name, component = component, _find(registry, component)
        if component is None:
            raise ConfigError(f'{where} names the unknown {registry.name} {name!r}; {suggest(name, _known(registry))}')
    _check_options(component, config, where, kind)


def _check_options(component: Callable, config: Mapping, where: str, kind: str | None = None) -> None:
    """Check that a component takes the options it is given, and is given those it needs."""
    given = GIVEN_BY_ENGINE.get(kind, ())
    options, required = _parameters(component)
    if options is not None:
        options = (options - set(given)) | set(TAKEN_BY_MMENGINE.get(kind, ()))
        for key in config:
            if key not in options and key not in {'type', '_scope_'}:
                raise ConfigError(f'{where}: {component.__name__} has no option {key!r}; {suggest(key, options)}')
    missing = [name for name in required if name not in config and name not in given]
    if missing and kind != 'scheduler':  # mmengine fills in the end of a schedule
        raise ConfigError(f'{where}: {component.__name__} needs the option {missing[0]!r}; give it in the config')


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


def _find(registry: Registry, name: str) -> type | None:
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
