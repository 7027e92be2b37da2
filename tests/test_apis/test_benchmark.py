import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from test_engine.tiny_stream import ROOT, STREAM, run_tool, stream_config, write_config

from lhl.apis.benchmark import (
    TRAINER,
    describe_plan,
    describe_suites,
    duration,
    machine,
    parse_options,
    plan_benchmark,
    remaining_seconds,
    run_benchmark,
)
from lhl.apis.suites import SUITES, Group, Member, Suite
from lhl.engine import config_hash
from lhl.errors import ConfigError, RunError
from lhl.evaluation import Results

# Behaves as tools/train.py does, but for the training: orders are keyed by member/seed, and every call is recorded.
_FAKE = '''
import json, os, signal, sys, time
from pathlib import Path
arguments = sys.argv[2:]
folder = Path(arguments[arguments.index('--work-dir') + 1])
here, key = Path(sys.argv[1]), '/'.join(folder.parts[-2:])
order = json.loads((here / 'orders.json').read_text()).get(key, {})
started = time.time()
print('learning', flush=True)
phases = [dict(phase=number, tasks=[task], metrics={task: {'m': order.get('m', 10)} for task in ('a', 'b')[:number]},
               seconds=1.0, iterations=2, peak_memory_mib=3.0, parameters=4, method_state_mib=0.0, stored_images=0,
               weights_sha256='w', checkpoint='c') for number, task in enumerate(('a', 'b'), 1)]
document = dict(format='lhl-results', version=2, method='Fake', seed=int(key[-1]), stream=['a', 'b'], config='c.py',
                config_hash=json.loads((here / 'hashes.json').read_text())[str(folder)], versions={},
                higher_is_better={'a': {'m': True}, 'b': {'m': True}}, phases=phases[:order.get('phases', 2)])
folder.mkdir(parents=True, exist_ok=True)
(folder / 'results.json').write_text(json.dumps(document))
try:
    time.sleep(order.get('sleep', 0))
except KeyboardInterrupt:
    (here / 'interrupted').touch()
    raise SystemExit(130)
finally:
    with open(here / 'calls.jsonl', 'a') as file:
        file.write(json.dumps(dict(key=key, arguments=arguments, started=started, ended=time.time(),
                                   threads=os.environ['OMP_NUM_THREADS'],
                                   gpu=os.environ.get('CUDA_VISIBLE_DEVICES'))) + '\\n')
if 'kill' in order:
    os.kill(os.getpid(), signal.SIGKILL)
print(order.get('says', ''), file=sys.stderr)
raise SystemExit(order.get('code', 0))
'''


class Bench:
    """A suite of fake runs in a folder, with what the trainer is to do and what it was called with."""

    def __init__(self, folder, data_root, groups=('', ), members=('slow', 'own')):
        self.folder, self.work_dir, self.lines = folder, folder / 'bench', []
        self.vanilla = str(write_config(folder / 'vanilla.py', data_root, 'Vanilla'))
        self.had = str(write_config(folder / 'had.py', data_root, 'HAD'))
        longer = 'train_cfg.update(max_epochs=3)\n'
        self.longer = str(write_config(folder / 'longer.py', data_root, 'HAD', extra=longer))
        configs = {'slow': self.had, 'own': self.longer, 'missing': str(folder / 'missing.py')}
        self.suite = Suite('mine', 'a test', tuple(
            Group(name, Member('vanilla', self.vanilla), tuple(Member(member, configs[member]) for member in members))
            for name in groups))
        (folder / 'fake.py').write_text(_FAKE)
        self.order()

    def order(self, **orders):
        (self.folder / 'orders.json').write_text(json.dumps(
            {f'{key[:-1]}/seed{key[-1]}': value for key, value in orders.items()}))

    def plan(self, seeds=(0, ), **options):
        return plan_benchmark(self.suite, seeds, self.work_dir, **options)

    def run(self, seeds=(0, ), **options):
        plan = self.plan(seeds, options=options.get('options', ()))
        (self.folder / 'hashes.json').write_text(json.dumps({str(run.folder): run.hash for run in plan}))
        return run_benchmark(self.suite, seeds, self.work_dir, report=self.lines.append, **options,
                             trainer=(sys.executable, str(self.folder / 'fake.py'), str(self.folder)))

    @property
    def calls(self):
        """What was called, in the order of the starts."""
        path = self.folder / 'calls.jsonl'
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return sorted(calls, key=lambda call: call['started'])

    @property
    def keys(self):
        return [call['key'] for call in self.calls]

    def arguments(self, key, number=0):
        return [call['arguments'] for call in self.calls if call['key'] == key][number]


