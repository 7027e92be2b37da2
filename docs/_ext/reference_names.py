"""Checks that what the documents set as code exists: paths, dotted names, commands with their options, config keys."""
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from repository_files import ROOT
from sphinx.application import Sphinx
from sphinx.util import logging

_FOLDERS = 'lhl|configs|tools|docs|tests'
_PATH = re.compile(rf'(?<![\w/.-])(?:{_FOLDERS})/[\w./-]*[\w/](?![\w*{{<]|\.\.\.)')
_DOTTED = re.compile(r'(?<![\w./-])lhl(?:\.\w+)+(?![\w/*]|\.\w)')
_COMMAND = re.compile(r'(?:^|(?<=[\s$]))(?:lhl|python (?P<tool>tools/[\w/]+\.py)) (?P<rest>.*)')
_FLAG = re.compile(r'(?<![\w-])--[a-z][\w-]*')
#: Of the whole of a span: an option or a class, perhaps with a value; the keys of a config with dots between them.
_NAME = re.compile(r'([a-z]+_\w+|[A-Z]+[a-z]\w*[A-Z]\w*)(?:=.*)?')
_KEYS = re.compile(r'([a-z_]+)((?:\.\w+)+)(?:=.*)?')
#: Not lhl's own, but of the packages below it, or of Slurm.
FOREIGN = {'MMFullyShardedDataParallel', 'MMSeparateDistributedDataParallel', 'IoUMetric', 'static_graph',
           '--signal'}
#: What a reader is told to make, what is built, or what stands for any file.
EXAMPLES = {'lhl/a/b.py', 'tests/test_a/test_b.py', 'configs/mine.py', 'configs/_base_/datasets/mine.py',
            'configs/_base_/streams/swin_t_nyuv2.py', 'configs/vanilla/vanilla_swin_t_nyuv2.py',
            'docs/_build/index.html'}
#: Tasks that a config makes of numbers: ``classes_0_4``.
_NUMBERED = re.compile(r'(classes|digits)(_\d+)+')


def documents() -> list[Path]:
    """List what is checked: all that is written for users but the history, and notebooks."""
    pages = [path for path in sorted((ROOT / 'docs').rglob('*.md')) if '_build' not in path.parts]
    return [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *pages, *sorted((ROOT / 'configs').rglob('README.md'))]


def problems(text: str) -> Iterator[tuple[int, str]]:
    """Find what a document names and nobody has: its line, from 1, and a sentence."""
    code, own = list(_code(text)), set()
    for _, content, is_block in code:
        if is_block:
            own.update(re.findall(r'^\s*(?:class |def )?(\w+)(?:\(| =|:)', content, re.M))
    for line, content, is_block in code:
        find = [_paths, _dotted, _commands] if is_block else [_paths, _dotted, _commands, _flags, _names]
        for finder in find:
            for name, expected in finder(content):
                if name not in own | FOREIGN | EXAMPLES:
                    yield line, f'{name} does not exist; {expected}'


def _code(text: str) -> Iterator[tuple[int, str, bool]]:
    """List the code of a document: line, content, and whether it is a block."""
    pattern = r'^(?P<fence>```+)[^\n]*\n(?P<block>.*?)^(?P=fence)|`(?P<span>[^`\n]+)`'
    for match in re.finditer(pattern, text, re.M | re.S):
        kind = 'block' if match['block'] is not None else 'span'
        yield text.count('\n', 0, match.start(kind)) + 1, match[kind], kind == 'block'


def _paths(code: str) -> Iterator[tuple[str, str]]:
    for path in _PATH.findall(code):
        if not re.search(r'\b[A-Z]{3,}', path) and not (ROOT / path).exists():
            yield path, 'expected a file or folder of the repository'


def _dotted(code: str) -> Iterator[tuple[str, str]]:
    from reference_api import look_up
    for name in _DOTTED.findall(code):
        try:
            look_up(name)
        except AttributeError:
            yield name, 'expected a module of lhl, or something in one'


