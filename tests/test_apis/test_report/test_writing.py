"""The page of a report: what it holds, what it says of bad runs, and how it behaves in a browser."""
import csv
import json
import os
import shutil
import subprocess
from html import escape

import cv2
import pytest
from page_reader import PageReader
from test_engine.tiny_stream import STREAM

from lhl.apis import write_report
from lhl.engine import read_checkpoint, write_checkpoint
from lhl.errors import LHLError, RunError
from lhl.evaluation import PhaseResults, Results
from lhl.visualization.page import Section

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
CHARTS = ['matrix', 'curves', 'improvement', 'forgetting', 'separate', 'pseudo_labels', 'edges', 'losses',
          'learning_rate', 'cost']


@pytest.fixture(scope='module')
def report(finished, separate, tmp_path_factory):
    """The report of a run and its separate models; it is not to be changed."""
    folder = tmp_path_factory.mktemp('report')
    table = write_report([finished('Vanilla')[1], separate], folder, num_views=1)
    assert 'SingleTask' in table
    return folder


@pytest.fixture(scope='module')
def page(report):
    return PageReader((report / 'index.html').read_text())


def save(folder, num_phases=2, method='Vanilla', stream=('segmentation', 'depth'), **values):
    """Write the results of a run that left nothing else."""
    results = Results(method, 0, list(stream), 'c.py', 'hash', {'torch': '2'},
                      {task: {'mIoU': True} for task in stream}, {task: {'mIoU': '%'} for task in stream})
    for number, task in enumerate(stream[:num_phases], start=1):
        metrics = {old: {'mIoU': values.get(f'{old}{number}', 50.0)} for old in stream[:number]}
        results.add_phase(PhaseResults(number, [task], metrics, 1, 1, 1, 1, 0, 0, 'hash',
                                       f'{number}/phase.safetensors'))
    folder.mkdir()
    results.save(folder)
    return folder


@pytest.fixture
def undrawn(monkeypatch):
    """Without the pictures, which take most of the time."""
    monkeypatch.setattr('lhl.apis.report.writing.render_chart',
                        lambda chart, folder: Section(chart.name, chart.title, ''))
    monkeypatch.setattr('lhl.apis.report.writing.draw_panel', lambda *what: None)


def page_of(runs, folder):
    write_report(runs, folder)
    return PageReader((folder / 'index.html').read_text())


def test_the_page_has_every_section_and_nothing_outside_of_itself(page, report):
    assert page.sections == ['predictions', *CHARTS, 'runs']
    assert not page.unbalanced and len(set(page.ids)) == len(page.ids)
    beside = {reference for reference in page.references if not reference.startswith(('data:image/', '#'))}
    assert beside == {f'{name}.{suffix}' for name in ['predictions', *CHARTS] for suffix in ('png', 'csv')}
    assert all((report / name).is_file() for name in beside) and not {'link', 'iframe', 'image'} & set(page.tags)
    assert page.tags.count('script') == 1 and {reference[1:] for reference in page.references
                                               if reference.startswith('#')} <= set(page.ids)


def test_the_sentence_on_top_has_the_numbers_of_the_results(page, finished):
    results = Results.load(finished('Vanilla')[1])
    learned, final = (results.phases[phase].metrics['segmentation'] for phase in (0, 2))
    lost = sum(100 * (learned[metric] - final[metric]) / learned[metric] for metric in learned) / 2
    assert f'Vanilla has {"lost" if lost >= 0 else "gained"} {abs(lost):.1f} % of segmentation (mIoU' in page.text
    assert 'SingleTask has a model of its own for each task, which forgets nothing' in page.text


def test_each_figure_is_a_picture_and_its_numbers_are_a_table(report, finished):
    for name in ['predictions', *CHARTS]:
        assert cv2.imread(str(report / f'{name}.png')).std() > 5
        head, *rows = csv.reader((report / f'{name}.csv').open())
        assert rows and {len(row) for row in rows} == {len(head)}
    results = Results.load(finished('Vanilla')[1])
    rows = [row for row in csv.reader((report / 'curves.csv').open()) if row[0] == 'Vanilla']
    assert {(row[1], row[2], int(row[4])): float(row[5]) for row in rows} == {
        (task, metric, phase.phase): value for phase in results.phases for task, values in phase.metrics.items()
        for metric, value in values.items()}


def test_every_task_is_shown_after_every_phase(page, report):
    """Two runs, three tasks and phases; a frame is empty as long as its task is not learned."""
    of_each_run = [(phase, phase < learned) for learned in (1, 2, 3) for phase in (1, 2, 3)]
    assert sorted(page.frames) == sorted(2 * of_each_run)
    rows = list(csv.DictReader((report / 'predictions.csv').open()))
    assert {(row['task'], row['after phase']) for row in rows if row['run'] == 'Vanilla'} == {
        (task, str(phase)) for learned, task in enumerate(STREAM, start=1) for phase in range(learned, 4)}
    separate = {row['score'] for row in rows if row['run'] == 'SingleTask' and row['task'] == 'segmentation'}
    assert len(separate) == 1  # each task has a model of its own, which does not change


