import json
from copy import deepcopy

import pytest
from mmengine.config import Config
from test_engine.tiny_stream import listing, stream_config

from lhl.apis import search_strengths
from lhl.apis.strength_search import Step, Trial, best_options, best_trials, search_table
from lhl.engine import Stream, train_stream
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.errors import ConfigError, RunError
from lhl.evaluation import Results, relative_improvement

STEPS = [Step('phases.1.method.alpha', [0.5, 2.0]), Step('phases.2.loss_weight', [1, 4])]


@pytest.fixture
def cfg(tmp_path, data_root):
    return stream_config(tmp_path / 'had.py', data_root, tmp_path / 'unused', 'HAD')


@pytest.fixture
def iterations(monkeypatch):
    """Count the training steps of each phase."""
    counts = {}
    original = ContinualPhaseHook.before_train_iter

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        counts[runner.phase.index] = counts.get(runner.phase.index, 0) + 1
        original(self, runner, batch_idx, data_batch)
    monkeypatch.setattr(ContinualPhaseHook, 'before_train_iter', before_train_iter)
    return counts


def test_the_best_of_a_phase_is_the_start_of_the_next(cfg, finished, tmp_path, iterations):
    reference = finished('Vanilla')[1]
    iterations.clear()
    trials = search_strengths(cfg, STEPS, reference, tmp_path / 'search')
    # Four trials: the first phase is Vanilla's, each other phase is trained once per value, six steps each.
    assert iterations == {2: 12, 3: 12}
    assert [(trial.option, trial.value) for trial in trials] == [
        (step.option, value) for step in STEPS for value in step.values]
    assert [list(trial.metrics) for trial in trials] == [['segmentation', 'depth']] * 2 + [
        ['segmentation', 'depth', 'normal']] * 2
    vanilla = Results.load(reference)
    for trial, phase in zip(trials, (2, 2, 3, 3), strict=True):
        directions = {task: vanilla.higher_is_better[task] for task in trial.metrics}
        assert trial.score == relative_improvement(trial.metrics, vanilla.phases[phase - 1].metrics, directions)
    # The last trial is the run that has all the best values so far and its own.
    alpha = max(trials[:2], key=lambda trial: trial.score).value
    whole = deepcopy(cfg)
    whole.merge_from_dict({'phases.1.method.alpha': alpha, 'phases.2.loss_weight': 4})
    whole.work_dir = str(tmp_path / 'whole')
    assert train_stream(whole).phases[-1].metrics == trials[-1].metrics


@pytest.mark.slow
def test_the_learning_rate_of_a_phase_is_searched_like_a_strength(cfg, finished, tmp_path, iterations):
    """Methods that scale or project the update need another one than those that add a loss."""
    lr = cfg.optim_wrapper.optimizer.lr
    steps = [Step('phases.1.optim_wrapper.optimizer.lr', [lr, 10 * lr]), Step('phases.2.lr_factors.encoder', [1, 4])]
    reference = finished('Vanilla')[1]
    iterations.clear()
    trials = search_strengths(cfg, steps, reference, tmp_path / 'search')
    assert iterations == {2: 12, 3: 12} and len({trial.score for trial in trials}) == 4
    given = [[phase.optim_wrapper['optimizer']['lr'] for phase in Stream.from_config(Config.fromfile(
        f'{trial.run}/config.py')).phases] for trial in trials[:2]]
    assert given == [[lr, lr, lr], [lr, 10 * lr, lr]]


@pytest.mark.slow
def test_a_search_that_is_done_trains_nothing_more_and_writes_the_same(cfg, finished, tmp_path, iterations):
    reference = finished('Vanilla')[1]
    first = search_strengths(cfg, STEPS, reference, tmp_path / 'search')
    iterations.clear()
    before = listing(tmp_path / 'search')
    assert search_strengths(cfg, STEPS, reference, tmp_path / 'search') == first and not iterations
    assert listing(tmp_path / 'search') == before
    document = json.loads((tmp_path / 'search/search.json').read_text())
    assert [trial['score'] for trial in document] == [trial.score for trial in first]
    assert (tmp_path / 'search/search.md').read_text() == search_table(first) + '\n'
    assert best_options(first) == {step.option: max(
        (trial for trial in first if trial.option == step.option), key=lambda trial: trial.score).value
        for step in STEPS}


