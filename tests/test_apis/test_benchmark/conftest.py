"""A suite whose runs are faked in a moment, each as it is told to."""
import json
import sys

import pytest
from test_engine.tiny_stream import write_config

from lhl.apis.benchmark import needed_runs, plan_benchmark, run_benchmark
from lhl.apis.benchmark.suites import Group, Member, Suite

# Behaves as lhl train does, but for the training: orders are keyed by member/seed, and every call is recorded.
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
                config_hash=json.loads((here / 'hashes.json').read_text())[str(folder)],
                versions=order.get('versions', {'torch': '2.0'}),
                higher_is_better={'a': {'m': True}, 'b': {'m': True}}, phases=phases[:order.get('phases', 2)])
folder.mkdir(parents=True, exist_ok=True)
(folder / 'results.json').write_text(json.dumps(document))
(folder / 'started').touch()
try:
    if 'sleep' in order:
        (here / 'asleep').touch()
        time.sleep(order['sleep'])
    for other in order.get('waits_for', ()):  # until that one has started, too
        while not (folder.parents[1] / other / 'started').exists():
            assert time.time() < started + 60, f'{other} has not started'
            time.sleep(0.01)
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
        plan = [*self.plan(seeds, options=options.get('options', ())), *needed_runs(self.suite)]
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
        monkeypatch.setattr('lhl.apis.benchmark.board.draw_leaderboard', lambda groups, path: None)


@pytest.fixture
def bench(tmp_path, data_root):
    return Bench(tmp_path, data_root)
