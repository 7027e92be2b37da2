"""The predictions of a page: the truth, when each task was learned, and, phase after phase, what became of it."""
import json
from collections.abc import Mapping, Sequence
from html import escape

from lhl.tasks import Task

from ..views import Frame, View, has_scale, ramp_of, seen_classes
from .elements import Section
from .number_tables import Row, files_html, numbers_html
from .picture import picture_html

#: Shows the frames of one phase; without it, all of them stand side by side.
SCRIPT = '''
const slider = document.getElementById('phase');
if (slider) {
  document.documentElement.classList.add('js');
  const names = JSON.parse(slider.dataset.names), output = document.getElementById('phase-name');
  const show = () => {
    output.textContent = names[slider.value - 1];
    for (const frame of document.querySelectorAll('.frame'))
      frame.classList.toggle('on', frame.dataset.phase === slider.value);
  };
  slider.addEventListener('input', show);
  show();
}
'''


def slides_section(views: Sequence[View], tasks: Mapping[str, Task], phases: Sequence[str], rule: str) -> Section:
    """Write the section that shows views.

    Args:
        views: At least one view; all have the same runs.
        tasks: By row.
        phases: What each phase is called, from the first.
        rule: How the images were chosen, as a sentence.
    """
    names = json.dumps([f'after phase {number}: {name}' for number, name in enumerate(phases, start=1)])
    slider = (f'<div class="slider"><label for="phase"><output id="phase-name" for="phase"></output></label>'
              f'<input type="range" id="phase" min="1" max="{len(phases)}" value="{len(phases)}" step="1" '
              f'data-names="{escape(names)}"></div>')
    intro = (f'<p>{escape(rule)} Of each run the first picture is what it predicted right after it learned the task, '
             'the second what is left of that after the phase that the slider chooses; without a script all phases '
             'stand side by side. The number is that of the picture alone. Black in the truth: no label.</p>')
    legends = ''.join(_legend(views, row, task) for row, task in tasks.items())
    articles = ''.join(_article(view, tasks, len(phases)) for view in views)
    return Section('predictions', 'What is left of each task',
                   intro + legends + slider + articles + numbers_html(scores_table(views)) + files_html('predictions'))


def scores_table(views: Sequence[View]) -> list[Row]:
    """Write out the scores of all frames."""
    table: list[Row] = [['image', 'run', 'task', 'after phase', 'score']]
    table += [[view.label, run, row, phase, frame.score] for view in views for run, of_run in view.frames.items()
              for row, frames in of_run.items() for phase, frame in frames.items()]
    return table


def _article(view: View, tasks: Mapping[str, Task], num_phases: int) -> str:
    rows = ''.join(_row(view, row, tasks[row], num_phases) for row in view.rows(tasks))
    return f'<article><h3>{escape(view.label)}</h3>{rows}</article>'


def _row(view: View, row: str, task: Task, num_phases: int) -> str:
    value_range = view.value_range(row)
    scale = ''
    if value_range and has_scale(task):
        low, high = (f'{value:.3g}' for value in value_range)
        ramp = picture_html(ramp_of(task, value_range), f'colours of {row}')
        scale = f'<span class="scale">{low} {ramp} {high} {escape(task.unit)}</span>'
    truth = '<p class="none">no truth</p>'
    if row in view.targets:
        truth = picture_html(task.draw(view.targets[row], view.valid[row], value_range), f'truth of {row}')
    pairs = [f'<div class="pair"><p class="run">given</p>{_figure(picture_html(view.image, "image"), "image")}'
             f'{_figure(truth, "truth")}</div>']
    for run, of_run in view.frames.items():
        frames = of_run.get(row, {})
        pictures = {phase: _figure(picture_html(task.draw(frame.prediction, None, value_range), f'{run}: {row}'),
                                   f'after phase {phase}', frame) for phase, frame in frames.items()}
        first = '<figure class="learned"><p class="none">not learned yet</p></figure>'
        if frames:
            learned = min(frames)
            first = _figure(picture_html(task.draw(frames[learned].prediction, None, value_range), f'{run}: {row}'),
                            'when learned', frames[learned], 'learned')
        all_frames = ''.join(
            f'<div class="frame{"" if phase in pictures else " empty"}" data-phase="{phase}">'
            f'{pictures.get(phase) or _figure(_none(phase, frames), f"after phase {phase}")}</div>'
            for phase in range(1, num_phases + 1))
        pairs.append(f'<div class="pair"><p class="run">{escape(run)}</p>{first}<div class="frames">{all_frames}</div>'
                     f'</div>')
    return f'<div class="row"><h4>{escape(row)} {scale}</h4><div class="pairs">{"".join(pairs)}</div></div>'


def _none(phase: int, frames: Mapping[int, Frame]) -> str:
    return f'<p class="none">{"not learned yet" if not frames or phase < min(frames) else "no weights of it"}</p>'


def _figure(content: str, caption: str, frame: Frame | None = None, kind: str = '') -> str:
    score = f' <b>{escape(frame.score)}</b>' if frame and frame.score else ''
    return f'<figure class="{kind}">{content}<figcaption>{escape(caption)}{score}</figcaption></figure>'


def _legend(views: Sequence[View], row: str, task: Task) -> str:
    """Name the classes that are seen."""
    classes = seen_classes(views, row, task)
    if not classes:
        return ''
    items = ''.join('<li><svg viewBox="0 0 28 12" aria-hidden="true"><path d="M7 0h13v12h-13z" '
                    f'fill="rgb({",".join(map(str, task.palette[index].tolist()))})"/></svg>'
                    f'{escape(task.classes[index])}</li>' for index in classes)
    return f'<ul class="legend" aria-label="{escape(row)}"><li><b>{escape(row)}</b></li>{items}</ul>'
