"""How does lhl answer what it cannot use? Gives it hundreds of bad configs, arguments and files, and counts answers.

Each is given to a command as a person would, in a process of its own, on a tiny stream that is rendered and trained
first. The good answer is a sentence, or several, before anything is trained. The exit status is 1 if there is another:

    traceback   an error of another package, or of Python
    late        a sentence, but only after training had begun
    accepted    the command did something with it
    hung        no answer within the patience, two minutes
    misjudged   a good command was refused, so that what is wrong with the bad ones is not known
"""
import contextlib
import hashlib
import json
import math
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bad_arguments import GOOD_COMMAND, bad_arguments
from bad_configs import as_python, bad_configs
from bad_files import bad_files

from lhl.cli import errors_as_sentences, main
from lhl.commands.options import Parser, with_flags

ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD = ('refused', 'valid', 'while reading'), ('traceback', 'late', 'accepted', 'hung', 'misjudged')


class Case(NamedTuple):
    """A bad input.

    Attributes:
        family: What is bad: ``config``, or ``arguments`` or ``files`` of a command.
        name: What is wrong.
        arguments: Of ``lhl``.
        prepare: Is called before, in the folder of the case.
        valid: Why it may be accepted after all; empty if it may not.
        is_content: Whether the mistake is inside a file that only training reads, so that it may be found then.
    """

    family: str
    name: str
    arguments: Sequence[str]
    prepare: Callable[[], object] = bool
    valid: str = ''
    is_content: bool = False


class Answer(NamedTuple):
    """How lhl answered."""

    verdict: str
    text: str
    seconds: float


def all_cases(bench: Path) -> Iterator[Case]:
    """Give all cases.

    Args:
        bench: What :func:`set_up` made.
    """
    base, own = (json.loads((bench / f'{name}.json').read_text()) for name in ('config', 'own'))
    digest = hashlib.sha256((bench / 'vanilla/phase3_normal/phase.safetensors').read_bytes()).hexdigest()
    for bad in bad_configs(base, own, str(bench / 'vanilla'), digest):
        text = as_python(bad.config)
        yield Case('config', bad.mistake, ('train', 'bad.py', '--work-dir', 'run'),
                   lambda text=text: Path('bad.py').write_text(text), bad.valid)
    for command, name, arguments in bad_arguments(bench):
        yield Case(f'arguments of {command}', name, (command, *arguments), valid=name * (name == GOOD_COMMAND))
    for command, name, arguments, prepare, is_content in bad_files(bench):
        yield Case(f'files of {command}', name, (command, *arguments), prepare, is_content=is_content)


def set_up(bench: Path) -> None:
    """Render tiny rooms, and train a tiny stream on them without and with HAD."""
    from lhl.apis import new_config
    from lhl.config_files import read_config
    from lhl.datasets.rendered import write_dataset
    from lhl.engine import train_stream
    write_dataset(bench / 'data', train=12, val=4, height=32, width=48, processes=1)
    loader = dict(batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root=str(bench / 'data')))
    for name, config in (('had', 'had/had_tiny_synthrooms.py'), ('vanilla', 'vanilla/vanilla_tiny_synthrooms.py')):
        cfg = read_config(ROOT / 'configs' / config)
        cfg.merge_from_dict(dict(
            model=dict(backbone=dict(stem_channels=8, base_channels=8), head=dict(
                in_channels=64, channels=8, dilations=(1, 2))),
            train_dataloader=loader, val_dataloader=loader, train_cfg=dict(max_epochs=1), log_level='WARNING'))
        cfg.phases[0].train_cfg.max_epochs = 1
        if name == 'had':
            (bench / 'config.json').write_text(json.dumps(cfg.to_dict()))
        (bench / f'{name}.py').write_text(as_python(cfg.to_dict()))
        cfg.work_dir = str(bench / name)
        if not Path(cfg.work_dir).exists():
            train_stream(cfg)
    with contextlib.chdir(bench):
        of_images = bench / 'data/train'
        new_config('own', of_images / 'image', [f'depth={of_images}/depth', f'normal={of_images}/normal'])
        cfg = read_config('own.py')
        (bench / 'own.json').write_text(json.dumps(cfg.to_dict()))


def answer_to(case: Case, bench: Path, patience: float) -> Answer:
    """Give a case to lhl, in a new process, which is a copy of this one so that nothing is imported again."""
    folder = Path(tempfile.mkdtemp(dir=bench / 'cases'))
    start = time.perf_counter()
    child = os.fork()
    if not child:
        try:
            os.setpgid(0, 0)
            _run(case, folder)
        finally:
            os._exit(99)
    status = _wait(child, start + patience)
    seconds = time.perf_counter() - start
    output = {name: (folder / f'.{name}').read_text(errors='replace') if (folder / f'.{name}').exists() else ''
              for name in ('out', 'err', 'trace', 'began')}
    shutil.rmtree(folder, ignore_errors=True)
    return Answer(_verdict(case, status, output), (output['trace'] or output['err'] or output['out']).strip(), seconds)