@pytest.fixture(autouse=True)
def no_pictures(request, monkeypatch):
    """Spare the second that a picture takes after every fake run, where it is not what is tested."""
    if 'leaderboard' not in request.node.name and 'for_real' not in request.node.name:
        monkeypatch.setattr('lhl.apis.benchmark.draw_leaderboard', lambda groups, path: None)


@pytest.fixture
def bench(tmp_path, data_root):
    return Bench(tmp_path, data_root)


# ---- what is trained, and in which order ---------------------------------------------------------------------------

def test_every_member_is_trained_once_per_seed_and_the_reference_first(bench):
    runs = bench.run((1, 0))
    assert bench.keys == ['vanilla/seed1', 'slow/seed1', 'own/seed1', 'vanilla/seed0', 'slow/seed0', 'own/seed0']
    assert all(run.finished and not run.error for run in runs)
    assert bench.arguments('vanilla/seed1') == [
        bench.vanilla, '--work-dir', str(bench.work_dir / 'vanilla/seed1'), '--seed', '1']


def test_finished_runs_are_skipped_and_only_the_missing_are_trained(bench):
    bench.run((0, ))
    bench.run((0, 1))
    assert bench.keys[3:] == ['vanilla/seed1', 'slow/seed1', 'own/seed1']
    assert bench.lines[-5].startswith('mine: 6 runs (3 finished, 0 to resume, 3 to start)')


def test_an_unfinished_run_is_resumed(bench):
    bench.order(slow0=dict(phases=1, code=1))
    bench.run()
    bench.order()
    runs = bench.run()
    assert bench.keys[3:] == ['slow/seed0'] and not any(run.error for run in runs)
    assert '--resume' not in bench.arguments('slow/seed0') and '--resume' in bench.arguments('slow/seed0', 1)
    assert '--take-over' not in bench.arguments('slow/seed0', 1)  # it has it already


def test_a_finished_run_with_other_options_is_left_to_the_trainer_to_refuse(bench):
    bench.run()
    bench.order(vanilla0=dict(code=1, says='error: it holds a run of another config'))
    runs = bench.run(options=['train_cfg.max_epochs=7'], only=['slow'])
    assert bench.keys[3:] == ['vanilla/seed0', 'slow/seed0']
    assert '--resume' in bench.arguments('vanilla/seed0', 1)
    assert runs[0].error == 'it holds a run of another config'


def test_the_first_phase_is_shared_only_where_it_is_the_same(bench):
    bench.run()
    reference = str(bench.work_dir / 'vanilla/seed0')
    slow, own = bench.arguments('slow/seed0'), bench.arguments('own/seed0')
    assert slow[slow.index('--take-over') + 1] == reference
    assert '--take-over' not in own and '--take-over' not in bench.arguments('vanilla/seed0')


def test_a_first_phase_that_the_reference_does_not_have_is_shared_too(bench):
    group = bench.suite.groups[0]
    members = tuple(Member(name, bench.longer, (f'method.alpha={alpha}', )) for alpha, name in enumerate('ab', start=1))
    bench.suite = Suite('mine', 'a test', (Group('', group.reference, members), ))
    bench.run((0, 1))
    assert '--take-over' not in bench.arguments('a/seed1')
    assert bench.arguments('b/seed1')[5:7] == ['--take-over', str(bench.work_dir / 'a/seed1')]