def test_without_views_there_are_no_predictions(page, finished, separate, undrawn, tmp_path):
    write_report([finished('Vanilla')[1], separate], tmp_path, num_views=0)
    without = PageReader((tmp_path / 'index.html').read_text())
    assert [name for name in page.sections if name not in without.sections] == ['predictions', 'pseudo_labels', 'edges']


def test_data_and_weights_that_are_gone_are_said_to_be_gone(finished, undrawn, tmp_path):
    run = shutil.copytree(finished('Vanilla')[1], tmp_path / 'run')
    (run / 'phase1_segmentation/phase.safetensors').unlink()
    text = page_of([run], tmp_path / 'no_weights').text
    assert 'Vanilla: there are no predictions of phase 1: ' in text and 'no weights of it' not in text
    path = run / 'phase3_normal/phase.safetensors'
    checkpoint = read_checkpoint(path)
    config = json.loads(checkpoint['lhl']['config'])
    config['val_dataloader']['dataset']['data_root'] = str(tmp_path / 'gone')
    write_checkpoint({**checkpoint, 'lhl': {**checkpoint['lhl'], 'config': json.dumps(config)}}, path)
    page = page_of([run], tmp_path / 'no_data')
    assert 'There are no predictions, because the validation data cannot be read' in page.text
    assert 'predictions' not in page.sections and 'matrix' in page.sections
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LHLError, match='phase.safetensors is a FIFO, expected a regular file'):
        write_report([run], tmp_path / 'a_fifo')


def test_an_unfinished_run_is_shown_as_far_as_it_is(undrawn, tmp_path):
    page = page_of([save(tmp_path / 'run', 1)], tmp_path / 'report')
    assert 'Vanilla is not finished: depth not learned yet' in page.text
    assert 'has learned 1 of 2 tasks so far' in page.text and 'not learned yet' in page.text
    assert 'There are no predictions, because no run has weights or a config.' in page.text
    assert page.sections == ['matrix', 'curves', 'cost', 'runs']


def test_a_metric_that_is_null_is_no_number_anywhere(undrawn, tmp_path):
    run = save(tmp_path / 'run', segmentation2=float('nan'))
    page = page_of([run], tmp_path / 'report')
    assert 'null' in (run / 'results.json').read_text()
    assert 'Vanilla was not scored on its earlier tasks' in page.text


def test_markup_in_names_is_text(tmp_path):
    name, task = '<script>alert(1)</script>', '<b>depth</b>&"'
    run = save(tmp_path / '<i>run', 2, name, (task, '=1+1'))
    page = page_of([run], tmp_path / 'report')
    assert page.tags.count('script') == 1 and 'i' not in page.tags and not page.unbalanced
    assert name in page.text and task in page.text and '<i>run' in page.text
    rows = list(csv.reader((tmp_path / 'report/curves.csv').open()))
    assert {row[1] for row in rows[1:]} == {task, "'=1+1"}  # what a spreadsheet would take for a formula is quoted


def test_a_link_out_of_the_run_is_not_followed(undrawn, tmp_path):
    run = save(tmp_path / 'run')
    (tmp_path / 'mine').mkdir()
    (run / 'report').symlink_to(tmp_path / 'mine')
    with pytest.raises(RunError, match='is a link out of the folder of the run'):
        write_report([run], run / 'report')
    assert not list((tmp_path / 'mine').iterdir())
    page_of([run], run / '../other')


def test_what_cannot_be_reported_together_ends_in_a_sentence(finished, tmp_path):
    with pytest.raises(RunError, match='found no run to report'):
        write_report([], tmp_path / 'report')
    first = finished('Vanilla')[1]
    other = save(tmp_path / 'other', stream=('segmentation', 'edges'))
    with pytest.raises(RunError, match='learned segmentation, edges but .* learned segmentation, depth, normal; re'):
        write_report([first, other], tmp_path / 'report')
    with pytest.raises(RunError, match='other is given in `references`, but is not among the runs; add it to them'):
        write_report([first], tmp_path / 'report', references=[other])
    run = shutil.copytree(first, tmp_path / 'run')
    path = run / 'phase3_normal/phase.safetensors'
    checkpoint = read_checkpoint(path)
    config = json.loads(checkpoint['lhl']['config'])
    config['val_dataloader']['dataset']['data_root'] = 'data/other'
    write_checkpoint({**checkpoint, 'lhl': {**checkpoint['lhl'], 'config': json.dumps(config)}}, path)
    with pytest.raises(RunError, match=rf'{run} was scored on other \(NYUv2, val\) for segmentation, but {first} on'):
        write_report([first, run], tmp_path / 'report')
    assert not (tmp_path / 'report').exists()


