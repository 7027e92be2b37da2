"""What the sections of a config are, down to the keys of those that no component reads."""
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

from mmengine.config import Config

from lhl.errors import Problems, suggest
from lhl.models.learner import NORM_POLICIES
from lhl.options import Count, CountFrom0, NotNegative, value_problems

REQUIRED = ('model', 'tasks', 'phases', 'method', 'train_dataloader', 'val_dataloader', 'optim_wrapper', 'train_cfg')


class _Processes(TypedDict, total=False):
    mp_start_method: Literal['fork', 'spawn', 'forkserver']
    opencv_num_threads: CountFrom0
class _Environment(TypedDict, total=False):
    cudnn_benchmark: bool
    mp_cfg: _Processes
    dist_cfg: Mapping[str, Any]
    decoded_cache_gib: NotNegative
    resource_limit: Count
#: The seed is looked at beside the other sections.
class _Randomness(TypedDict, total=False):
    seed: Any
    diff_rank_seed: bool
    deterministic: bool
class _AutoScale(TypedDict, total=False):
    base_batch_size: Count
    enable: bool
class _Imports(TypedDict, total=False):
    imports: str | Sequence[str]
    allow_failed_imports: bool

#: How long a process waits for another one, in seconds, unless ``env_cfg.dist_cfg.timeout`` says otherwise.
TIMEOUT = 600
#: What processes may talk over, as PyTorch names it.
BACKENDS = ['nccl', 'gloo', 'mpi', 'ucc', 'hccl', 'cncl', 'mccl']
SCHEDULES = Mapping | Sequence[Mapping] | None
#: The sections that mmengine or lhl may find in a config, with what they are.
SECTIONS: dict[str, Any] = {
    **dict.fromkeys(REQUIRED, Mapping), 'tasks': Mapping[str, Any], 'phases': Sequence[Mapping],
    'val_dataloader': Mapping | None, 'param_scheduler': SCHEDULES, 'randomness': _Randomness, 'work_dir': str | None,
    'launcher': Literal['none', 'pytorch', 'slurm', 'mpi'],
    'log_level': Literal['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'], 'log_processor': Mapping | None,
    'visualizer': Mapping | None, 'vis_backends': Sequence[Mapping] | None, 'env_cfg': _Environment,
    'default_hooks': Mapping[str, Any] | None, 'custom_hooks': Sequence[Mapping] | None, 'custom_imports': _Imports,
    'default_scope': Literal['lhl', 'mmseg', 'mmengine'], 'auto_scale_lr': _AutoScale | None,
    'sync_bn': Literal['torch', 'mmcv'] | None, 'compile': bool | Mapping, 'resume': bool,
    'batch_norm': Literal[NORM_POLICIES], 'stored_images': CountFrom0, 'order': Sequence[str] | None,
    'starts_from': str, 'model_wrapper_cfg': Any, 'strategy': Any, 'runner_type': Any, 'teacher': Any,
}


def drop_misshapen(cfg: Config, problems: Problems) -> None:
    """Remove the sections that are not even what they should look like.

    Args:
        cfg: The config, which is changed: the further checks need not look whether a section is a dictionary.
        problems: Gets what is wrong, at the section.
    """
    plain = cfg.to_dict()
    for section in [key for key in SECTIONS if key in plain]:
        if not problems.add(*value_problems(SECTIONS[section], plain[section], section), at=section):
            cfg.pop(section)


def dist_problems(cfg: Config) -> Iterator[str]:
    """Say what is wrong with what a config wants of distributed training."""
    options = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    for key in sorted(options.keys() - {'backend', 'timeout'}):
        cure = 'set the environment variable MASTER_PORT' if key == 'port' else 'remove it'
        yield f'env_cfg.dist_cfg has the unknown option {key!r}, expected backend and timeout; {cure}'
    if options.get('backend', 'nccl') not in BACKENDS:
        yield (f"env_cfg.dist_cfg.backend is {options['backend']!r}, which is unknown; "
               f"{suggest(str(options['backend']), BACKENDS)}")
    timeout = options.get('timeout', TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < 1e7:
        yield f'env_cfg.dist_cfg.timeout={timeout!r} is no time; give a number of seconds above 0, such as {TIMEOUT}'
    wrapper = cfg.get('model_wrapper_cfg') or {}
    kind = wrapper.get('type', 'MMDistributedDataParallel') if isinstance(wrapper, dict) else wrapper
    if kind != 'MMDistributedDataParallel':
        yield (f'model_wrapper_cfg.type={kind!r} is not supported, because methods read and edit whole weights, which '
               f"it splits up or steps by itself; use 'MMDistributedDataParallel', or remove model_wrapper_cfg")
    for key in ('strategy', 'runner_type'):
        if cfg.get(key):
            yield (f'{key}={cfg[key]!r} is not supported: lhl has a runner of its own, and trains with '
                   f"'MMDistributedDataParallel' where there are several processes; remove it")