def test_without_a_first_phase_of_the_reference_members_train_their_own(bench):
    bench.order(vanilla0=dict(phases=0, code=1))
    runs = bench.run()
    assert '--take-over' not in bench.arguments('slow/seed0')
    assert [bool(run.error) for run in runs] == [True, False, False]


def test_only_trains_the_chosen_members_and_their_reference(tmp_path, data_root):
    bench = Bench(tmp_path, data_root, groups=('x', 'y'))
    bench.run(only=['x/own'])
    assert [call['arguments'][2] for call in bench.calls] == [
        str(bench.work_dir / 'x/vanilla/seed0'), str(bench.work_dir / 'x/own/seed0')]
    bench.run(only=['slow'])
    assert len(bench.calls) == 2 + 3  # slow twice, and the reference of y


def test_options_reach_the_trainer_after_those_of_the_member(bench):
    group = bench.suite.groups[0]
    member = Member('slow', bench.had, ('method.alpha=2', ))
    bench.suite = Suite('mine', 'a test', (Group('', group.reference, (member, )), ))
    bench.run(options=['train_dataloader.num_workers=1', 'method.alpha=3'], only=['slow'])
    assert bench.arguments('slow/seed0')[-4:] == [
        '--cfg-options', 'method.alpha=2', 'train_dataloader.num_workers=1', 'method.alpha=3']


# ---- several at once -----------------------------------------------------------------------------------------------

def overlap(first, second):
    return first['started'] < second['ended'] and second['started'] < first['ended']


def test_jobs_run_at_the_same_time_but_wait_for_their_reference(bench):
    bench.order(**{f'{name}{seed}': dict(sleep=0.4) for name in ('vanilla', 'slow', 'own') for seed in (0, 1)})
    bench.run((0, 1), jobs=2)
    calls = {call['key']: call for call in bench.calls}
    assert overlap(calls['vanilla/seed0'], calls['vanilla/seed1'])
    assert overlap(calls['slow/seed0'], calls['own/seed0'])
    for seed in (0, 1):
        assert all(calls[f'{name}/seed{seed}']['started'] > calls[f'vanilla/seed{seed}']['ended']
                   for name in ('slow', 'own'))
    moments = [call['started'] for call in calls.values()]
    assert max(sum(call['started'] <= moment < call['ended'] for call in calls.values()) for moment in moments) == 2


@pytest.mark.parametrize('jobs, threads', [(1, '8'), (3, '2'), (20, '1')])
def test_jobs_share_the_cores(bench, monkeypatch, jobs, threads):
    monkeypatch.setattr('os.cpu_count', lambda: 8)
    bench.run(jobs=jobs, only=['vanilla'])
    assert bench.calls[0]['threads'] == threads


@pytest.mark.parametrize('jobs, visible, expected', [
    (2, None, ['0', '1', '0']), (2, '3,5', ['3', '5', '3']), (1, '3,5', ['3,5', '3,5', '3,5'])])
def test_jobs_get_a_gpu_each(tmp_path, data_root, monkeypatch, jobs, visible, expected):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setattr('torch.cuda.get_device_name', lambda number: 'a GPU')
    if visible:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    else:
        monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    bench = Bench(tmp_path, data_root, members=())
    bench.order(vanilla0=dict(sleep=0.3), vanilla1=dict(sleep=0.9))
    bench.run((0, 1, 2), jobs=jobs)
    assert [call['gpu'] for call in sorted(bench.calls, key=lambda call: call['key'])] == expected
    assert '2 x a GPU' in (bench.work_dir / 'leaderboard.md').read_text()


# ---- failures ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('order, message', [
    (dict(code=1, says='a warning\nerror: found x, expected y\nbye'), 'found x, expected y'),
    (dict(code=1, says='Traceback\nRuntimeError: out of memory\n'), 'RuntimeError: out of memory'),
    (dict(kill=True), 'killed by SIGKILL, after: learning'),
    (dict(phases=1), 'the training ended without an error, but its results are not those of the finished run')])
