"""The benchmark of loading: its arithmetic by hand, and one short run of it."""
import math
import mmap
import multiprocessing
import re
import subprocess
import sys
import time

import pytest
from sentences import the_error

from lhl.apis.speed.loading import (
    Cost,
    measure_loading,
    processor_seconds,
    resident_mib,
    slope,
    total,
    write_random_images,
)
from lhl.datasets import NYUv2
from lhl.errors import ConfigError


def test_rates_are_those_of_the_sums_and_no_means_of_rates():
    cost = total([Cost(10, 1.0, 0.5), Cost(30, 1.0, 1.5)])
    assert cost == (40, 2.0, 2.0)
    assert cost.rate == 20
    assert cost.processor_ms == 50


def test_the_slope_of_a_line_is_exact_and_has_no_error():
    rise, error = slope([700.5, 700.75, 701.0, 701.25])
    assert rise == 0.25 and error == 0


def test_the_slope_and_its_error_are_those_of_the_textbook():
    # y = 1, 3, 2 at x = -1, 0, 1: slope (2 - 1) / 2; residuals -1/2, 1, -1/2; error sqrt(1.5 / (3 - 2) / 2).
    rise, error = slope([1.0, 3.0, 2.0])
    assert rise == pytest.approx(0.5) and error == pytest.approx(math.sqrt(0.75))


def test_resident_memory_grows_by_what_is_filled():
    before = resident_mib('self')
    block = mmap.mmap(-1, 64 * 2**20)  # not from numpy, which may reuse what it once had
    block.write(b'x' * len(block))
    assert resident_mib('self') - before > 60
    block.close()


def test_the_memory_of_another_process_is_read():
    child = subprocess.Popen([sys.executable, '-c', 'block = b"x" * 2**25; print(flush=True); input()'],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    assert 32 < resident_mib(child.pid) < 64
    child.communicate(b'\n')
    assert math.isnan(resident_mib(child.pid))


def _count(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize('where', ['here', 'in a worker that lives', 'in a worker that has ended'])
def test_processor_time_is_counted_wherever_it_is_used(where):
    context = multiprocessing.get_context('fork')
    before = processor_seconds()
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
    used = processor_seconds() - before
    if where == 'in a worker that lives':
        leave.set()
        worker.join()
    assert 0.27 < used < 0.6


def test_random_images_are_what_the_loader_takes(tmp_path):
    tasks = dict(segmentation=dict(type='SemanticSegmentation', num_classes=13), depth=dict(type='DepthEstimation'),
                 normal=dict(type='SurfaceNormalEstimation'))
    write_random_images(tmp_path, 3, (6, 8), tasks)
    dataset = NYUv2(tmp_path, 'train', tasks, [dict(type='PackSample')])
    assert len(dataset) == 3
    assert all(dataset[index]['inputs'].shape == (3, 6, 8) for index in range(3))


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_the_benchmark_compares_the_loader_with_the_learner_and_judges_the_memory(tool):
    code, stdout, _ = tool('benchmarks/loading.py', '--size', 16, 24, '--epochs', 6, '--images', 9, '--batch-size', 4,
                           '--workers', 1, '--phase', 2)
    lines = stdout.splitlines()
    # Of nine images two batches of four are taken.
    assert code == 0 and lines[0] == ('had/had_r18_nyuv2.py, phase 2 (depth): batches of 4, 16x24, 1 workers, 1 '
                                      'threads, 2 batches an epoch, 0 MiB decoded')
    rates, costs = zip(*([float(cell) for cell in line.split('|')[1:]] for line in lines[2:7]), strict=True)
    for (loader, baseline, learner, to_baseline, to_learner), digits in ((rates, 0.02), (costs, 0.05)):
        assert to_baseline == pytest.approx(loader / baseline, rel=digits)
        assert to_learner == pytest.approx(loader / learner, rel=digits)
    number = r'(\d+\.\d) MiB, [+-]\d+\.\d{3} \+- \d+\.\d{3} MiB per epoch'
    for line, name in zip(lines[7:], ('process', 'workers'), strict=True):
        assert 50 < float(re.fullmatch(f'memory of the {name}: {number}', line)[1]) < 5000


@pytest.mark.parametrize('options, message', [
    (dict(images=3, batch_size=4), 'the 3 images of the phase do not fill a batch of 4; lower `batch_size`'),
    (dict(phase=4), '`phase=4` does not exist; had/had_r18_nyuv2.py has phases 1 to 3'),
    (dict(epochs=5), 'found 5 `epochs`, expected 6 or more')])
def test_what_cannot_be_measured_is_said_in_one_sentence(options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        measure_loading('had/had_r18_nyuv2.py', workers=0, size=(16, 24), **options)


def test_the_tool_names_its_flags(tool):
    code, _, stderr = tool('benchmarks/loading.py', '--phase', 4)
    assert the_error(code, stderr) == 'error: --phase 4 does not exist; had/had_r18_nyuv2.py has phases 1 to 3'