def _commands(code: str) -> Iterator[tuple[str, str]]:
    """Look at each command line of a block, or at a span that is one."""
    for line in re.sub(r'\\\n\s*', ' ', code).splitlines():
        match = _COMMAND.search(line.split(' #')[0])
        if not match:
            continue
        tool, words = match['tool'], re.split(r'\s(?:&&|[|;>&])', match['rest'])[0].split()
        if tool:
            if not (ROOT / tool).exists():
                continue  # said as a path
            wrapped = re.search(r"main\('([\w-]+)'(?:, '([\w-]+)')?\)", (ROOT / tool).read_text())
            if tool == 'tools/launch.py':
                continue  # it passes on what torchrun takes
            known = flags()[' '.join(filter(None, wrapped.groups()))] if wrapped else set(
                _FLAG.findall((ROOT / tool).read_text()))
            command = tool
        else:
            command = words[0] if words else ''
            if not re.fullmatch('[a-z][a-z-]*', command):
                continue
            if command not in flags():
                yield f'lhl {command}', f'expected one of {", ".join(flags())}'
                continue
            further = f'{command} {words[1]}' if len(words) > 1 else command
            known = flags().get(further, flags()[command])
        for flag in {word for word in words if _FLAG.fullmatch(word.split('=')[0])}:
            if flag.split('=')[0] not in known | {'--help'}:
                yield f'{flag} of {command}', f'expected one of {", ".join(sorted(known))}'


def _flags(code: str) -> Iterator[tuple[str, str]]:
    known = set().union(*flags().values()) | _flags_of_tools() | {'--help', '--version'}
    for flag in _FLAG.findall(code if code.startswith('--') else ''):
        if flag not in known:
            yield flag, 'expected an option of a command or tool'


def _names(code: str) -> Iterator[tuple[str, str]]:
    """Look at spans that are a single name: of an option, a class, or the keys of a config."""
    keys = _KEYS.fullmatch(code)
    if keys and keys[1] in _sections():
        for key in keys[2].split('.')[1:]:
            if not key.isdigit() and key not in words():
                yield code, f'{key} is an option of nothing'
    name = _NAME.fullmatch(code)
    if name and name[1] not in words() and not _NUMBERED.fullmatch(name[1]):
        yield name[1], 'expected a name in lhl, its configs or its tools'


@cache
def flags() -> dict[str, set[str]]:
    """Name the options of each command, and of each command below it: ``convert nyuv2`` -> ``{'--size', ...}``."""
    from reference_commands import subcommands

    from lhl.cli import make_parser
    found: dict[str, set[str]] = {}
    for name, parser in subcommands(make_parser()[0]):
        for path, command in [(name, parser), *((f'{name} {below}', p) for below, p in subcommands(parser))]:
            found[path] = {flag for action in command._actions for flag in action.option_strings}
    return found


@cache
def _flags_of_tools() -> set[str]:
    files = [*(ROOT / 'tools').rglob('*.py'), *(ROOT / 'docs/images').glob('*.py'), *(ROOT / 'tools').glob('*.sh')]
    return {flag for path in files for flag in _FLAG.findall(path.read_text())}


@cache
def words() -> set[str]:
    """All words of the code, and what names of configs begin with: what is spelt like none of them is no name of it."""
    files = [*(path for folder in ('lhl', 'configs', 'tools') for path in (ROOT / folder).rglob('*.py')),
             *(ROOT / 'tools').glob('*.sh'), ROOT / 'Makefile', ROOT / 'pyproject.toml']
    found = {word for path in files for word in re.findall(r'\w+', path.read_text())}
    configs = [path.stem.split('_') for path in (ROOT / 'configs').rglob('*.py')]
    return found | {'_'.join(parts[:length]) for parts in configs for length in range(1, len(parts) + 1)}


@cache
def _sections() -> set[str]:
    from lhl.engine.plan.sections import SECTIONS
    return set(SECTIONS)


def _check(app: Sphinx) -> None:
    for path in documents():
        for line, problem in problems(path.read_text()):
            logging.getLogger(__name__).warning(problem, location=f'{path}:{line}')


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect('builder-inited', _check)
    return dict(version='1', parallel_read_safe=True)