def test_the_table_marks_the_best_value_of_each_option(cfg, finished, tmp_path):
    trials = search_strengths(cfg, STEPS[:1], finished('Vanilla')[1], tmp_path / 'search')
    table = search_table(trials).splitlines()
    best = max(trials, key=lambda trial: trial.score)
    assert table[0].startswith('| option | value | Delta (%) | segmentation mIoU | segmentation PixAcc | depth AbsErr')
    assert [line for line in table if '**' in line] == [
        line for line in table if f'| **{best.value}** | **{best.score:+.2f}** |' in line]


def test_a_method_with_its_own_first_phase_trains_it(finished, tmp_path, data_root, iterations):
    cfg = stream_config(tmp_path / 'joint.py', data_root, tmp_path / 'unused', 'Vanilla',
                        phases=[dict(tasks=list(finished('Vanilla')[0].tasks))])
    cfg.method = dict(type='Joint')
    iterations.clear()
    steps = [Step('method.task_weights.normal', [1.0, 8.0])]
    trials = search_strengths(cfg, steps, finished('Vanilla')[1], tmp_path / 'search')
    assert iterations == {1: 36} and len({trial.score for trial in trials}) == 2


def test_a_reference_of_another_seed_or_unfinished_is_refused(cfg, finished, tmp_path):
    cfg.randomness.seed = 1
    with pytest.raises(RunError, match='has seed 0 and 3 finished phases, expected a finished run of seed 1'):
        search_strengths(cfg, STEPS, finished('Vanilla')[1], tmp_path / 'search')


def test_a_reference_that_was_scored_on_other_data_is_refused(cfg, finished, tmp_path):
    cfg.val_dataloader.dataset.data_root = str(tmp_path / 'elsewhere')
    with pytest.raises(RunError, match=r'was scored on .* for segmentation, but this search on elsewhere \(NYUv2'):
        search_strengths(cfg, STEPS, finished('Vanilla')[1], tmp_path / 'search')


@pytest.mark.parametrize('option, values, sentence', [
    ('phases.3.method.alpha', [1], 'phases.3.method.alpha is not an option of a phase'),
    ('phases.depth.method.alpha', [1], 'phases.depth.method.alpha is not an option of a phase'),
    ('phases.1', [dict(task='depth')], 'phases.1 is not an option of a phase'),
    ('phases.2.los_weight', [1], "unknown option 'los_weight'"),
    ('method.alpha', [], 'method.alpha has no values to try; give at least one')])
def test_an_impossible_step_is_refused_before_anything_is_trained(cfg, finished, tmp_path, option, values, sentence):
    with pytest.raises(ConfigError, match=sentence):
        search_strengths(cfg, [STEPS[0], Step(option, values)], finished('Vanilla')[1], tmp_path / 'search')
    assert not (tmp_path / 'search').exists()


def test_a_reference_that_never_knew_just_the_tasks_of_a_phase_is_refused(cfg, finished, tmp_path):
    cfg.phases = cfg.phases[::-1]
    with pytest.raises(RunError, match='the reference has no phase after which it has learned exactly normal, depth; '):
        search_strengths(cfg, STEPS[:1], finished('Vanilla')[1], tmp_path / 'search')
    assert not (tmp_path / 'search').exists()


# ---- the best ------------------------------------------------------------------------------------------------------

def trials(*scores, step=1, option='alpha', values=(0.5, 1, 2)):
    return [Trial(step, option, value, f'{step}_{value}', score, {'depth': {'AbsErr': 1.0}})
            for value, score in zip(values, scores, strict=False)]


@pytest.mark.parametrize('scores, best', [
    ((1., 3., 2.), 1), ((-3., -1., -2.), 1), ((2., 2., 1.), 0.5), ((float('nan'), -50., -60.), 1),
    ((-50., float('nan'), -40.), 2), ((float('nan'), float('nan')), 0.5)])
def test_the_best_has_the_highest_score_and_the_first_of_equal_ones_and_never_nan_beside_a_number(scores, best):
    assert best_options(trials(*scores)) == {'alpha': best}


def test_an_option_that_is_tried_again_has_the_best_value_of_its_last_step(cfg):
    """Scores of different steps are of different phases: they are not compared."""
    both = [*trials(9., 8.), *trials(1., 2., step=2, values=(0.5, 3))]
    assert {step: trial.value for step, trial in best_trials(both).items()} == {1: 0.5, 2: 3}
    assert best_options(both) == {'alpha': 3}
    marked = [line for line in search_table(both).splitlines() if '**' in line]
    assert marked == ['| alpha | **0.5** | **+9.00** | 1 |', '| alpha | **3** | **+2.00** | 1 |']
