"""A stream that is learned in seconds: the shipped configs with a tiny ResNet on a few tiny images."""
import atexit
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from test_datasets.conftest import write_nyuv2
from tool_server import ToolServer

from lhl.engine import train_stream

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
STREAM = ('segmentation', 'depth', 'normal')
FOLDERS = ('phase1_segmentation', 'phase2_depth', 'phase3_normal')
METHODS = dict(
    Vanilla=dict(type='Vanilla'),
    DIS=dict(type='DIS', alpha=1.0),
    HAD=dict(
        type='HAD', alpha=1.0, group_threshold=0.9, distribution_balanced=dict(type='DistributionBalancedLoss'),
        saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5)))

_CONFIG = '''
_base_ = [{bases}]
model = dict({model})
method = {method}
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, pin_memory=False,
    dataset=dict(data_root={data_root!r}, pipeline=[
        dict(type='RandomScaleCrop', scales=(1.0, 1.2, 1.5)),
        dict(type='RandomHorizontalFlip', probability=0.5),
        dict(type='PackSample')]))
val_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root={data_root!r}))
train_cfg = dict(max_epochs=2)
log_level = 'WARNING'
'''
_TWO_STAGES = dict(num_stages=2, out_indices=(1, ), strides=(1, 2), dilations=(1, 1))
#: A narrow ResNet-18, for tests of backbones and heads, and its first two stages, enough for all others.
WHOLE_RESNET = (
    'backbone=dict(stem_channels=8, base_channels=8, init_cfg=None), '
    'head=dict(in_channels=64, channels=8, dilations=(1, 2))')
HALF_RESNET = (
    f'backbone=dict(stem_channels=8, base_channels=8, init_cfg=None, **{_TWO_STAGES}), '
    'head=dict(in_channels=16, channels=8, dilations=(1, 2))')
_BASES = ('models/resnet18_aspp.py', 'datasets/nyuv2.py', 'schedules/adam_synth_rooms.py', 'default_runtime.py')


def halve(model):
    """Leave out the last two stages of a model's ResNet, which a test of everything around it does not need."""
    model.backbone.update(_TWO_STAGES)
    model.head.in_channels = 2 * model.backbone.base_channels


def write_data(root, per_phase=6, val=4, size=(32, 48)):
    """Write random images, a tenth of their pixels without label, depth or normal."""
    write_nyuv2(root, per_phase * len(STREAM), size, ('train', ))
    return write_nyuv2(root, val, size, ('val', ))


def write_config(path, data_root, method='HAD', base_model=_BASES[0], model=HALF_RESNET, extra=''):
    """Write the config file of the tiny stream: two epochs of three batches of two images in each phase."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_CONFIG.format(
        bases=', '.join(repr(str(CONFIGS / '_base_' / base)) for base in (base_model, *_BASES[1:])), model=model,
        method=METHODS[method], data_root=str(data_root)) + extra)
    return path


def stream_config(path, data_root, work_dir, method='HAD', model=HALF_RESNET, **options):
    """Write and read the config; options have dots written as double underscores, ``method__alpha=2``."""
    cfg = Config.fromfile(write_config(path, data_root, method, model=model))
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    cfg.work_dir = str(work_dir)
    return cfg


def listing(folder):
    """Everything below a folder with a hash of what it holds."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            for path in sorted(Path(folder).rglob('*'))}


def run_tool(*command, timeout=300, **environment):
    """Run a tool as a person would, from the root of the repository, on one core, where Ctrl-C is not ignored."""
    command = [str(part) for part in command]
    paths = [str(ROOT / 'tests'), os.environ.get('PYTHONPATH', '')]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable,
                   'PYTHONPATH': os.pathsep.join(filter(None, paths)), **environment}
    if command[0].endswith(('train.py', 'extend.py', 'train.sh')):
        command.append('--no-page')
    if command[0].endswith('.py'):
        return run_python(command, ROOT, environment, timeout)
    return subprocess.run(
        ['bash', *command], cwd=ROOT, capture_output=True, text=True, timeout=timeout, env=environment,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))  # background jobs ignore it


def run_python(arguments, cwd, environment, timeout=300):
    """Run a Python file, or ``-m MODULE``, with arguments."""
    with tempfile.TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, 'stdout'), Path(folder, 'stderr')
        for file in (stdout, stderr):
            file.touch()
        arguments = [str(argument) for argument in arguments]
        status = _TOOLS.run(arguments, cwd, environment, stdout, stderr, timeout)
        return subprocess.CompletedProcess(arguments, status, stdout.read_text(), stderr.read_text())


# ---- fixtures, which the conftest of each folder imports -----------------------------------------------------------

_FINISHED = {}
_TOOLS = ToolServer()
atexit.register(_TOOLS.close)


@pytest.fixture(scope='session', autouse=True)
def one_thread_and_no_ceremony():
    """Make numbers comparable with those of subprocesses, and spare every phase seconds of mmengine's ceremony.

    These are its survey of the compilers on the machine and its typesetting of the config, which it repeats at will.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
        monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **style: (text, True))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def data_root(tmp_path_factory):
    """The data of all runs, written once: each folder's conftest has its own copy of a session's fixtures."""
    if 'data' not in _FINISHED:
        _FINISHED['data'] = write_data(tmp_path_factory.mktemp('data'))
    return _FINISHED['data']


@pytest.fixture(scope='session')
def finished(tmp_path_factory, data_root):
    """Give for a method its config and its finished run, which is trained once and not to be changed."""
    def train(method):
        if method not in _FINISHED:
            folder = tmp_path_factory.mktemp(method)
            cfg = stream_config(folder / f'{method}.py', data_root, folder / 'run', method)
            train_stream(cfg)
            _FINISHED[method] = cfg
        return _FINISHED[method], Path(_FINISHED[method].work_dir)
    return train
