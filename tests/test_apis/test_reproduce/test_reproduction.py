import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_engine.tiny_stream import stream_config, write_config

from lhl.apis.benchmark import needed_runs
from lhl.apis.benchmark.suites import Group, Member
from lhl.apis.reproduce import plan_reproduction, reproduce
from lhl.apis.reproduce.estimate import work_of_children
from lhl.apis.reproduce.paper_rows import Part, Table
from lhl.apis.reproduce.reproduction import describe, outcome
from lhl.apis.reproduce.trial import Amounts, PhaseCost, TrialHook, amounts, measure
from lhl.engine import Stream
from lhl.errors import ConfigError, DataError
from lhl.evaluation import published_table

PUBLISHED = published_table('had_table_1_resnet18')
#: Behaves as lhl train does, but for the training: it writes the numbers that it is given.
_FAKE = '''
import json, sys
from pathlib import Path
here, arguments = Path(sys.argv[1]), sys.argv[2:]
folder = Path(arguments[arguments.index('--work-dir') + 1])
content = json.loads((here / 'runs.json').read_text())[str(folder)]
folder.mkdir(parents=True)
(folder / 'results.json').write_text(json.dumps(content))
'''


def timed(monkeypatch):
    """Let each phase begin in 2 s, a step take 1 s, a checkpoint 0.25 s, a batch 0.5 s to score; a command 2 s."""
    monkeypatch.setattr('lhl.apis.reproduce.estimate.measure', lambda stream, threads, folder: [
        PhaseCost(start=2.0, step=1.0, epoch=0.25, end=0.0, scoring=0.5)] * len(stream.phases))
    monkeypatch.setattr('lhl.apis.reproduce.reproduction.start_up', lambda *arguments: 2.0)


@pytest.fixture
def table(tmp_path, data_root, monkeypatch):
    """Table 1 with a reference, HAD, and DIS, which has no printed row; trained in a moment."""
    members = {name: Member(name, str(write_config(tmp_path / f'{name}.py', data_root, method)))
               for name, method in (('vanilla', 'Vanilla'), ('had', 'HAD'), ('dis', 'DIS'))}
    group = Group('r18', members['vanilla'], (members['had'], members['dis']))
    monkeypatch.setattr('lhl.apis.reproduce.paper_rows.TABLES', {
        'had-table1': Table('had-table1', (Part('had_table_1_resnet18', group), ))})
    timed(monkeypatch)
    (tmp_path / 'fake.py').write_text(_FAKE)

    def plan(seeds=(0, ), **options):
        return plan_reproduction('had-table1', seeds, tmp_path / 'work', **options)

    def train(plan, change):
        """Let each run end with the printed numbers of its row, times ``change(run)``."""
        documents = {}
        for run in plan.runs:
            row = PUBLISHED.rows['Vanilla' if run.member.name == 'vanilla' else 'HAD']
            final = {task: {metric: value * change(run) for metric, value in metrics.items()}
                     for task, metrics in row.items()}
            documents[str(run.folder)] = dict(
                format='lhl-results', version=2, method=run.member.name, seed=run.seed, stream=list(PUBLISHED.stream),
                config='c.py', config_hash=run.hash, versions={}, higher_is_better=PUBLISHED.higher_is_better,
                units={'segmentation': {'mIoU': '%', 'PixAcc': '%'}}, phases=[
                    dict(phase=number, tasks=[task], metrics={name: final[name] for name in PUBLISHED.stream[:number]},
                         seconds=1.0, iterations=1, peak_memory_mib=1.0, parameters=1, method_state_mib=0.0,
                         stored_images=0, weights_sha256='w', checkpoint='c')
                    for number, task in enumerate(PUBLISHED.stream, 1)])
        (tmp_path / 'runs.json').write_text(json.dumps(documents))
        lines = []
        runs = reproduce(plan, trainer=(sys.executable, str(tmp_path / 'fake.py'), str(tmp_path)), report=lines.append)
        return runs, lines
    return plan, train


def test_only_what_is_printed_is_trained_unless_more_is_asked_for(table):
    plan, _ = table
    assert [run.label for run in plan().runs] == ['r18/vanilla', 'r18/had']
    assert [run.label for run in plan(only=['dis']).runs] == ['r18/vanilla', 'r18/dis']
    with pytest.raises(ConfigError, match="has no member 'hat'; did you mean 'had'"):
        plan(only=['hat'])


