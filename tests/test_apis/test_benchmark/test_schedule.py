import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_engine.resolved import config_hash
from test_engine.tiny_stream import CONFIGS, ROOT, STREAM, stream_config

from lhl.apis.benchmark import needed_runs, run_benchmark
from lhl.apis.benchmark.schedule import TRAINER, remaining_seconds
from lhl.apis.benchmark.suites import Member
from lhl.errors import RunError
from lhl.evaluation import Results

from .conftest import Bench

# ---- one after the other -------------------------------------------------------------------------------------------

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


def test_two_processes_in_one_folder_are_refused(bench):
    bench.order(vanilla0=dict(sleep=0.1))
    with pytest.raises(RunError, match='is in use by process'):
        run_benchmark(bench.suite, [0], bench.work_dir, report=lambda line: bench.run())


# ---- several at once -----------------------------------------------------------------------------------------------

def overlap(first, second):
    return first['started'] < second['ended'] and second['started'] < first['ended']


def test_jobs_run_at_the_same_time_but_wait_for_their_reference(bench):
    bench.order(vanilla0=dict(waits_for=['vanilla/seed1']), vanilla1=dict(waits_for=['vanilla/seed0']),
                slow0=dict(waits_for=['own/seed0']), own0=dict(waits_for=['slow/seed0']))
    runs = bench.run((0, 1), jobs=2)
    assert not any(run.error for run in runs)
    calls = {call['key']: call for call in bench.calls}
    assert overlap(calls['vanilla/seed0'], calls['vanilla/seed1'])
    assert overlap(calls['slow/seed0'], calls['own/seed0'])
    for seed in (0, 1):
        assert all(calls[f'{name}/seed{seed}']['started'] > calls[f'vanilla/seed{seed}']['ended']
                   for name in ('slow', 'own'))
    moments = [call['started'] for call in calls.values()]
    assert max(sum(call['started'] <= moment < call['ended'] for call in calls.values()) for moment in moments) == 2


def test_a_free_place_stays_empty_until_the_reference_has_ended(bench):
    """Two may be trained at once, but only the reference can be: the others wait for its end, not for its start."""
    bench.order(vanilla0=dict(sleep=0.5))
    assert not any(run.error for run in bench.run(jobs=2))
    reference, *others = bench.calls
    assert reference['key'] == 'vanilla/seed0' and len(others) == 2
    assert all(call['started'] > reference['ended'] for call in others)


def test_members_are_trained_even_if_their_reference_failed(bench):
    bench.order(vanilla0=dict(code=1))
    assert [bool(run.error) for run in bench.run(jobs=2)] == [True, False, False] and len(bench.calls) == 3


@pytest.mark.parametrize('options, threads', [(dict(), '1'), (dict(jobs=3), '1'), (dict(threads=4), '4')])
def test_a_run_has_one_thread_unless_it_is_given_more(bench, options, threads):
    bench.run(only=['vanilla'], **options)
    assert bench.calls[0]['threads'] == threads


# ---- what a suite starts from --------------------------------------------------------------------------------------

@pytest.fixture
def needy(bench, monkeypatch):
    """The suite, which starts from a run of a config named start0."""
    monkeypatch.chdir(bench.folder)
    start = bench.folder / 'start0.py'
    start.write_text(Path(bench.vanilla).read_text())
    bench.suite = replace(bench.suite, needs=(Member(start.stem, str(start)), ))
    return bench


def test_what_a_suite_needs_is_trained_first_and_once(needy):
    assert needed_runs(needy.suite)[0].folder == Path('work_dirs/start0')
    needy.run(only=['vanilla'])
    assert needy.keys == ['work_dirs/start0', 'vanilla/seed0']
    assert needy.arguments('work_dirs/start0')[1:] == ['--work-dir', 'work_dirs/start0', '--seed', '0']
    needy.run((0, 1), only=['vanilla'])
    assert needy.keys[2:] == ['vanilla/seed1']


def test_without_what_it_needs_nothing_of_a_suite_is_trained(needy):
    orders = {'work_dirs/start0': dict(code=1, says='error: there is no data')}
    (needy.folder / 'orders.json').write_text(json.dumps(orders))
    with pytest.raises(RunError, match=r'mine starts from work_dirs/start0, whose training failed: there is no data'):
        needy.run()
    assert needy.keys == ['work_dirs/start0']


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
    bench.order(vanilla1=dict(waits_for=['vanilla/seed2'] if jobs == 2 else []))  # so that the third gets slot 0
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
    assert runs[1].error.endswith(f'missing.py does not exist; the configs of lhl are in {CONFIGS}')
    assert 'is not valid JSON' in runs[2].error
    assert bench.lines[-1] == '2 of 3 runs failed: missing seed 0, slow seed 0'


@pytest.mark.parametrize('number, before', [
    pytest.param(signal.SIGINT, signal.SIG_DFL, marks=pytest.mark.slow), (signal.SIGINT, signal.SIG_IGN),
    pytest.param(signal.SIGTERM, signal.SIG_DFL, marks=pytest.mark.slow)],
    ids=['Ctrl-C', 'SIGINT of a background job, which ignores it', 'SIGTERM'])
def test_an_interrupt_stops_the_children_and_the_next_call_goes_on(bench, number, before):
    bench.order(slow0=dict(sleep=30, phases=1))
    program = f'''
import sys
sys.path[:0] = {[str(ROOT / 'tests'), str(ROOT)]!r}
from lhl.apis.benchmark import run_benchmark
from lhl.apis.benchmark.suites import Group, Member, Suite
run_benchmark({bench.suite!r}, [0], {str(bench.work_dir)!r},
              trainer={(sys.executable, str(bench.folder / 'fake.py'), str(bench.folder))!r})
'''
    (bench.folder / 'hashes.json').write_text(json.dumps({str(run.folder): run.hash for run in bench.plan()}))
    process = subprocess.Popen([sys.executable, '-c', program], stderr=subprocess.PIPE, text=True,
                               start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, before))
    started = time.monotonic()
    while not (bench.folder / 'asleep').exists() and time.monotonic() - started < 60:
        time.sleep(0.05)
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
