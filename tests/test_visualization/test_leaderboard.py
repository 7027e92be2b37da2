import csv
import io

import pytest

from lhl.visualization import Contestant, leaderboard_csv, leaderboard_table

from .contestants import board, run


def test_the_table():
    lines = leaderboard_table(board(joint_={0: run(40, at_once=True, seconds=(60, ), iterations=(20, ))},
                                    had={0: run(30, seconds=(10, 45)), 1: run(20, seed=1)})).splitlines()
    assert lines[:-2] == [
        '| rank | method | seeds | Δ ↑ (%) | segmentation ↑ (%) | depth ↑ (%) | time ↓ | memory ↓ | state ↓ (MiB) | '
        'images ↓ | parameters ↓ (%) |',
        '| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
        '|  | joint † | 1 | +50.00 | +100.00 | +0.00 | 2.00 x | 9.00 x | 0.0 | 0 | +0.0 |',
        '| 1 | had | 2 | +12.50 ± 17.68 | +25.00 ± 35.36 | +0.00 ± 0.00 | 1.25 ± 0.35 x | 1.00 ± 0.00 x | 0.0 | 0 | '
        '+0.0 |',
        '| 2 | vanilla | 2 | +0.00 ± 0.00 | +0.00 ± 0.00 | +0.00 ± 0.00 | 1.00 ± 0.00 x | 1.00 ± 0.00 x | 0.0 | 0 | '
        '+0.0 |']
    assert 'improvement over the mean of vanilla over the same seeds' in lines[-1]


def test_without_the_reference_there_is_no_table():
    contestants = [Contestant('vanilla', 'reference'), Contestant('had', 'method', {0: run()})]
    assert leaderboard_table(contestants) == 'No run can be compared with the reference yet.'


def test_the_bare_numbers_have_a_line_per_run():
    text = leaderboard_csv({'r18': board(had={0: run(30), 5: run(31, seed=5)})})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row['group'], row['method'], row['role'], row['seed']) for row in rows] == [
        ('r18', 'vanilla', 'reference', '0'), ('r18', 'vanilla', 'reference', '1'), ('r18', 'had', 'method', '0'),
        ('r18', 'had', 'method', '5')]
    had, unpaired = rows[2:]
    assert float(had['Delta']) == pytest.approx(25) and float(had['Delta segmentation']) == pytest.approx(50)
    assert (float(had['segmentation/mIoU']), float(had['depth/AbsErr'])) == (30, 0.5)
    assert (float(had['seconds per iteration']), float(had['time'])) == (1.5, 1)
    assert (unpaired['Delta'], unpaired['time'], unpaired['segmentation/mIoU']) == ('', '', '31.0')


def test_nothing_finished_is_a_header():
    assert len(leaderboard_csv({'': [Contestant('vanilla', 'reference')]}).splitlines()) == 1