def _run(case: Case, folder: Path) -> None:
    """Run a command as the console does, and leave what it says in files."""
    os.chdir(folder)
    for number, name in ((1, '.out'), (2, '.err')):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from lhl.apis.demo import server
    from lhl.engine.runtime.runner import PhaseRunner
    setattr(server, 'check_gradio', bool)  # noqa: B010  # where Gradio is missing, nothing else would be looked at
    train = PhaseRunner.train
    PhaseRunner.train = lambda runner: (Path(folder, '.began').write_text('1'), train(runner))[1]  # type: ignore
    code = 0
    try:
        case.prepare()
        sys.argv = ['lhl']
        main(*case.arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        Path(folder, '.trace').write_text(traceback.format_exc())
        code = 98
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child: int, until: float) -> int | None:
    """Wait for a process; kill it, and give None, if it takes too long."""
    while time.perf_counter() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _verdict(case: Case, status: int | None, output: dict[str, str]) -> str:
    if status is None:
        return 'hung'
    if status not in (0, 1, 2) or 'Traceback' in output['err'] + output['trace']:
        return 'traceback'
    if status == 1 and 'error: ' not in output['err'] and not output['out']:
        return 'traceback'
    if status == 0:
        return 'valid' if case.valid else 'accepted'
    if case.name == GOOD_COMMAND:
        return 'misjudged'
    if output['began']:
        return 'while reading' if case.is_content else 'late'
    return 'refused'


def answers(cases: Sequence[Case], bench: Path, jobs: int, patience: float) -> list[Answer]:
    """Give all cases to lhl, several at a time, with a line for each bad answer as it comes."""
    (bench / 'cases').mkdir(exist_ok=True)
    workers = []
    for job in range(jobs):
        pid = os.fork()
        if not pid:
            with open(bench / f'answers{job}.jsonl', 'w') as file:
                for number in range(job, len(cases), jobs):
                    answer = answer_to(cases[number], bench, patience)
                    file.write(json.dumps([number, *answer]) + '\n')
                    file.flush()
                    if answer.verdict in BAD:
                        last = ' '.join(answer.text.splitlines()[-1:])[:150]
                        print(f'{answer.verdict:9} {cases[number].family}: {cases[number].name[:120]}\n'
                              f'          {last}', flush=True)
            os._exit(0)
        workers.append(pid)
    for pid in workers:
        os.waitpid(pid, 0)
    found = dict[int, Answer]()
    for job in range(jobs):
        for line in (bench / f'answers{job}.jsonl').read_text().splitlines():
            number, verdict, text, seconds = json.loads(line)
            found[number] = Answer(verdict, text, seconds)
    return [found[number] for number in range(len(cases))]


def table(cases: Sequence[Case], given: Sequence[Answer]) -> str:
    """Count the answers in each family, as a Markdown table."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for case, answer in zip(cases, given, strict=True):
        for family in (case.family, 'all'):
            counts[family][answer.verdict] += 1
    families = [family for family in counts if family != 'all'] + ['all']
    rows = [f'| {family} | {counts[family].total()} | '
            + ' | '.join(str(counts[family][verdict]) for verdict in GOOD + BAD) + ' |' for family in families]
    return '\n'.join([f'| family | inputs | {" | ".join(GOOD + BAD)} |',
                      f'|---|{"---:|" * (1 + len(GOOD + BAD))}', *rows])


if __name__ == '__main__':
    parser = Parser(description=__doc__)
    parser.add_argument('--only', default='', metavar='TEXT', help='only inputs whose family or name contains this')
    parser.add_argument('--short', action='store_true', help='only a sample of some dozens, in seconds')
    parser.add_argument('--every', type=int, default=1, metavar='N', help='only every Nth input')
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1, help='how many are tried at a time')
    parser.add_argument('--patience', type=float, default=120.0, metavar='SECONDS',
                        help='how long to wait for an answer; more on a busy machine (default: 120)')
    parser.add_argument('--bench', type=Path, metavar='FOLDER', help='keep what is trained first, and use it again')
    parser.add_argument('--show', action='store_true', help='print every answer, not only the counts')
    args = parser.parse_args()
    with errors_as_sentences(lambda text: with_flags(text, parser.flags)), tempfile.TemporaryDirectory() as temporary:
        import torch
        torch.set_num_threads(1)
        import mmengine.runner.runner
        setattr(mmengine.runner.runner, 'collect_env', dict)  # noqa: B010  # seconds, in every phase
        bench = Path(args.bench or temporary).resolve()
        bench.mkdir(exist_ok=True)
        if not (bench / 'own.json').exists():
            set_up(bench)
        import torch._dynamo

        import lhl.apis  # noqa: F401  # each process would import them again
        from lhl.config_files import read_config
        from lhl.engine import Stream
        Stream.from_config(read_config(bench / 'had.py'))
        cases = [case for case in all_cases(bench) if args.only in f'{case.family}: {case.name}']
        cases = cases[::90 if args.short else args.every]
        given = answers(cases, bench, args.jobs, args.patience)
        if args.show:
            for case, answer in zip(cases, given, strict=True):
                print(f'\n{answer.verdict} ({answer.seconds:.1f} s) {case.family}: {case.name}\n{answer.text}')
        print('\n' + table(cases, given))
        total = math.fsum(answer.seconds for answer in given)
        print(f'\n{len({(case.family, case.name) for case in cases})} distinct inputs, {total:.0f} s in all')
        sys.exit(any(answer.verdict in BAD for answer in given))