def test_a_failing_member_is_named_and_the_others_go_on(bench, order, message):
    bench.order(slow0=order)
    runs = bench.run()
    assert [run.error for run in runs] == ['', message, ''] and bench.keys[-1] == 'own/seed0'
    log = bench.work_dir / 'slow/seed0.log'
    assert any(line.startswith(f'[2/3] slow seed 0 FAILED: {message} (log: {log}); ') for line in bench.lines)
    assert bench.lines[-1] == '1 of 3 runs failed: slow seed 0'
    assert f'- slow seed 0 failed: {message}' in (bench.work_dir / 'leaderboard.md').read_text()
    assert 'learning' in log.read_text()


def test_the_reason_is_that_of_the_last_attempt(bench):
    for reason in ('first', 'second'):
        bench.order(slow0=dict(phases=1, code=1, says=f'error: {reason}'))
        runs = bench.run()
    assert runs[1].error == 'second' and (bench.work_dir / 'slow/seed0.log').read_text().count('$ ') == 2


def test_a_missing_config_and_a_damaged_result_fail_without_a_process(tmp_path, data_root):
    bench = Bench(tmp_path, data_root, members=('missing', 'slow'))
    (bench.work_dir / 'slow/seed0').mkdir(parents=True)
    (bench.work_dir / 'slow/seed0/results.json').write_text('{')
    runs = bench.run()
    assert bench.keys == ['vanilla/seed0']
    assert runs[1].error.endswith('missing.py does not exist; the configs of lhl are in configs/')
    assert 'is not valid JSON' in runs[2].error
    assert bench.lines[-1] == '2 of 3 runs failed: missing seed 0, slow seed 0'


