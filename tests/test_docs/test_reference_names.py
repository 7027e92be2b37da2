"""What the documents name exists: paths, dotted names, commands with their options, keys of a config."""
import re

import pytest
from reference_names import documents, problems
from test_engine.tiny_stream import ROOT


@pytest.mark.parametrize('path', documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_exists(path):
    assert not list(problems(path.read_text()))


@pytest.mark.parametrize('text, missing', [
    ('`lhl.methods.Nothing`', 'lhl.methods.Nothing'),
    ('`lhl.methods.HAD.nothing`', 'lhl.methods.HAD.nothing'),
    ('see `lhl/methods/haad.py`', 'lhl/methods/haad.py'),
    ('```\nlhl train configs/had/had_r19_nyuv2.py\n```', 'configs/had/had_r19_nyuv2.py'),
    ('```\nlhl trian CONFIG\n```', 'lhl trian'),
    ('```\nlhl train CONFIG --resmue   # again\n```', '--resmue of train'),
    ('```\nlhl train CONFIG \\\n    --resmue\n```', '--resmue of train'),
    ('```\nlhl convert synth-rooms OUT --trian 3\n```', '--trian of convert'),
    ('```\npython tools/train.py CONFIG --resmue\n```', '--resmue of tools/train.py'),
    ('```\npython tools/benchmarks/step.py --stpes 3\n```', '--stpes of tools/benchmarks/step.py'),
    ('the flag `--resmue`', '--resmue'),
    ('the option `group_treshold`', 'group_treshold'),
    ('`group_treshold=0.5`', 'group_treshold'),
    ('`DepthEstimatoin`', 'DepthEstimatoin'),
    ('`optim_wrapper.optimzer.lr`', 'optim_wrapper.optimzer.lr'),
])
def test_what_does_not_exist_is_noticed_with_its_line(text, missing):
    (line, problem), = problems(f'# Title\n\n{text}\n')
    assert problem.startswith(f'{missing} does not exist')
    assert line == (3 if text.count('`') < 6 else 4)


@pytest.mark.parametrize('text', [
    '`lhl.methods.HAD.losses`', '`lhl.engine.plan.PhaseSpec.method`', '`lhl/methods/had.py`',
    '`configs/FOLDER/NAME.py`',
    '```\nlhl train CONFIG --resume --cfg-options method.alpha=1 | tee log\n```', '`lhl COMMAND --help`',
    '```\nlhl convert synth-rooms OUT --train 3 --size 72 96\n```', '`group_threshold=0.5`', '`phases.1.loss_weight`',
    '```python\nclass Mine:\n    my_option = 3\n```\n`my_option`', '`torch.compile`', 'not code: group_treshold'])
def test_what_exists_is_found(text):
    assert not list(problems(text))


def test_documents_name_much_of_what_they_are_about():
    def named(document, pattern):
        return set(re.findall(pattern, (ROOT / 'docs' / document).read_text()))
    assert len(named('architecture.md', r'`lhl\.[\w.]+')) > 30 and len(named('extending.md', r'`lhl\.[\w.]+')) > 10


def test_the_picture_shows_every_room():
    picture = (ROOT / 'docs/images/architecture.svg').read_text()
    rooms = [path for path in (ROOT / 'lhl').iterdir() if (path / '__init__.py').exists()]
    rooms += [path for path in (ROOT / 'lhl/engine').iterdir() if (path / '__init__.py').exists()]
    missing = [str(path.relative_to(ROOT)) for path in rooms if f'{path.relative_to(ROOT)}/' not in picture]
    assert missing == []