def test_the_plan_names_the_data_the_runs_and_the_time(table, data_root):
    plan, _ = table
    text = describe(plan((0, 1)))
    assert f'{data_root}: NYU Depth V2 with 13 classes' in text and 'lhl convert nyuv2' in text
    assert [line.partition(':')[0] for line in text.splitlines() if line.startswith('start')] == [
        'start   r18/vanilla seed 0', 'start   r18/had seed 0', 'start   r18/vanilla seed 1', 'start   r18/had seed 1']
    # Each phase: 2 s to its first step, 5 further ones, 2 checkpoints, 2 batches to score: 8.5 s. Vanilla: three of
    # them and the command, 27.5 s. HAD takes the first one over, which leaves 3 s of it: 22 s. All: 99 s.
    assert 'time: about 1 min 39 s for 4 runs' in text and 'probably between 1 min 9 s and 2 min 28 s' in text
    assert '2 of 2 configs learned a few batches' in text


def test_a_run_that_will_be_refused_is_named_before_any_is_trained(table, tmp_path):
    plan, _ = table
    with open(tmp_path / 'dis.py', 'a') as file:
        file.write("method = dict(type='ER', weight=1.0, memory_size=7)\n")
    text = describe(plan(only=['had', 'dis']))
    assert '2 of 3 configs learned a few batches' in text
    assert text.splitlines()[-1] == 'warning: r18/dis will be refused: ' + '; '.join(
        f'ER is configured to store 7 images, but phase {phase} trains on 6; lower method.memory_size'
        for phase in (1, 2, 3))


def test_without_the_data_it_says_what_is_missing_and_trains_nothing(table, tmp_path):
    plan, train = table
    options = [f'{section}_dataloader.dataset.data_root={tmp_path}/nowhere' for section in ('train', 'val')]
    missing = plan(options=options)
    text = describe(missing)
    assert f'missing: data_root {str(tmp_path / "nowhere")!r}' in text and 'dataloader: ' not in text
    assert 'time cannot be estimated' in text
    with pytest.raises(DataError, match='had-table1 needs data that are not there'):
        reproduce(missing)
    assert not (tmp_path / 'work').exists()


def test_the_printed_numbers_are_set_beside_ours_with_the_difference_and_its_error(table, tmp_path):
    plan, train = table
    runs, lines = train(plan((0, 1), only=['had', 'dis']), lambda run: 1.0 if run.member.name == 'vanilla' else
                        1.0 + 0.1 * run.seed)
    assert all(run.finished for run in runs)
    assert lines[0].startswith('time: about') and any('of work; it took' in line for line in lines)
    assert lines[-1] == (tmp_path / 'work/table.md').read_text().removesuffix('\n')
    written = (tmp_path / 'work/table.csv').read_text().splitlines()
    cells = {(row['method'], row['column']): row for row in csv.DictReader(written)}
    # HAD's printed 35.12 times 1 and 1.1: 36.876 on average; the deviation 3.512 / sqrt(2), the error 3.512 / 2.
    had = {key: float(value) for key, value in cells['HAD', 'segmentation/mIoU'].items()
           if key in ('ours', 'std', 'seeds', 'paper', 'difference', 'standard error')}
    assert had == pytest.approx({'ours': 36.876, 'std': 3.512 / 2**0.5, 'seeds': 2, 'paper': 35.12, 'difference': 1.756,
                                 'standard error': 1.756})
    vanilla = cells['Vanilla', 'depth/AbsErr']
    assert (float(vanilla['difference']), float(vanilla['standard error'])) == (0, 0)
    assert cells['dis', 'segmentation/mIoU']['paper'] == '' == cells['dis', 'segmentation/mIoU']['difference']
    table_text = lines[-1]
    assert '| HAD | ours | 36.88 ± 2.48 |' in table_text and '|  | difference | +1.76 ± 1.76 |' in table_text
    assert 'MR is left out' in table_text and 'Δ repeats the deviation had_nyuv2_printed' in table_text
    # The printed Delta recomputes from the printed row, to which the run with seed 0 is equal.
    assert float(cells['Vanilla', 'Delta']['difference']) == 0


def test_what_an_earlier_call_finished_stays_in_the_table(table, tmp_path):
    plan, train = table
    train(plan((0, ), only=['dis']), lambda run: 1.0)
    train(plan((0, ), only=['had']), lambda run: 1.0)
    train(plan((1, ), only=['had']), lambda run: 1.1)
    rows = {(row['method'], row['column']): row for row in csv.DictReader(
        (tmp_path / 'work/table.csv').read_text().splitlines())}
    assert {method: rows[method, 'segmentation/mIoU']['seeds'] for method in ('Vanilla', 'HAD', 'dis')} == {
        'Vanilla': '2', 'HAD': '2', 'dis': '1'}
    # HAD's printed 35.12 times 1 and 1.1.
    assert float(rows['HAD', 'segmentation/mIoU']['ours']) == pytest.approx(36.876)