def test_an_option_that_does_not_exist_fails_every_run_in_a_sentence(bench):
    assert all("did you mean 'max_epochs'" in run.error for run in bench.plan(options=['train_cfg.max_epoch=1']))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_children_and_the_next_call_goes_on(bench, number):
    bench.order(slow0=dict(sleep=30, phases=1))
    program = f'''
import sys
sys.path[:0] = {[str(ROOT / 'tests'), str(ROOT)]!r}
from lhl.apis.benchmark import run_benchmark
from lhl.apis.suites import Group, Member, Suite
run_benchmark({bench.suite!r}, [0], {str(bench.work_dir)!r},
              trainer={(sys.executable, str(bench.folder / 'fake.py'), str(bench.folder))!r})
'''
    (bench.folder / 'hashes.json').write_text(json.dumps({str(run.folder): run.hash for run in bench.plan()}))
    process = subprocess.Popen([sys.executable, '-c', program], stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    started = time.monotonic()
    while not (bench.work_dir / 'slow/seed0/results.json').exists() and time.monotonic() - started < 60:
        time.sleep(0.05)
    time.sleep(0.2)  # the child is asleep now
    process.send_signal(number)
    assert 'KeyboardInterrupt' in process.communicate(timeout=30)[1]
    assert (bench.folder / 'interrupted').exists() and bench.keys == ['vanilla/seed0', 'slow/seed0']
    assert 'not finished: slow seed 0' in (bench.work_dir / 'leaderboard.md').read_text()
    bench.order()
    assert all(run.finished for run in bench.run())
    assert '--resume' in bench.arguments('slow/seed0', 1) and len(bench.arguments('vanilla/seed0')) == 5


# ---- progress ------------------------------------------------------------------------------------------------------

def test_one_line_per_finished_run_with_counts_and_times(bench):
    bench.run()
    assert [line.split(';')[0].rpartition(' in ')[0] for line in bench.lines[1:4]] == [
        '[1/3] vanilla seed 0 finished', '[2/3] slow seed 0 finished', '[3/3] own seed 0 finished']
    assert ' elapsed, about ' in bench.lines[1] and bench.lines[1].endswith(' left')
    assert bench.lines[3].endswith(' elapsed')
    assert bench.lines[4] == f'leaderboard: {bench.work_dir / "leaderboard.md"}' and len(bench.lines) == 5


@pytest.mark.parametrize('left, known, jobs, expected', [
    ([('had', 0)], {'had': [100, 140]}, 1, 120),  # its own mean
    ([('had', 0), ('ewc', 0)], {'had': [100], 'lwf': [20, 40]}, 1, 100 + 65),  # ewc as the mean of had and lwf
    ([('had', 30)], {'had': [100]}, 1, 70),  # on its way
    ([('had', 130)], {'had': [100]}, 1, 0),
    ([('had', 0)] * 6, {'had': [100]}, 3, 200),
    ([('had', 0), ('ewc', 0)], {'had': [100], 'ewc': [10]}, 2, 100),  # not below the longest
    ([], {}, 1, 0)])
def test_the_time_left(left, known, jobs, expected):
    assert remaining_seconds(left, known, jobs) == pytest.approx(expected)


def test_the_time_left_is_unknown_before_anything_is_finished():
    assert str(remaining_seconds([('had', 0)], {}, 1)) == 'nan'


@pytest.mark.parametrize('seconds, text', [
    (0.4, '0 s'), (59.6, '1 min 0 s'), (200, '3 min 20 s'), (3599.7, '1 h 0 min'), (7500, '2 h 5 min')])
def test_durations(seconds, text):
    assert duration(seconds) == text


# ---- the leaderboard -----------------------------------------------------------------------------------------------

def test_the_leaderboard_ranks_what_is_finished_and_reports_the_rest(bench):
    bench.order(slow0=dict(m=12), own0=dict(phases=1, code=1, says='error: no'))
    bench.run(only=['slow'])
    text = (bench.work_dir / 'leaderboard.md').read_text()
    assert '| 1 | slow | 1 | +20.00 |' in text and '| 2 | vanilla | 1 | +0.00 |' in text
    assert '- not trained yet: own seed 0' in text
    bench.run()
    text = (bench.work_dir / 'leaderboard.md').read_text()
    assert '- own seed 0 failed: no' in text and 'not trained yet' not in text
    assert '| method | a: m ↑ | b: m ↑ | Δ ↑ (%) | MR ↓ |' in text and '| slow | **12.0000** |' in text
    for what in ('| command | `', f'| machine | {machine()} |', '| versions | python 3', '| wall time | '):
        assert what in text
    rows = list(csv.DictReader((bench.work_dir / 'leaderboard.csv').open()))
    assert [(row['method'], float(row['Delta'])) for row in rows] == [('vanilla', 0), ('slow', pytest.approx(20))]
    assert (bench.work_dir / 'leaderboard.png').read_bytes().startswith(b'\x89PNG')


def test_a_later_call_with_another_seed_keeps_the_earlier_seeds_on_the_leaderboard(bench):
    bench.order(slow0=dict(m=12), slow1=dict(m=14))
    bench.run((0, ))
    bench.run((1, ))
    assert '| 1 | slow | 2 | +30.00 ± 14.14 |' in (bench.work_dir / 'leaderboard.md').read_text()


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


# ---- bad input -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('arguments, message', [
    (dict(suite='synthroom3'), "there is no suite 'synthroom3'; did you mean 'synthrooms3'?"),
    (dict(only=['hda']), "the suite synthrooms3 has no member 'hda'; did you mean 'had'"),
    (dict(seeds=[0, 1, 0]), 'the seed 0 is given more than once'), (dict(seeds=[-1]), 'found the seed -1'),
    (dict(seeds=[]), 'found no seeds'), (dict(options=['alpha']), "--cfg-options has 'alpha', expected KEY=VALUE"),
    (dict(options=['=1']), "--cfg-options has '=1', expected KEY=VALUE"), (dict(jobs=0), 'found 0 jobs')])
