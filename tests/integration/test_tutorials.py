"""The tutorials: the commands of each page, exactly as they are written there, in an empty folder."""
import os
import re
import subprocess
import sys

import pytest
from test_engine.tiny_stream import ROOT

PAGES = ROOT / 'docs/tutorials'
#: Page -> files that are there in the end.
MADE = {
    'own_folder': ['my_rooms.manifest.json', 'work_dirs/check/my_rooms/contact_sheet.png',
                   'work_dirs/my_rooms/report/index.html', 'predictions/panel/5001.png'],
    'extend_segmentor': ['work_dirs/depth_task/results.json', 'predictions/panel/0.png', 'exported/segmentor.pth'],
    'new_backbone': ['work_dirs/my_backbone/results.json', 'exported/model.safetensors'],
    'reproduce_a_table': ['nyuv2.manifest.json', 'work_dirs/reproduce/had-table1/table.md'],
    'several_machines': ['work_dirs/two_processes/results.json']}


def blocks(page):
    """The blocks of code of a page: what stands behind the fence, and what is inside."""
    return re.findall(r'^```([^\n]*)\n(.*?)^```$', (PAGES / f'{page}.md').read_text(), re.S | re.M)


def script(page):
    """All commands that are run, in one script, as a reader would give them in one terminal."""
    return 'set -euxo pipefail\n' + '\n'.join(code for info, code in blocks(page) if info == 'bash')


def programs(folder):
    """Put the commands that an installation brings on the path: lhl, python and torchrun."""
    folder.mkdir()
    for name, options in (('lhl', '-P -m lhl'), ('python', ''), ('torchrun', '-m torch.distributed.run')):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {options} "$@"\n')
        program.chmod(0o755)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('page', MADE)
def test_the_commands_of_a_tutorial_work_as_they_stand(page, tmp_path):
    place = tmp_path / 'empty'
    place.mkdir()
    for info, code in blocks(page):
        if info == 'python' and (name := re.match(r'# (\S+\.py)\n', code)):
            (place / name[1]).write_text(code)
    environment = {**os.environ, 'PATH': f'{programs(tmp_path / "bin")}{os.pathsep}{os.environ["PATH"]}',
                   'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    with (tmp_path / 'output.txt').open('w+') as output:
        done = subprocess.run(['bash', '-c', script(page)], cwd=place, env=environment, stdout=output,
                              stderr=subprocess.STDOUT, timeout=3600)
        output.seek(0)
        printed = output.read()
    assert done.returncode == 0, printed[-3000:]
    assert 'Traceback' not in printed
    assert [name for name in MADE[page] if not (place / name).exists()] == []


def test_every_block_of_commands_is_run_or_says_that_it_is_not():
    pages = sorted(path.stem for path in PAGES.glob('*.md'))
    assert set(MADE) <= set(pages)
    for page in pages:
        kinds = {info for info, _ in blocks(page)}
        assert kinds <= {'bash', 'bash not-run', 'python', 'text'}, f'{page}: {kinds}'
        assert ('bash' in kinds) == (page in MADE), page
        if 'bash not-run' in kinds:
            assert '`not-run`' in (PAGES / f'{page}.md').read_text(), f'{page} does not say what is not run'
