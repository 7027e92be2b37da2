"""Draws charts: as SVG in a page, as PNG beside it, from one drawing of each panel."""
import io
import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lhl.atomic import atomic_write

from ..style import TEXT
from .elements import Chart, Panel, Picture, Section
from .number_tables import csv_text, files_html, numbers_html
from .picture import picture_html

#: Pixels of a page per inch of a figure, and of a PNG.
_PIXELS, _DPI = 96, 150
#: Inches from which on a panel scrolls on a phone, where its text would be too small.
_WIDE = 6.0


def render_chart(chart: Chart, folder: str | Path) -> Section:
    """Write a chart as ``NAME.png`` and its numbers as ``NAME.csv``, and give its section of the page.

    In the page each panel is an image of its own, so that they find room on a phone.
    """
    drawn = [_drawn(panel) for panel in chart.panels]
    if chart.figure is None:
        png = cv2.imencode('.png', _side_by_side(chart, [_pixels(figure) for figure in drawn])[..., ::-1])[1].tobytes()
    else:
        file = io.BytesIO()
        chart.figure().savefig(file, format='png', dpi=_DPI)
        png = file.getvalue()
    for suffix, content in (('png', png), ('csv', csv_text(chart.table).encode())):
        with atomic_write(Path(folder, f'{chart.name}.{suffix}')) as target:
            target.write(content)
    panels = ''.join(f'<div class="panel" style="flex-basis:{panel.width * _PIXELS:.0f}px">'
                     f'{_html(panel, figure, f"{chart.name}{number}", chart.title)}</div>'
                     for number, (panel, figure) in enumerate(zip(chart.panels, drawn, strict=True)))
    legend = f'<ul class="legend">{"".join(mark.html() for mark in chart.marks)}</ul>' if chart.marks else ''
    return Section(chart.name, chart.title, f'<p>{escape(chart.caption)}</p>{legend}<div class="panels">{panels}</div>'
                   f'{numbers_html(chart.table)}{files_html(chart.name)}')


def _drawn(panel: Panel | Picture) -> Figure:
    """Draw a panel and fix its layout, which would take most of the time again for another format."""
    figure = Figure(figsize=(panel.width, panel.height), dpi=_DPI, layout='constrained')
    canvas = FigureCanvasAgg(figure)
    panel.draw(figure.add_subplot())
    canvas.draw()
    figure.set_layout_engine('none')
    return figure


def _pixels(figure: Figure) -> np.ndarray:
    """Give a figure that was drawn as ``(H, W, 3)`` uint8."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _side_by_side(chart: Chart, panels: Sequence[np.ndarray]) -> np.ndarray:
    """Arrange the panels in rows on white, with the legend below."""
    columns = min(chart.columns, len(panels))
    height, width = (max(panel.shape[side] for panel in panels) for side in (0, 1))
    picture = np.full((height * math.ceil(len(panels) / columns), width * columns, 3), 255, np.uint8)
    for place, panel in enumerate(panels):
        y, x = place // columns * height, place % columns * width
        picture[y:y + panel.shape[0], x:x + panel.shape[1]] = panel
    return np.concatenate([picture, _legend(chart, picture.shape[1])]) if chart.marks else picture


def _legend(chart: Chart, width: int) -> np.ndarray:
    """Draw the legend, so many pixels wide."""
    inches = width / _DPI
    across = min(len(chart.marks), max(1, int(inches / max(0.7 + 0.09 * len(mark.label) for mark in chart.marks))))
    figure = Figure(figsize=(inches, 0.1 + 0.24 * math.ceil(len(chart.marks) / across)), dpi=_DPI)
    FigureCanvasAgg(figure).draw()
    figure.legend(handles=[mark.artist() for mark in chart.marks], loc='center', frameon=False, fontsize=9,
                  labelcolor=TEXT, ncols=across)
    figure.canvas.draw()
    return _pixels(figure)[:, :width]


def _html(panel: Panel | Picture, figure: Figure, salt: str, label: str) -> str:
    if isinstance(panel, Panel):
        return _svg(figure, salt, label)
    return f'<figure>{picture_html(panel.pixels, panel.title)}<figcaption>{escape(panel.title)}</figcaption></figure>'


def _svg(figure: Figure, salt: str, label: str) -> str:
    """Write a figure as SVG whose text is text, without what only a file needs."""
    file = io.StringIO()
    with rc_context({'svg.fonttype': 'none', 'svg.hashsalt': salt}):
        figure.savefig(file, format='svg', transparent=True, metadata={'Date': None})
    text = file.getvalue()
    text = re.sub(r'<metadata>.*?</metadata>|<!--.*?-->', '', text[text.index('<svg'):], flags=re.DOTALL)
    used = set(re.findall(r'#([\w-]+)', text))
    text = re.sub(r' id="([\w.-]+)"', lambda match: match[0] if match[1] in used else '', text)
    text = re.sub(r"(font: [\w. ]*?px)[^;\"]*", r'\1 sans-serif', text)
    opening = re.sub(r' (width|height|version|xmlns|xmlns:xlink)="[^"]*"', '', text[:text.index('>')])
    width = figure.get_figwidth()
    least = f' style="min-width:{0.75 * width * _PIXELS:.0f}px"' if width > _WIDE else ''
    return f'{opening}{least} role="img" aria-label="{escape(label)}"{text[text.index(">"):]}'.strip()
