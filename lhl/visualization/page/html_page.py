"""The page: what happened in a sentence, the stream as a strip, and the sections, in one file that needs no other."""
import math
from collections.abc import Mapping, Sequence
from html import escape

from lhl.errors import printable
from lhl.evaluation import Results

from ..labels import short_number
from .elements import Section
from .number_tables import Row, table_html
from .slides import SCRIPT
from .stylesheet import STYLESHEET

#: What the page may load: nothing but what is inside it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def document(title: str, lead: str, notes: Sequence[str], strip: str, sections: Sequence[Section]) -> str:
    """Write the page.

    Args:
        title: Of the page.
        lead: What happened, a sentence.
        notes: What a reader has to know first, a sentence each.
        strip: The stream, HTML from :func:`strip_html`.
        sections: In the order of the page.
    """
    links = ''.join(f'<a href="#{escape(section.name)}">{escape(section.title)}</a>' for section in sections)
    said = ''.join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<title>{escape(title)}</title>\n<style>{STYLESHEET}</style>\n</head>\n<body>\n<header>'
            f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>{said}{strip}</header>\n<nav>{links}</nav>\n'
            f'<main>\n{chr(10).join(section.html() for section in sections)}\n</main>\n'
            f'<script>{SCRIPT}</script>\n</body>\n</html>\n')


def strip_html(runs: Sequence[Results], names: Sequence[str]) -> str:
    """Write the stream as a strip: a box per phase, with its tasks and how good each run was at them right after it."""
    longest = max(runs, key=lambda run: len(run.phases))
    phases = [phase.tasks for phase in longest.phases]
    phases += [[task] for task in longest.stream[len(longest.learned_tasks):]]
    boxes = []
    for place, tasks in enumerate(phases, start=1):
        lines = []
        for run, name in zip(runs, names, strict=True):
            if place > len(run.phases):
                lines.append(f'{name}: not learned yet')
                continue
            scores = run.phases[place - 1].metrics
            told = [score_text(run, task, scores[task]) for task in run.phases[place - 1].tasks if scores.get(task)]
            lines.append(f'{name}: {", ".join(told) or "not scored"}')
        items = ''.join(f'<li>{escape(line)}</li>' for line in lines)
        boxes.append(f'<li><span>phase {place}</span><b>{escape(", ".join(tasks))}</b><ul>{items}</ul></li>')
    return f'<ol class="strip" aria-label="the stream">{"".join(boxes)}</ol>'


def score_text(run: Results, task: str, scores: Mapping[str, float]) -> str:
    """Write the first metric of a task with its unit: ``mIoU 21.3 %``."""
    metric = next((metric for metric in run.higher_is_better.get(task, {}) if metric in scores), None)
    return '' if metric is None else f'{metric} {value_text(run, task, metric, scores[metric])}'


def value_text(run: Results, task: str, metric: str, value: float) -> str:
    """Write a value with three digits and its unit; one that is undefined has none."""
    return 'undefined' if math.isnan(value) else short_number(value, run.units.get(task, {}).get(metric, ''))


def runs_section(runs: Sequence[Results], names: Sequence[str], folders: Sequence[str],
                 configs: Sequence[str]) -> Section:
    """Write what made the runs: method, seed, config and versions.

    Args:
        runs: The results.
        names: What the page calls them.
        folders: Where they are.
        configs: Their configs as text; empty where it is missing.
    """
    parts = []
    for run, name, folder, config in zip(runs, names, folders, configs, strict=True):
        facts: list[Row] = [['what', 'value'], ['folder', folder], ['method', run.method], ['seed', run.seed],
                 ['config', printable(run.config)], ['hash of the config', run.config_hash],
                 *([f'version of {package}', str(version)] for package, version in run.versions.items())]
        text = f'<details><summary>The whole config</summary><pre>{escape(config)}</pre></details>' if config else ''
        parts.append(f'<h3>{escape(name)}</h3>{table_html(facts)}{text}')
    return Section('runs', 'Config and versions', ''.join(parts))
