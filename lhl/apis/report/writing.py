"""Writes a report: the page, the table, and each figure as PNG with its numbers as CSV."""
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from lhl.atomic import atomic_write
from lhl.config_files import import_custom_modules, read_written_config
from lhl.engine.checkpoint import recorded_checkpoint, stored_config
from lhl.engine.runtime.learner_runner import PlainConfig
from lhl.errors import ConfigError, DataError, RunError
from lhl.evaluation import Results
from lhl.registry import METHODS
from lhl.stored_configs import check_stored_config
from lhl.trust import trusting_configs
from lhl.visualization import View, draw_panel, results_table
from lhl.visualization.labels import listed, run_names
from lhl.visualization.page import (
    MOST_NAMED,
    Chart,
    Section,
    cost_chart,
    csv_text,
    curves_chart,
    distribution_chart,
    document,
    edges_chart,
    forgetting_chart,
    headline,
    improvement_chart,
    learning_rate_chart,
    losses_chart,
    matrix_chart,
    render_chart,
    runs_section,
    scores_table,
    separate_chart,
    slides_section,
    strip_html,
)

from ..given_names import given_names, result_file, run_folder
from ..scored_data import check_same_data, scored_data
from .images import RULE, choose_images
from .replay import EDGE_THRESHOLD, Replay, replay, views_of
from .training_log import read_logs

#: The page's name in the folder of the report.
PAGE = 'index.html'


def write_report(runs: Sequence[str | Path], out: str | Path, num_views: int = 2, trust_config: bool = False,
                 references: Sequence[str | Path] = (), names: Mapping[str | Path, str] | None = None) -> str:
    """Write ``index.html``, a page about runs of one stream, with ``table.md`` and its figures and numbers beside it.

    A run that is not finished is shown as far as it is. Without its data or weights there are no predictions, and the
    page says so.

    Args:
        runs: The runs' folders, or their result files.
        out: The folder to write to.
        num_views: How many images of each validation set are shown; with 0 there are no predictions.
        trust_config: Let the configs inside the runs name code and import modules. Otherwise it may name
            registered components only.
        references: Those of the runs that Delta refers to, one per seed. Default: those of Vanilla.
        names: What to call the methods of runs instead, as for :func:`~lhl.apis.compare_runs`.

    Returns:
        The table as text.

    Raises:
        RunError: If there is no run, a reference is not among the runs, or a run learned another stream than the first
            one or was scored on other data.
    """
    if num_views < 0:
        raise ConfigError(f'`views` is {num_views}, expected a number of images, 0 or more')
    if not runs:
        raise RunError('found no run to report; give the folders of runs of one stream')
    results = [Results.load(run) for run in runs]
    ordered = _ordered(results)
    for run, result in zip(runs, results, strict=True):
        at_once = len(result.phases) == 1 and sorted(result.stream) == sorted(ordered.stream)  # which knows no order
        if result.stream != ordered.stream and not at_once:
            other = runs[results.index(ordered)]
            raise RunError(f'{run} learned {", ".join(result.stream)} but {other} learned '
                           f'{", ".join(ordered.stream)}; report them separately')
    paths = [result_file(run) for run in runs]
    for reference in references:
        if result_file(reference) not in paths:
            raise RunError(f'{reference} is given in `references`, but is not among the runs; add it to them')
    chosen = {result_file(reference) for reference in references}
    of_reference = [result for path, result in zip(paths, results, strict=True)
                    if (path in chosen if chosen else result.method == 'Vanilla')]
    folders = [run_folder(run) for run in runs]
    for folder in folders:
        if (Path(os.path.abspath(out)).is_relative_to(os.path.abspath(folder))
                and not Path(out).resolve().is_relative_to(folder.resolve())):
            raise RunError(f'{out} is a link out of the folder of the run, so that the report would overwrite what is '
                           f'elsewhere; remove the link, or name another folder with `out`')
    with trusting_configs(trust_config):
        for folder in folders:
            import_custom_modules(folder)
        return _Report(folders, results, run_names(results, given_names(runs, names)), of_reference, Path(out)
                       ).write(num_views)


def _ordered(results: Sequence[Results]) -> Results:
    """Find results whose stream has an order: of several phases if there are any, as one phase knows none."""
    return next((result for result in results if len(result.phases) > 1), results[0])


