import json
import math

from lhl.apis.report.training_log import read_logs
from lhl.evaluation import PhaseResults, Results


def results():
    found = Results('HAD', 0, ['depth'], 'c.py', 'hash', {}, {'depth': {}})
    found.add_phase(PhaseResults(1, ['depth'], {}, 1, 1, 1, 1, 0, 0, 'hash', 'phase1_depth/phase.safetensors'))
    return found


def write_log(run, start, lines):
    folder = run / 'phase1_depth' / start / 'vis_data'
    folder.mkdir(parents=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / 'scalars.json').write_text('\n'.join(texts))


def entry(iteration, new, lr=0.1, **more):
    return dict(more, iter=iteration, epoch=1, lr=lr, loss=new, loss_new_depth=new, step=iteration)


def test_of_an_iteration_that_several_logs_have_the_last_one_counts(tmp_path):
    write_log(tmp_path, '20260101_1', [entry(10, 4.0), entry(20, 3.0), {'depth/AbsErr': 1.0, 'step': 1}])
    write_log(tmp_path, '20260102_1', [entry(20, 2.0, 0.05), entry(30, 1.0, 0.02, loss_dis_rooms=0.5)])
    log, = read_logs(tmp_path, results())
    assert log.phase == 1 and log.iterations == [10, 20, 30] and log.learning_rates == [0.1, 0.05, 0.02]
    assert log.losses['loss_new_depth'] == [4, 2, 1]
    first, second, third = log.losses['loss_dis_rooms']
    assert math.isnan(first) and math.isnan(second) and third == 0.5
    assert list(log.losses) == ['loss_new_depth', 'loss_dis_rooms']  # and not the sum of all


def test_what_cannot_be_read_is_left_out(tmp_path):
    write_log(tmp_path, '20260101_1', [entry(10, 4.0), '{"iter": 20, "lo', '[1]', '"text"', json.dumps({'iter': '30'})])
    (tmp_path / 'phase1_depth/20260102_1/vis_data/scalars.json').mkdir(parents=True)
    log, = read_logs(tmp_path, results())
    assert log.iterations == [10]
    assert read_logs(tmp_path / 'elsewhere', results())[0].iterations == []
