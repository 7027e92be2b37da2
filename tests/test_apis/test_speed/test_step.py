import re

import pytest

from lhl.apis.speed.step import PARTS, distillation_memory


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'pin_memory' argument", 'ignore:Seems like')
def test_a_training_step_is_taken_apart_and_compared_with_a_bare_loop(tool):
    code, stdout, _ = tool('benchmarks/step.py', '--config', 'had/had_tiny_synthrooms.py', '--size', 16, 24,
                           '--batch-size', 2, '--iterations', 3, '--memory-batch-size', 1)
    lines = stdout[stdout.index('had/had_tiny_synthrooms.py: batch 2, 16x24, '):].splitlines()
    assert code == 0
    rows = [[cell.strip() for cell in line.split('|')] for line in lines[2:5]]
    assert [row[0] for row in rows] == ['1 segmentation', '2 depth', '3 normal']
    for row in rows:
        *shares, other = map(float, row[2:len(PARTS) + 3])
        assert all(0 <= share < 100 for share in shares) and sum(shares) + other == pytest.approx(100, abs=0.4)
    # The first phase has no teacher; later its backbone runs once a step.
    assert [float(row[-2]) for row in rows] == [0, 1, 1] and all(float(row[-1]) > 0.5 for row in rows)
    assert [re.split(' +|:', line.strip())[0] for line in lines[-3:]] == ['segmentation', 'depth', 'normal']


def test_the_gradient_is_part_of_the_memory():
    peak, gradient = distillation_memory('normal', (64, 64), 8)
    assert gradient == 8 * 3 * 64 * 64 * 4 / 2**20 and peak >= 0
