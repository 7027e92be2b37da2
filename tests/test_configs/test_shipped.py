"""Each shipped config passes its checks, names what exists, and is what it was before."""
import json
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import Registry
from test_engine.resolved import phase_config, task_names
from test_engine.tiny_stream import CONFIGS

import lhl.registry
from lhl.engine import Stream, config_hash, write_checkpoint
from lhl.engine.checkpoint import CHECKPOINT_VERSION
from lhl.engine.runtime.learner_runner import PlainConfig
from lhl.engine.sources.base import Source, SourcePhase
from lhl.engine.sources.extend import extended_config
from lhl.engine.sources.external_teacher import check_external_teachers
from lhl.evaluation import PhaseResults
from lhl.stored_configs import check_stored_config

from .shipped import EXTENSIONS, KDAM, LEAVES, TINY, config, read

#: The hash of each config, by its path.
HASHES = Path(__file__).parents[1] / 'data' / 'config_hashes.json'
#: Streams of which two methods and what is no plain config of a method stand for all: the slow tests resolve each.
STREAMS_LIKE_OTHERS = ('r18_nyuv2', 'r50_nyuv2', 'r18_cityscapes', 'r50_cityscapes', 'r18_taskonomy', 'split_cifar10',
                       'split_cifar100', 'split_tiny_imagenet', 'synthrooms3', 'synthrooms3_normals_first')
STANDING_FOR_ALL = ('vanilla', 'had', 'hcl', 'joint')
#: Networks that take seconds to build, where smaller ones stand for them.
LARGE = ('dist_swin_b_to_swin_t_nyud', 'dist_swin_l_to_hrnet18_nyud', 'had_growing_nyuv2', 'hcl_split_cifar100',
         'joint_swin_b_pascal_context', 'joint_swin_l_pascal_context')


def is_like_others(path):
    """Whether other configs of the same stream, method or network stand for this one."""
    separate = path.parent == KDAM and path.stem.startswith('single_task')  # a network for each task
    return separate or path.stem in LARGE or (
        any(path.stem.endswith(f'_{stream}') for stream in STREAMS_LIKE_OTHERS)
        and not any(path.stem == f'{method}_{stream}' for method in STANDING_FOR_ALL for stream in STREAMS_LIKE_OTHERS))


@cache
def stream_of(path):
    """The stream of a config, resolved once: it is what most of the time of these tests goes into."""
    return Stream.from_config(read(path), check=not is_like_others(path))


def with_teacher(cfg, folder):
    """The config with a checkpoint in place of the run that teaches it: the model of the config that the run is named
    after, without its weights.
    """
    if 'teacher' not in cfg.method:
        return cfg
    teacher = Config(read(KDAM / f'{Path(cfg.method.teacher).name}.py').to_dict())
    teacher.work_dir = str(folder)
    model = json.dumps(phase_config(teacher, 1).model.to_dict())
    write_checkpoint(dict(lhl=dict(version=CHECKPOINT_VERSION, model=model)), folder / 'phase.safetensors')
    cfg = Config(cfg.to_dict())
    cfg.method.teacher = str(folder / 'phase.safetensors')
    return cfg


@pytest.mark.parametrize('path', [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if is_like_others(path) else []) for path in LEAVES])
def test_every_shipped_config_passes(path, tmp_path):
    if 'teacher' in read(path).method or is_like_others(path):
        check_external_teachers(Stream.from_config(with_teacher(read(path), tmp_path)))
    else:
        assert stream_of(path).phases


@pytest.mark.parametrize('path', EXTENSIONS, ids=[path.stem for path in EXTENSIONS])
def test_every_config_of_a_new_task_passes_on_top_of_the_quickstart(path):
    old = config('had/had', TINY)
    phases = tuple(SourcePhase(
        dict(task=name, trained_by='HAD'), {name: old.val_dataloader.to_dict()},
        PhaseResults(1, [name], {}, 0, 0, 0, 0, 0, 0, 'hash', ''), {}) for name in task_names(old))
    source = Source(path, phases, old.tasks.to_dict(), old.model.to_dict(), seed=0)
    cfg = extended_config(source, read(path))
    assert task_names(cfg)[:3] == task_names(old) and len(path.read_text().splitlines()) <= 12


@cache
def is_registered(name):
    for registry in vars(lhl.registry).values():
        if isinstance(registry, Registry):
            try:
                if registry.get(name) is not None:
                    return True
            except RuntimeError:  # mmengine's answer to a name that is no importable object either
                pass
    return False


def types_in(value):
    """All names that stand behind the key ``type``, however deep."""
    if isinstance(value, dict):
        return {name for key, part in value.items()
                for name in ([part] if key == 'type' and isinstance(part, str) else types_in(part))}
    if isinstance(value, list | tuple):
        return {name for part in value for name in types_in(part)}
    return set()


def test_the_shipped_configs_name_registered_types_only():
    named = set().union(*(types_in(read(path).to_dict()) for path in LEAVES))
    assert named >= {'Learner', 'HAD', 'DistributionBalancedLoss', 'ASPPHead', 'NYUv2', 'PackSample', 'Adam'}
    assert {name for name in named if not is_registered(name)} == set()
    assert not is_registered('Lerner')


@pytest.mark.parametrize('path', LEAVES[::7], ids=[path.stem for path in LEAVES[::7]])
def test_the_config_that_a_run_keeps_reads_back(path, tmp_path):
    PlainConfig(read(path).to_dict()).dump(tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').to_dict() == read(path).to_dict()


def identities():
    """The hash of each config, by its path."""
    return {path.relative_to(CONFIGS).as_posix(): config_hash(stream_of(path)) for path in LEAVES}


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_run_of_each_config_can_be_read_from_its_files(path):
    """What a run stores names registered components alone, each of the kind that its place expects."""
    check_stored_config(json.loads(json.dumps(read(path).to_dict())), path)


def test_no_config_has_become_another_by_accident():
    """A run is resumed, and its first phase reused, where the hash of its config is the same.

    Where a config was changed on purpose, or a new one was added: ``python -m test_configs.test_shipped``, run in the
    folder ``tests``, rewrites the file, and the commit says which configs changed.
    """
    assert identities() == json.loads(HASHES.read_text())


if __name__ == '__main__':
    HASHES.write_text(json.dumps(identities(), indent=0) + '\n')