def test_impossible_requests_are_one_sentence_and_write_nothing(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        run_benchmark(**{'suite': 'synthrooms3', 'seeds': [0], 'work_dir': tmp_path / 'bench', **arguments})
    assert not (tmp_path / 'bench').exists()


def test_the_folder_of_another_suite_is_refused(bench):
    bench.run(only=['vanilla'])
    with pytest.raises(RunError, match='belongs to the suite mine, not synthrooms3; choose another --work-dir'):
        plan_benchmark('synthrooms3', [0], bench.work_dir)
    (bench.work_dir / 'benchmark.json').write_text('[]')
    with pytest.raises(RunError, match='is not the state of a benchmark'):
        bench.plan()


def test_two_processes_in_one_folder_are_refused(bench):
    bench.order(vanilla0=dict(sleep=0.1))
    with pytest.raises(RunError, match='another process is running a benchmark in'):
        run_benchmark(bench.suite, [0], bench.work_dir, report=lambda line: bench.run())


def test_options_are_read_as_by_the_other_tools():
    assert parse_options(['a.b=1', 'c=[x,2]', 'd=None', 'e=a=b']) == {'a.b': 1, 'c': ['x', 2], 'd': None, 'e': 'a=b'}
    assert parse_options([]) == {}


# ---- the command line ----------------------------------------------------------------------------------------------

def test_the_suites_are_listed():
    text = describe_suites()
    assert all(suite.name in text and suite.description in text for suite in SUITES.values())
    assert all(member.name in text for suite in SUITES.values() for group in suite.groups
               for member in group.all_members)


def test_a_dry_run_says_what_would_be_done(bench):
    bench.order(slow0=dict(phases=1, code=1))
    bench.run(only=['slow'])
    folder = bench.work_dir
    assert describe_plan(bench.plan((0, 1))).splitlines() == [
        'skip    vanilla seed 0',
        f'resume  slow seed 0: {bench.had} --work-dir {folder}/slow/seed0 --seed 0 --resume',
        f'start   own seed 0: {bench.longer} --work-dir {folder}/own/seed0 --seed 0',
        f'start   vanilla seed 1: {bench.vanilla} --work-dir {folder}/vanilla/seed1 --seed 1',
        f'start   slow seed 1: {bench.had} --work-dir {folder}/slow/seed1 --seed 1 --take-over '
        f'{folder}/vanilla/seed1',
        f'start   own seed 1: {bench.longer} --work-dir {folder}/own/seed1 --seed 1']


def test_the_tool_says_what_is_wrong_in_one_line(tmp_path):
    found = run_tool(ROOT / 'tools/benchmark.py', 'synthroms', '--work-dir', tmp_path)
    assert found.returncode == 1 and found.stdout == ''
    assert found.stderr.splitlines()[-1].startswith("error: there is no suite 'synthroms'; did you mean 'synthrooms3'")


# ---- for real ------------------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_the_tiny_stream_for_real(tmp_path, data_root):
    bench = Bench(tmp_path, data_root, members=('slow', ))
    runs = run_benchmark(bench.suite, [0], bench.work_dir, jobs=2, trainer=TRAINER, report=bench.lines.append,
                         options=['train_cfg.max_epochs=1'])
    assert [run.error for run in runs] == ['', '']
    reference, member = (Results.load(run.folder) for run in runs)
    assert reference.stream == list(STREAM) and reference.finished and member.finished
    assert member.phases[0].weights_sha256 == reference.phases[0].weights_sha256
    assert member.phases[-1].weights_sha256 != reference.phases[-1].weights_sha256
    cfg = stream_config(tmp_path / 'again.py', data_root, tmp_path, 'Vanilla', train_cfg__max_epochs=1)
    assert reference.config_hash == config_hash(cfg)
    assert '| 1 | ' in (bench.work_dir / 'leaderboard.md').read_text()
    logs = {path: os.stat(path).st_size for path in bench.work_dir.glob('*/*.log')}
    run_benchmark(bench.suite, [0], bench.work_dir, trainer=TRAINER, report=bench.lines.append,
                  options=['train_cfg.max_epochs=1'])  # nothing is left to do
    assert {path: os.stat(path).st_size for path in logs} == logs
    again = run_benchmark(bench.suite, [0], bench.work_dir, trainer=TRAINER, report=bench.lines.append,
                          options=['train_cfg.max_epochs=2'])
    assert all('holds a run of another config' in run.error for run in again)
