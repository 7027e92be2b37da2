import csv
import json
import sys
from pathlib import Path

import pytest
from test_engine.tiny_stream import stream_config, write_config

from lhl.apis.benchmark.suites import Group, Member
from lhl.apis.reproduce import plan_reproduction, reproduce
from lhl.apis.reproduce.estimate import Cost, amounts, measure
from lhl.apis.reproduce.paper_rows import Part, Table
from lhl.apis.reproduce.reproduction import describe
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


@pytest.fixture
def table(tmp_path, data_root, monkeypatch):
    """Table 1 with a reference, HAD, and DIS, which has no printed row; trained in a moment."""
    members = {name: Member(name, str(write_config(tmp_path / f'{name}.py', data_root, method)))
               for name, method in (('vanilla', 'Vanilla'), ('had', 'HAD'), ('dis', 'DIS'))}
    group = Group('r18', members['vanilla'], (members['had'], members['dis']))
    monkeypatch.setattr('lhl.apis.reproduce.paper_rows.TABLES', {
        'had-table1': Table('had-table1', (Part('had_table_1_resnet18', group), ))})
    monkeypatch.setattr('lhl.apis.reproduce.reproduction.measure', lambda stream, threads: Cost(1.0, 0.5, 2.0, 5))
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
    # Each of the four: 3 phases of 2 epochs of 3 batches, a second each; 2 batches to score after each phase, half a
    # second each; and 2 seconds to start each phase. 4 * (18 + 3 + 6).
    assert 'time: about 1 min 48 s for 4 runs' in text and 'probably between 43 s and 4 min 30 s' in text


def test_without_the_data_it_says_what_is_missing_and_trains_nothing(table, tmp_path):
    plan, train = table
    options = [f'{section}_dataloader.dataset.data_root={tmp_path}/nowhere' for section in ('train', 'val')]
    missing = plan(options=options)
    text = describe(missing)
    assert 'missing: train_dataloader: ' in text and f'{tmp_path}/nowhere' in text
    assert 'time cannot be estimated' in text
    with pytest.raises(DataError, match='had-table1 needs data that are not there'):
        reproduce(missing)
    assert not (tmp_path / 'work').exists()


def test_the_printed_numbers_are_set_beside_ours_with_the_difference_and_its_error(table, tmp_path):
    plan, train = table
    runs, lines = train(plan((0, 1), only=['had', 'dis']), lambda run: 1.0 if run.member.name == 'vanilla' else
                        1.0 + 0.1 * run.seed)
    assert all(run.finished for run in runs)
    assert lines[0].startswith('time: about') and any(line.startswith('it took') for line in lines)
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


def test_a_few_steps_are_timed_and_leave_nothing_behind(stream):
    cost = measure(stream, 1)
    assert cost.steps == 5 and min(cost) > 0  # a phase has six iterations, of which the first warms up
    assert not Path(stream.work_dir).exists()


def test_what_is_left_is_counted(stream):
    # 3 phases of 2 epochs of 3 batches; 4 validation images in batches of 2 after each phase
    assert amounts(stream, 0) == (18, 6, 3) and amounts(stream, 2) == (6, 2, 1)
    assert Cost(1.0, 0.5, 2.0, 5).of(18, 6, 3) == 27
