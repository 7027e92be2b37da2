"""The tutorials: the commands of each page, exactly as they are written there, in an empty folder."""
import json
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
NOTEBOOKS = ['from_images_to_exported_model.ipynb']


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


def test_every_notebook_is_run():
    assert NOTEBOOKS == sorted(path.name for path in PAGES.glob('*.ipynb'))


def test_every_block_of_commands_is_run_or_says_that_it_is_not():
    pages = sorted(path.stem for path in PAGES.glob('*.md'))
    assert set(MADE) <= set(pages)
    for page in pages:
        kinds = {info for info, _ in blocks(page)}
        assert kinds <= {'bash', 'bash not-run', 'python', 'text'}, f'{page}: {kinds}'
        assert ('bash' in kinds) == (page in MADE), page
        if 'bash not-run' in kinds:
            assert '`not-run`' in (PAGES / f'{page}.md').read_text(), f'{page} does not say what is not run'


def cells_of(notebook):
    """The cells of code of a notebook."""
    cells = json.loads((PAGES / notebook).read_text())['cells']
    return [cell for cell in cells if cell['cell_type'] == 'code']


def source_of(cells):
    return '\n\n'.join(''.join(cell['source']) for cell in cells)


def printed_in(cell):
    return ''.join(''.join(output.get('text', [])) for output in cell['outputs'])


def without_numbers(lines):
    """Numbers and the spaces around them depend on the machine."""
    return [re.sub(r'[\d.]+(e-\d+)?| +', ' ', line).split() for line in lines]


def check_export(printed):
    """The last lines of the notebook: what the exported graph predicts is what the run predicts."""
    *_, segmentation, depth, normal = printed.splitlines()
    assert segmentation == 'segmentation: 0 of 3072 pixels differ'
    for task, line in (('depth', depth), ('normal', normal)):
        assert float(re.fullmatch(rf'{task}: the largest difference is (\S+)', line)[1]) < 1e-4


@pytest.mark.parametrize('notebook', NOTEBOOKS)
def test_a_notebook_is_stored_as_it_was_run_from_top_to_bottom(notebook):
    cells = cells_of(notebook)
    compile(source_of(cells), notebook, 'exec')
    assert [cell['execution_count'] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell['outputs']]
    assert {output['output_type'] for output in outputs} <= {'stream', 'display_data', 'execute_result'}
    assert 'stderr' not in {output.get('name') for output in outputs}
    text = json.dumps([{**output, 'data': {**output.get('data', {}), 'image/png': ''}} for output in outputs])
    assert not re.search(r'(?<![\w.])/(?:work|home|tmp|root|usr|opt|Users)\b|[A-Z]:\\\\', text)
    assert (PAGES / notebook).stat().st_size < 1.5e6
    check_export(printed_in(cells[-1]))


@pytest.mark.slow
@pytest.mark.parametrize('notebook', NOTEBOOKS)
def test_the_cells_of_a_notebook_work_in_an_empty_folder(notebook, tmp_path):
    done = subprocess.run([sys.executable, '-c', source_of(cells_of(notebook))], cwd=tmp_path, timeout=3600, text=True,
                          capture_output=True, env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stderr[-3000:]
    check_export(done.stdout)
    stored = [line for cell in cells_of(notebook) for line in printed_in(cell).splitlines()]
    assert without_numbers(done.stdout.splitlines()) == without_numbers(stored)
