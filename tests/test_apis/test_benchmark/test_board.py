import csv

import pytest

from lhl.apis.benchmark.board import duration, machine


def test_the_leaderboard_ranks_what_is_finished_and_reports_the_rest(bench):
    bench.order(slow0=dict(m=12), own0=dict(phases=1, code=1, says='error: no'))
    bench.run(only=['slow'])
    text = (bench.work_dir / 'leaderboard.md').read_text()
    assert '| 1 | slow | 1 | +20.00 |' in text and '| 2 | vanilla | 1 | +0.00 |' in text
    assert '- not trained yet: own seed 0' in text
    bench.run()
    text = (bench.work_dir / 'leaderboard.md').read_text()
    assert '- own seed 0 failed: no' in text and 'not trained yet' not in text
    assert '| method | a: m ↑ | b: m ↑ | MR ↓ |' in text and '| slow | **12.0000** |' in text
    for what in ('| command | `', f'| machine of the last call | {machine()} |', '| python of the last call | 3',
                 '| versions that trained | ', '| wall time | '):
        assert what in text
    rows = list(csv.DictReader((bench.work_dir / 'leaderboard.csv').open()))
    assert [(row['method'], float(row['Delta'])) for row in rows] == [('vanilla', 0), ('slow', pytest.approx(20))]
    assert (bench.work_dir / 'leaderboard.png').read_bytes().startswith(b'\x89PNG')


def test_a_later_call_with_another_seed_keeps_the_earlier_seeds_on_the_leaderboard(bench):
    bench.order(slow0=dict(m=12), slow1=dict(m=14))
    bench.run((0, ))
    bench.run((1, ))
    assert '| 1 | slow | 2 | +30.00 ± 14.14 |' in (bench.work_dir / 'leaderboard.md').read_text()


def test_the_versions_are_those_that_trained_the_runs(bench):
    bench.order(slow0=dict(versions={'torch': '2.1', 'numpy': '1.0'}))
    bench.run(only=['slow'])
    text = (bench.work_dir / 'leaderboard.md').read_text()
    assert '| versions that trained | torch 2.0 and 2.1, numpy 1.0 |' in text
    assert '- trained with different versions, which may differ, too: torch 2.0 and 2.1\n' in text


def test_runs_with_other_options_are_left_out(bench):
    bench.run((0, ))
    bench.run((1, ), options=['train_cfg.max_epochs=1'])
    rows = list(csv.DictReader((bench.work_dir / 'leaderboard.csv').open()))
    assert {row['seed'] for row in rows} == {'1'}


def test_without_the_reference_nothing_is_compared(bench):
    bench.order(vanilla0=dict(code=1, phases=1))
    bench.run()
    text = (bench.work_dir / 'leaderboard.md').read_text()
    assert 'No run can be compared with the reference yet.' in text
    assert '- left out, because the reference of the same seed is not finished: slow seed 0, own seed 0' in text


@pytest.mark.parametrize('seconds, text', [
    (0.4, '0 s'), (59.6, '1 min 0 s'), (200, '3 min 20 s'), (3599.7, '1 h 0 min'), (7500, '2 h 5 min')])
def test_durations(seconds, text):
    assert duration(seconds) == text
