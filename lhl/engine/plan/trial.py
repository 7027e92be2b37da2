"""Builds once, before anything is written, what the phases will build: what cannot be built is named at once."""
import contextlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger, print_log
from mmengine.registry import DefaultScope
from mmengine.runner.priority import get_priority
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from lhl.errors import ConfigError, Problems
from lhl.models import Learner, without_gradient_checkpointing
from lhl.models.idle_weights import idle_weights
from lhl.models.learner import PROBE_SIZE
from lhl.models.pretraining import without_checkpoints
from lhl.registry import HOOKS, LOG_PROCESSORS, METRICS, MODELS, OPTIM_WRAPPERS, OPTIMIZERS, PARAM_SCHEDULERS

from .mmengine_config import metric_configs, phase_model
from .stream import PhaseSpec, Stream

#: The learners that were built to check them, as text, and the warning for each: a stream may come back to a backbone,
#: and a suite to a stream.
_BUILT: dict[str, str] = {}
#: A smaller part of a backbone that learns nothing, such as the norms of maps that no head uses, is not worth a word.
_IDLE = 0.01


def try_surroundings(cfg: Config, phases: Sequence[PhaseSpec], problems: Problems) -> None:
    """Build the optimizers and schedules of the phases, the hooks, and what writes the log.

    Args:
        cfg: The stream's config.
        phases: Its phases; only what they merge is looked at.
        problems: What is known of them; it gets what else is wrong.
    """
    plain, tried = cfg.to_dict(), set[str]()
    with _building():
        for phase in phases:
            if phase.trained_by is None:
                _try_optimizer(phase, plain, problems, tried)
        if problems.sound('surroundings'):
            hooks = {f'custom_hooks[{i}]': hook for i, hook in enumerate(plain.get('custom_hooks') or [])}
            hooks |= {f'default_hooks.{name}': hook
                      for name, hook in (plain.get('default_hooks') or {}).items() if hook}
            for where, hook in hooks.items():
                with problems.translated(f'{where} cannot be built'):
                    get_priority(hook.pop('priority', 'NORMAL'))
                    built = HOOKS.build(hook)
                    if not isinstance(built, Hook):
                        raise ConfigError(f'{where} names {hook["type"]!r}, which is no hook; give the name of one')
                    if hasattr(built, 'ema_cfg'):  # what mmengine's EMAHook passes on when the training begins
                        MODELS.build(built.ema_cfg, default_args=dict(model=nn.Linear(1, 1)))
            with problems.translated('log_processor cannot be built'):
                LOG_PROCESSORS.build({'type': 'LogProcessor', **(plain.get('log_processor') or {})})


def _try_optimizer(phase: PhaseSpec, plain: Mapping, problems: Problems, tried: set[str]) -> None:
    """Let an optimizer make a step, and its schedules, on a single number."""
    own = f'phases[{phase.index - 1}].'
    where = {section: own * (getattr(phase, section) != plain.get(section)) + section
             for section in ('optim_wrapper', 'param_scheduler', 'method')}
    if not problems.sound('optim_wrapper', f'{own}optim_wrapper') or not isinstance(phase.optim_wrapper, Mapping):
        return
    text = _text([phase.optim_wrapper, phase.param_scheduler, phase.method.get('optimizer')])
    if text in tried:
        return
    tried.add(text)
    wrapper = None
    with problems.translated(f'{where["optim_wrapper"]} cannot be used', at=where['optim_wrapper']):
        wrapper = _wrapped(phase.optim_wrapper['optimizer'], phase.optim_wrapper)
    if 'optimizer' in phase.method and problems.sound('method', where['method']):
        with problems.translated(f'{where["method"]}.optimizer cannot be used', at=where['method']):
            _wrapped(phase.method['optimizer'], dict(type='OptimWrapper'))
    schedules = phase.param_scheduler or []
    if wrapper is not None and problems.sound('param_scheduler', f'{own}param_scheduler'):
        for schedule in [schedules] if isinstance(schedules, Mapping) else schedules:
            with problems.translated(f'{where["param_scheduler"]} cannot be used', at=where['param_scheduler']):
                # Long enough: how many iterations there are is known with the data.
                PARAM_SCHEDULERS.build({'end': 10**6, **schedule}, default_args=dict(
                    optimizer=wrapper, epoch_length=1000))