def test_the_estimate_is_compared_with_what_it_is_of(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert outcome(60.0, 700.0, 70.0) == (
        'the runs worked 1 min 10 s on the processor, loading included, and the estimate was 1 min 0 s of work; it '
        'took 11 min 40 s')
    of_time = 'it took 11 min 40 s; the estimate was 1 min 0 s'
    assert outcome(60.0, 700.0, 0.0) == of_time  # the system does not tell how much children work
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    assert outcome(60.0, 700.0, 70.0) == of_time


def test_the_work_of_a_child_and_of_its_children_counts_and_its_waiting_does_not():
    busy = 'import time\nwhile time.process_time() < 0.2: pass'
    parent = f'import subprocess, sys\nsubprocess.run([sys.executable, "-Sc", {busy!r}])'
    before = work_of_children()
    subprocess.run([sys.executable, '-Sc', parent], check=True)
    assert work_of_children() - before >= 0.19  # of clock ticks
    before, begun = work_of_children(), time.monotonic()
    subprocess.run([sys.executable, '-Sc', 'import time; time.sleep(0.3)'], check=True)
    assert work_of_children() - before < time.monotonic() - begun - 0.2


def test_what_is_finished_is_not_trained_again(table):
    plan, train = table
    train(plan(), lambda run: 1.0)
    again = plan()
    assert all(run.finished for run in again.runs)
    assert 'nothing is left to train' in describe(again)


@pytest.fixture(scope='module')
def stream(tmp_path_factory, data_root):
    folder = tmp_path_factory.mktemp('timed')
    return Stream.from_config(stream_config(folder / 'c.py', data_root, folder / 'run', 'Vanilla'))


def test_every_phase_is_timed_on_a_few_images_and_the_run_is_left_where_it_should_be(stream, tmp_path):
    costs = measure(stream, 1, tmp_path / 'trial')
    assert len(costs) == 3 and min(min(cost) for cost in costs) > 0
    assert not Path(stream.work_dir).exists() and (tmp_path / 'trial/results.json').exists()
    # One epoch of the 6 images of a phase, and the 4 images of validation, in batches of 2.
    noted = [what for phase, what, _ in TrialHook.marks if phase == 2 and what in ('step', 'epoch', 'scored')]
    assert noted == ['step'] * 3 + ['epoch'] + ['scored'] * 2


def test_what_a_run_does_is_counted(stream):
    # In each of 3 phases 2 epochs of 3 batches, and 4 validation images in batches of 2.
    assert amounts(stream) == [Amounts(iterations=6, epochs=2, batches=3, scored=2)] * 3


def test_a_phase_takes_what_its_parts_take():
    cost = PhaseCost(start=2.0, step=1.0, epoch=0.25, end=0.5, scoring=0.5)
    amount = Amounts(iterations=6, epochs=2, batches=3, scored=4)
    assert cost.of(amount) == 2 + 5 * 1 + 2 * 0.25 + 3 * 0.5 + 4 * 0.5
    assert cost.of(amount, is_trained=False) == 2 + 4 * 0.5


# ---- a table whose rows have a teacher -----------------------------------------------------------------------------

@pytest.fixture
def taught(tmp_path, data_root, monkeypatch):
    """A part of KDAM's Table 1, trained in a moment, with AbsErr besides the printed rmse."""
    def member(name, method):
        options = f'method = {method!r}\nphases = [dict(tasks=["segmentation", "depth", "normal"])]\n'
        return Member(name, str(write_config(tmp_path / f'{name}.py', data_root, 'Vanilla', extra=options)))
    monkeypatch.chdir(tmp_path)
    needed = member('teacher', dict(type='Joint'))
    group = Group('swin_t', member('single_task', dict(type='Joint')), (
        member('multi_task', dict(type='Joint', task_weights='learned')),
        member('kdam', dict(type='KDAM', teacher='work_dirs/teacher'))))
    monkeypatch.setattr('lhl.apis.reproduce.paper_rows.TABLES', {
        'kdam-table1': Table('kdam-table1', (Part('kdam_table_1_swin_t', group), ), (needed, ))})
    timed(monkeypatch)
    (tmp_path / 'fake.py').write_text(_FAKE)
    return lambda **options: plan_reproduction('kdam-table1', [0], 'work', **options)


def test_a_teacher_is_trained_first_where_the_configs_look_for_it(taught):
    text = describe(taught())
    assert 'trained first, with seed 0:\nstart   teacher seed 0: ' in text and '--work-dir work_dirs/teacher' in text
    assert 'for 4 runs' in text
    assert not describe(taught(only=['multi_task'])).count('trained first')


def test_with_options_the_teacher_has_them_too_and_lies_apart(taught):
    plan = taught(options=['train_cfg.max_epochs=1'])
    assert plan.runs[-1].member.options == ('method.teacher=work/needs/teacher', )
    assert '--work-dir work/needs/teacher --seed 0 --cfg-options train_cfg.max_epochs=1' in describe(plan)


def test_the_improvement_is_that_of_the_printed_metrics_alone(taught, tmp_path):
    published = published_table('kdam_table_1_swin_t')
    plan, documents = taught(), {}
    rows = dict(zip(('single_task', 'multi_task', 'kdam'), published.rows.values(), strict=True))
    for run in [*needed_runs(plan.suite), *plan.runs]:
        final = {task: dict(metrics) for task, metrics in rows.get(run.member.name, rows['kdam']).items()}
        final['depth']['AbsErr'] = 100.0 if run.member.name == 'kdam' else 1.0
        documents[str(run.folder)] = dict(
            format='lhl-results', version=2, method=run.member.name, seed=0, stream=list(published.stream),
            config='c.py', config_hash=run.hash, versions={}, units={},
            higher_is_better={**published.higher_is_better, 'depth': {'rmse': False, 'AbsErr': False}}, phases=[dict(
                phase=1, tasks=list(published.stream), metrics=final, seconds=1.0, iterations=1, peak_memory_mib=1.0,
                parameters=1, method_state_mib=0.0, stored_images=0, weights_sha256='w', checkpoint='c')])
    (tmp_path / 'runs.json').write_text(json.dumps(documents))
    runs = reproduce(plan, trainer=(sys.executable, str(tmp_path / 'fake.py'), str(tmp_path)), report=lambda _: None)
    assert all(run.finished for run in runs) and Path('work_dirs/teacher/results.json').exists()
    cells = {(row['method'], row['column']): row for row in csv.DictReader(
        Path('work/table.csv').read_text().splitlines())}
    assert {column for method, column in cells if method == 'KDAM'} == {
        'segmentation/mIoU', 'depth/rmse', 'normal/mean', 'boundary/odsF', 'Delta'}
    # Of the printed row over that of the separate models: 3.3085, 1.5400, -0.4298 and 0.2362 %.
    assert float(cells['KDAM', 'Delta']['ours']) == pytest.approx(1.1637, abs=1e-4)
    assert float(cells['KDAM', 'Delta']['paper']) == 1.1
    assert float(cells['KDAM', 'boundary/odsF']['difference']) == 0
    text = Path('work/table.md').read_text()
    assert 'MR' not in text and 'Note: the teacher is the multi-task Swin-L.' in text


def test_accuracies_that_a_table_averages_are_averaged_and_have_no_printed_number(tmp_path, data_root, monkeypatch):
    members = [Member(name, str(write_config(tmp_path / f'{name}.py', data_root, method)))
               for name, method in (('joint', 'Vanilla'), ('hcl_kd', 'DIS'))]
    monkeypatch.setattr('lhl.apis.reproduce.paper_rows.TABLES', {
        'hcl-cifar10': Table('hcl-cifar10', (Part('hcl_split_cifar10', Group('', members[0], (members[1], ))), ))})
    timed(monkeypatch)
    plan, documents = plan_reproduction('hcl-cifar10', [0], tmp_path / 'work'), {}

    def phase(number, tasks, **accuracies):
        return dict(phase=number, tasks=tasks, metrics={
            task: dict(class_il=value, task_il=90.0) for task, value in accuracies.items()}, seconds=1.0, iterations=1,
            peak_memory_mib=1.0, parameters=1, method_state_mib=0.0, stored_images=0, weights_sha256='w',
            checkpoint='c')
    for run, phases in zip(plan.runs, ([phase(1, ['a', 'b'], a=70.0, b=80.0)],
                                       [phase(1, ['a'], a=95.0), phase(2, ['b'], a=50.0, b=70.0)]), strict=True):
        documents[str(run.folder)] = dict(
            format='lhl-results', version=2, method=run.member.name, seed=0, stream=['a', 'b'], config='c.py',
            config_hash=run.hash, versions={}, units={}, phases=phases,
            higher_is_better=dict.fromkeys('ab', {'class_il': True, 'task_il': True}))
    (tmp_path / 'runs.json').write_text(json.dumps(documents))
    (tmp_path / 'fake.py').write_text(_FAKE)
    lines = []
    reproduce(plan, trainer=(sys.executable, str(tmp_path / 'fake.py'), str(tmp_path)), report=lines.append)
    # A: (50 + 70) / 2; F: 95 - 50. Joint training forgets nothing.
    assert '| KD | ours | 60.00 | 45.00 | 90.00 | 0.00 |' in lines[-1]
    assert '| Joint | ours | 75.00 | - | 90.00 | - |' in lines[-1] and '|  | paper | - | - | - | - |' in lines[-1]
    assert 'class_il: A ↑ (%)' in lines[-1] and 'no number is printed here' in lines[-1]
