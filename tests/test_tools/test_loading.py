"""The benchmark of loading: its arithmetic by hand, and one short run of it."""
import importlib.util
import math
import mmap
import re
import subprocess
import sys
import time

import pytest
from test_engine.tiny_stream import ROOT

from lhl.datasets import NYUv2
from lhl.errors import ConfigError

TOOL = ROOT / 'tools/benchmarks/loading.py'


@pytest.fixture(scope='module')
def loading():
    """The tool as a module."""
    spec = importlib.util.spec_from_file_location('loading', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rates_are_those_of_the_sums_and_no_means_of_rates(loading):
    cost = loading.total([loading.Cost(10, 1.0, 0.5), loading.Cost(30, 1.0, 1.5)])
    assert cost == (40, 2.0, 2.0)
    assert cost.rate == 20
    assert cost.processor_ms == 50


def test_the_slope_of_a_line_is_exact_and_has_no_error(loading):
    rise, error = loading.slope([700.5, 700.75, 701.0, 701.25])
    assert rise == 0.25 and error == 0


def test_the_slope_and_its_error_are_those_of_the_textbook(loading):
    # y = 1, 3, 2 at x = -1, 0, 1: slope (2 - 1) / 2; residuals -1/2, 1, -1/2; error sqrt(1.5 / (3 - 2) / 2).
    rise, error = loading.slope([1.0, 3.0, 2.0])
    assert rise == pytest.approx(0.5) and error == pytest.approx(math.sqrt(0.75))


def test_resident_memory_grows_by_what_is_filled(loading):
    before = loading.resident_mib('self')
    block = mmap.mmap(-1, 64 * 2**20)  # not from numpy, which may reuse what it once had
    block.write(b'x' * len(block))
    assert loading.resident_mib('self') - before > 60
    block.close()


def test_the_memory_of_another_process_is_read(loading):
    child = subprocess.Popen([sys.executable, '-c', 'block = b"x" * 2**25; print(flush=True); input()'],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    assert 32 < loading.resident_mib(child.pid) < 64
    child.communicate(b'\n')
    assert math.isnan(loading.resident_mib(child.pid))


def _count(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize('where', ['here', 'in a worker that lives', 'in a worker that has ended'])
def test_processor_time_is_counted_wherever_it_is_used(loading, where):
    context = loading.multiprocessing.get_context('fork')
    before = loading.processor_seconds()
    if where == 'here':
        _count(0.3)
    else:
        done, leave = context.Event(), context.Event()
        worker = context.Process(target=lambda: (_count(0.3), done.set(), leave.wait()))
        worker.start()
        done.wait()
        if where == 'in a worker that has ended':
            leave.set()
            worker.join()
    used = loading.processor_seconds() - before
    if where == 'in a worker that lives':
        leave.set()
        worker.join()
    assert 0.27 < used < 0.6


def test_random_images_are_what_the_loader_takes(loading, tmp_path):
    tasks = dict(segmentation=dict(type='SemanticSegmentation', num_classes=13), depth=dict(type='DepthEstimation'),
                 normal=dict(type='SurfaceNormalEstimation'))
    loading.write_random_images(tmp_path, 3, (6, 8), tasks)
    dataset = NYUv2(tmp_path, 'train', tasks, [dict(type='PackSample')])
    assert len(dataset) == 3
    assert all(dataset[index]['inputs'].shape == (3, 6, 8) for index in range(3))


@pytest.fixture
def run(loading, monkeypatch):
    """Run the tool from the root of the repository, on tiny images."""
    def run(*options):
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, 'argv', ['loading.py', '--size', '16', '24', '--epochs', '6', *options])
        loading.main()
    return run


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_the_benchmark_compares_the_loader_with_the_learner_and_judges_the_memory(run, capsys):
    run('--images', '9', '--batch-size', '4', '--workers', '1', '--phase', '2')
    lines = capsys.readouterr().out.splitlines()
    # Of nine images two batches of four are taken.
    assert lines[0] == ('configs/had/had_r18_nyuv2.py, phase 2 (depth): batches of 4, 16x24, 1 workers, 1 threads, '
                        '2 batches an epoch')
    rates, costs = zip(*([float(cell) for cell in line.split('|')[1:]] for line in lines[2:5]), strict=True)
    for (loader, learner, ratio), digits in ((rates, 0.02), (costs, 0.05)):
        assert ratio == pytest.approx(loader / learner, rel=digits)
    number = r'(\d+\.\d) MiB, [+-]\d+\.\d{3} \+- \d+\.\d{3} MiB per epoch'
    for line, name in zip(lines[5:], ('process', 'workers'), strict=True):
        assert 50 < float(re.fullmatch(f'memory of the {name}: {number}', line)[1]) < 5000


@pytest.mark.parametrize('options, message', [
    (('--images', '3', '--batch-size', '4'), 'the 3 images of the phase do not fill a batch of 4; lower --batch-size'),
    (('--phase', '4'), '--phase 4 does not exist; configs/had/had_r18_nyuv2.py has phases 1 to 3'),
])
def test_what_cannot_be_measured_is_said_in_one_sentence(run, options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        run('--workers', '0', *options)