class _Report:
    """What is known of the runs while their report is written."""

    def __init__(self, runs: Sequence[Path], results: Sequence[Results], names: Sequence[str],
                 references: Sequence[Results], out: Path) -> None:
        self.runs, self.results, self.references, self.out = runs, results, references, out
        self.names = names
        self.stream = _ordered(results).stream
        self.configs = [_config_of(run, result) for run, result in zip(runs, results, strict=True)]
        self.notes: list[str] = []
        check_same_data((str(run), scored_data(config)) for run, config in zip(runs, self.configs, strict=True)
                        if config is not None)

    def write(self, num_views: int) -> str:
        """Write everything, the page last."""
        results, names = self.results, self.names
        for run, result in zip(names, results, strict=True):
            if not result.finished:
                left = result.stream[len(result.learned_tasks):]
                self.notes.append(f'{run} is not finished: {", ".join(left)} not learned yet; what follows shows what '
                                  'there is.')
        table = results_table(results, 'markdown', names)
        with atomic_write(self.out / 'table.md') as file:
            file.write(f'{table}\n'.encode())
        predictions, about_teacher = self._predictions(num_views)
        logs = [read_logs(run, result) for run, result in zip(self.runs, results, strict=True)]
        separate = [result for result in results if _is_separate(result)]
        charts = [
            matrix_chart(results, names), curves_chart(results, names),
            improvement_chart(results, names, self.references), forgetting_chart(results, names),
            separate_chart(results, names, separate), *about_teacher,
            losses_chart(logs, names, self.stream), learning_rate_chart(logs, names), cost_chart(results, names)]
        sections = [*predictions, *(render_chart(chart, self.out) for chart in charts if chart is not None),
                    runs_section(results, names, list(map(str, self.runs)), list(map(_config_text, self.runs)))]
        stream = self.stream
        tasks = ' → '.join(stream) if len(stream) <= MOST_NAMED else f'a stream of {len(stream)} tasks'
        title = f'{listed(names) if len(names) < 4 else f"{len(names)} runs"}: {tasks}'
        lead = headline(results, names, self.references, separate)
        page = document(title, lead, self.notes, strip_html(results, names), sections)
        with atomic_write(self.out / PAGE) as file:
            file.write(page.encode())
        return results_table(results, names=names)

    def _predictions(self, num_views: int) -> tuple[list[Section], list[Chart | None]]:
        """Predict some images with the learners of all phases; a note says why where that cannot be."""
        config = next((config for config in self.configs if config is not None), None)
        if not num_views or config is None:
            self.notes += ['There are no predictions, because no run has weights or a config.'] if num_views else []
            return [], []
        try:
            images = choose_images(config, num_views)
        except DataError as error:
            self.notes.append(f'There are no predictions, because the validation data cannot be read: {error}.')
            return [], []
        if not images.shown:
            return [], []
        threshold = _edge_threshold(self.configs)
        replays: dict[str, Replay] = {}
        for run, result, name in zip(self.runs, self.results, self.names, strict=True):
            replays[name] = replay(run, result, name, images, threshold)
            self.notes += [f'{name}: {replays[name].note}'] if replays[name].missing else []
        views = views_of(images, replays)
        tasks = {task.head: task for task in images.tasks.values()}
        sections = self._show(views, tasks) if any(view.rows(tasks) for view in views) else []
        return sections, [
            distribution_chart([one for played in replays.values() for one in played.distributions],
                               len(images.looked_at)),
            edges_chart([one for played in replays.values() for one in played.edges], threshold)]

    def _show(self, views: Sequence[View], tasks: dict) -> list[Section]:
        draw_panel(views, tasks, self.out / 'predictions.png', RULE)
        with atomic_write(self.out / 'predictions.csv') as file:
            file.write(csv_text(scores_table(views)).encode())
        longest = max(self.results, key=lambda result: len(result.phases))
        return [slides_section(views, tasks, [', '.join(phase.tasks) for phase in longest.phases], RULE)]


def _config_of(run: Path, results: Results) -> Config | None:
    """Read a run's config from its last checkpoint or, where that is missing, from its folder."""
    if results.phases and recorded_checkpoint(run, results.phases[-1]).exists():  # what is no file is refused
        return stored_config(run)[0]
    config = read_written_config(run)
    if config is not None:
        check_stored_config(config.to_dict(), run / 'config.py')
    return config


def _config_text(run: Path) -> str:
    """Give the config in a run's folder as it was written."""
    config = read_written_config(run)
    return '' if config is None else PlainConfig(config.to_dict()).pretty_text


def _edge_threshold(configs: Sequence[Config | None]) -> float:
    """Find the edge threshold of the first run whose method has one."""
    for config in configs:
        term = ((config or {}).get('method') or {}).get('saliency_guided')
        if term and isinstance(term.get('edge_threshold'), int | float):
            return float(term['edge_threshold'])
    return EDGE_THRESHOLD


def _is_separate(results: Results) -> bool:
    method = METHODS.module_dict.get(results.method)
    return method is not None and method.requires.separate_models