def _wrapped(optimizer: Mapping, wrapper: Mapping) -> Any:
    """Build an optimizer in its wrapper, and make a step."""
    number = nn.Parameter(torch.zeros(1))
    options = {key: value for key, value in wrapper.items() if key not in ('constructor', 'paramwise_cfg', 'optimizer')}
    built = OPTIM_WRAPPERS.build(dict(options, optimizer=OPTIMIZERS.build(dict(optimizer, params=[number]))))
    built.update_params(number.sum())
    return built


def try_learners(stream: Stream, problems: Problems) -> None:
    """Build the learner of each backbone with all its heads, and run it on black images; build the metrics.

    Args:
        stream: The stream.
        problems: What is known of it; it gets what else is wrong.
    """
    configs, notes = stream.task_configs, []
    with _building():
        for name, task in stream.tasks.items():
            for config in metric_configs(task, configs[name]):
                with problems.translated(f'tasks.{name}.metrics cannot be built', at=f'tasks.{name}'):
                    METRICS.build(config)
        first = 0
        for phase, following in zip(stream.phases, [*stream.phases[1:], None], strict=True):
            if following is not None and following.continues and following.backbone == phase.backbone:
                continue  # the last phase with a backbone has all its heads
            place, first = f'phases[{first}].backbone', phase.index
            if problems.sound('model', place):
                where = 'model' if phase.backbone == stream.cfg.model.backbone.to_dict() else place
                kind = phase.backbone['type']
                with problems.translated(f'{where}: {kind} cannot be built with its heads, or run on a {PROBE_SIZE}x'
                                         f'{PROBE_SIZE} image', at=where):
                    notes.append(f'{where}: {note}' if (note := try_learner(phase_model(stream, phase))) else '')
    for note in filter(None, notes):
        print_log(note, logger='current', level=logging.WARNING)


def try_learner(model: Mapping, batch_size: int = 2) -> str:
    """Build a learner from random weights, and run it once as in training, unless that is known to succeed.

    Returns:
        The warning for a backbone of which a part learns nothing; otherwise an empty text.
    """
    model = {**model, 'backbone': without_checkpoints(model['backbone'])}
    text = _text([model, batch_size])
    if text not in _BUILT:
        learner = MODELS.build(model)
        learner.init_weights()
        for head in learner.heads.values():
            head.init_weights()
        learner.train()
        with without_gradient_checkpointing(learner):
            features = learner.extract_features(torch.zeros(batch_size, 3, *learner.probe_size))
            raw = learner.run_heads(features, learner.tasks)
        _BUILT[text] = _idle_part(learner, features, raw.values())
    return _BUILT[text]


def _idle_part(learner: Learner, features: Sequence[torch.Tensor], outputs: Iterable[torch.Tensor]) -> str:
    """Say which part of a backbone gets no gradient from the feature maps that the heads use."""
    trained = sum(weight.numel() for weight in learner.backbone.parameters() if weight.requires_grad)
    share = sum(weight.numel() for weight in idle_weights(learner.backbone, outputs)) / max(trained, 1)
    if share < _IDLE:
        return ''
    maps = ', '.join(f'{index}: {m.shape[1]} channels of {m.shape[2]} x {m.shape[3]}'
                     for index, m in enumerate(features))
    return (f'{share:.0%} of the weights of {type(learner.backbone).__name__} get no gradient from the feature maps '
            f'that the heads use; name others with in_index of the head, or fewer with out_indices of the backbone '
            f'(of an image of {learner.probe_size[0]} x {learner.probe_size[1]} it gives {maps})')


class _Undrawn(TorchDispatchMode):
    """Give weights one value in place of random ones: a trial asks whether a network runs, and drawing takes longer."""

    _DRAWING = frozenset((torch.ops.aten.uniform_, torch.ops.aten.normal_, torch.ops.aten.erfinv_))

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func.overloadpacket in self._DRAWING:
            return args[0].fill_(0.01)
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def _building() -> Iterator[None]:
    """Build as a Runner does, but in silence, and without a trace in torch's generator."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with DefaultScope.overwrite_default_scope('lhl'), torch.random.fork_rng(devices=()), _Undrawn():
            yield
    finally:
        logging.disable(level)
        for logger in MMLogger._instance_dict.values():
            logger._cache.clear()  # mmengine's loggers keep in mind that they were silent; logging does not know them


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