def test_a_run_may_be_given_by_its_result_file_and_one_phase_knows_no_order(finished, undrawn, tmp_path):
    first = finished('Vanilla')[1]
    results = first / 'results.json'
    table = write_report([results], tmp_path / 'report', 0, references=[first])
    assert table == write_report([first], tmp_path / 'other', 0, references=[results])
    document = json.loads(results.read_text())
    at_once = tmp_path / 'joint'
    at_once.mkdir()
    last = document['phases'][-1]
    tasks = [task for task in reversed(document['stream'])]
    (at_once / 'results.json').write_text(json.dumps({
        **{key: value for key, value in document.items() if key != 'sha256'}, 'method': 'Joint', 'stream': tasks,
        'phases': [{**last, 'phase': 1, 'tasks': tasks}]}))
    write_report([at_once, first], tmp_path / 'both', 0)
    assert 'segmentation → depth → normal' in (tmp_path / 'both/index.html').read_text()


# ---- in a browser ----------------------------------------------------------------------------------------------------

_WATCH = '''
const wanted = %s, seen = {};
function visible(frame) { return frame.getClientRects().length > 0; }
async function watch() {
  for (const [name, options] of Object.entries(wanted)) {
    const holder = document.createElement('iframe');
    holder.style.width = options.width + 'px';
    if (!options.script) holder.setAttribute('sandbox', 'allow-same-origin');
    const loaded = new Promise(resolve => holder.onload = resolve);
    holder.srcdoc = document.getElementById('page').textContent;
    document.body.append(holder);
    await loaded;
    const page = holder.contentDocument, slider = page.getElementById('phase');
    const state = seen[name] = {
      width: page.documentElement.scrollWidth, shown: {}, names: {}, slider: visible(slider),
      broken: [...page.images].filter(image => !image.naturalWidth).length,
      loaded: holder.contentWindow.performance.getEntriesByType('resource').map(entry => entry.name)
        .filter(name => !name.startsWith('data:'))};
    for (const value of [3, 1, 2]) {
      slider.value = value;
      slider.dispatchEvent(new Event('input'));
      state.shown[value] = [...page.querySelectorAll('.frame')].filter(visible).map(frame => frame.dataset.phase);
      state.names[value] = page.getElementById('phase-name').textContent;
    }
  }
  document.body.innerHTML = '<pre id="seen">' + JSON.stringify(seen) + '</pre>';
}
watch();
'''


@pytest.mark.skipif(CHROMIUM is None, reason='Chromium is not installed (Debian: apt-get install chromium)')
def test_in_a_browser_the_slider_slides_and_the_page_fits_a_phone(report, tmp_path):
    """One start of Chromium opens the page as wide as a desktop and as a phone, and without scripts."""
    wanted = dict(desktop=dict(width=1280, script=True), tablet=dict(width=700, script=True),
                  phone=dict(width=390, script=True), plain=dict(width=390, script=False))
    harness = tmp_path / 'harness.html'
    page = escape((report / 'index.html').read_text())
    harness.write_text(f'<!DOCTYPE html><body><textarea id="page">{page}</textarea>'
                       f'<script>{_WATCH % json.dumps(wanted)}</script>')
    done = subprocess.run(
        [CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars',
         f'--user-data-dir={tmp_path / "profile"}', '--virtual-time-budget=20000', '--dump-dom', harness.as_uri()],
        capture_output=True, text=True, timeout=300)
    seen = json.loads(done.stdout.partition('<pre id="seen">')[2].partition('</pre>')[0])
    frames_per_phase = 2 * len(STREAM)  # of two runs
    for name in ('desktop', 'tablet', 'phone'):
        assert seen[name]['slider'] and seen[name]['width'] <= wanted[name]['width']
        assert seen[name]['shown'] == {str(value): [str(value)] * frames_per_phase for value in (1, 2, 3)}
        assert seen[name]['names'] == {str(value): f'after phase {value}: {task}'
                                       for value, task in enumerate(STREAM, start=1)}
    assert not seen['plain']['slider'] and seen['plain']['width'] <= 390
    of_each_run = ['1', '2', '3', '2', '3', '3']  # all at once, but those of a task that is not learned yet
    assert sorted(seen['plain']['shown']['1']) == sorted(2 * of_each_run)
    assert all(state['broken'] == 0 and state['loaded'] == [] for state in seen.values())


def test_runs_are_called_as_compare_calls_them(finished, separate, tmp_path):
    run = finished('Vanilla')[1]
    table = write_report([run, separate], tmp_path, num_views=0, names={run / 'results.json': 'fine-tuning'})
    assert 'fine-tuning' in table and 'Vanilla' not in table and 'SingleTask' in table
    assert 'fine-tuning: final' in (tmp_path / 'table.md').read_text()
    with pytest.raises(RunError, match='nowhere is given a name, but is not among the runs'):
        write_report([run], tmp_path, names={tmp_path / 'nowhere': 'a'})
