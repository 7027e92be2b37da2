"""A chart: some panels with one legend, as SVG in a page, as PNG beside it, and its numbers as CSV."""
import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lhl.atomic import atomic_write

from ..labels import figure_text, spreadsheet_text
from ..style import GRID, LINE, TEXT
from .picture import picture_html

#: Pixels of a page per inch of a figure.
_PIXELS = 96
_DASHES = {'-': '', '--': '5 3', ':': '2 2'}
_MARKERS = {'o': '<circle cx="14" cy="6" r="3.5"/>', 's': '<path d="M11 3h6v6h-6z"/>', '^': '<path d="M14 2l4 7h-8z"/>',
            '': ''}
#: What a number that is not one is written as.
_MISSING = '–'
#: Rows of a table within a page.
_MOST_ROWS = 120


#: Of a table; None is what was not measured.
Row = Sequence[str | int | float | None]


@dataclass
class Mark:
    """An entry of a legend: a line with a marker, or a box without either."""

    label: str
    colour: str
    line: Literal['-', '--', ':', ''] = ''
    marker: str = ''

    def artist(self) -> Artist:
        """Draw it for matplotlib's legend."""
        label = figure_text(self.label)
        if not (self.line or self.marker):
            return Patch(label=label, color=self.colour, linewidth=0)
        return Line2D([], [], label=label, color=self.colour, linestyle=self.line, marker=self.marker, linewidth=2)

    def html(self) -> str:
        """Draw it for a page."""
        shape = '<path d="M7 0h13v12h-13z"/>'
        if self.line or self.marker:
            dashes = _DASHES.get(self.line, '')
            shape = _MARKERS.get(self.marker, '')
            if self.line:
                shape += f'<path d="M0 6h28" fill="none" stroke-width="2" stroke-dasharray="{dashes}"/>'
        return (f'<li><svg viewBox="0 0 28 12" aria-hidden="true" fill="{self.colour}" stroke="{self.colour}">{shape}'
                f'</svg>{escape(self.label)}</li>')


@dataclass
class Panel:
    """A drawing with axes of its own.

    Args:
        draw: Draws it.
        width: In inches.
        height: In inches.
    """

    draw: Callable[[Axes], object]
    width: float = 3.7
    height: float = 2.5


@dataclass
class Picture:
    """A panel that is a picture: ``(H, W, 3)`` uint8, or float in [0, 1]."""

    pixels: np.ndarray
    title: str

    @property
    def width(self) -> float:
        """In inches."""
        return 2.3

    @property
    def height(self) -> float:
        """In inches."""
        return self.width * self.pixels.shape[0] / self.pixels.shape[1] + 0.28

    def draw(self, panel: Axes) -> None:
        """Draw it for the PNG."""
        panel.imshow(self.pixels, interpolation='nearest')
        panel.set_title(figure_text(self.title), fontsize=9, color=TEXT)
        panel.set_axis_off()


@dataclass
class Chart:
    """Panels that belong together.

    Args:
        name: Of its files, without a suffix.
        title: Its heading.
        caption: What it shows and how to read it, as plain text.
        panels: What it consists of.
        table: Its numbers, row by row, below a row of titles.
        marks: Its legend.
    """

    name: str
    title: str
    caption: str
    panels: Sequence[Panel | Picture]
    table: Sequence[Row]
    marks: Sequence[Mark] = field(default_factory=list)
    columns: int = 3  #: of the panels in the PNG, at most
    figure: Callable[[], Figure] | None = None  #: draws the PNG in place of the panels side by side


class Section(NamedTuple):
    """A part of a page that can be linked to."""

    name: str  #: what a link calls it
    title: str
    content: str  #: HTML

    def html(self) -> str:
        """Write it with its heading."""
        return f'<section id="{escape(self.name)}"><h2>{escape(self.title)}</h2>{self.content}</section>'


def style(panel: Axes, grid: str = 'y') -> None:
    """Remove the frame, and draw what is behind the data lightly."""
    panel.tick_params(labelsize=9, labelcolor=TEXT, color=LINE)
    panel.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    panel.set_axisbelow(True)
    panel.spines[['top', 'right']].set_visible(False)
    panel.spines[['left', 'bottom']].set_color(LINE)


def write_chart(chart: Chart, folder: str | Path) -> list[Path]:
    """Write a chart as ``NAME.png`` and its numbers as ``NAME.csv``; give their paths."""
    png, table = Path(folder, f'{chart.name}.png'), Path(folder, f'{chart.name}.csv')
    figure = _side_by_side(chart) if chart.figure is None else chart.figure()
    with atomic_write(png) as file:
        figure.savefig(file, format='png', dpi=150)
    with atomic_write(table) as file:
        file.write(csv_text(chart.table).encode())
    return [png, table]


def _side_by_side(chart: Chart) -> Figure:
    """Draw all panels with one legend."""
    columns = min(chart.columns, len(chart.panels))
    rows = math.ceil(len(chart.panels) / columns)
    width, height = (max(getattr(panel, side) for panel in chart.panels) for side in ('width', 'height'))
    figure = Figure(figsize=(columns * width, rows * height + 0.35), layout='constrained')
    FigureCanvasAgg(figure)
    for place, panel in enumerate(chart.panels, start=1):
        panel.draw(figure.add_subplot(rows, columns, place))
    if chart.marks:
        across = max(1, int(columns * width / max(0.7 + 0.09 * len(mark.label) for mark in chart.marks)))
        figure.legend(handles=[mark.artist() for mark in chart.marks], loc='outside lower center', frameon=False,
                      fontsize=9, labelcolor=TEXT, ncols=min(len(chart.marks), across))
    return figure


def csv_text(table: Sequence[Row]) -> str:
    """Write a table with all digits; what was not measured is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    for row in table:
        writer.writerow(['' if cell is None else spreadsheet_text(cell) if isinstance(cell, str) else cell
                         for cell in row])
    return text.getvalue()


def chart_section(chart: Chart) -> Section:
    """Write a chart as a section of a page: each panel is an image of its own, so that they find room on a phone."""
    panels = ''.join(f'<div class="panel" style="flex-basis:{panel.width * _PIXELS:.0f}px">'
                     f'{_panel(panel, f"{chart.name}{number}", chart.title)}</div>'
                     for number, panel in enumerate(chart.panels))
    legend = f'<ul class="legend">{"".join(mark.html() for mark in chart.marks)}</ul>' if chart.marks else ''
    return Section(chart.name, chart.title, f'<p>{escape(chart.caption)}</p>{legend}<div class="panels">{panels}</div>'
                   f'{numbers_html(chart.table)}{files_html(chart.name)}')


def numbers_html(table: Sequence[Row], summary: str = 'Numbers') -> str:
    """Write a table that opens on demand."""
    return f'<details><summary>{escape(summary)}</summary>{table_html(table)}</details>'


def table_html(table: Sequence[Row]) -> str:
    """Write a table whose first row holds the titles."""
    head, *rows = [[escape(_cell(cell)) for cell in row] for row in table[:_MOST_ROWS + 1]]
    body = ''.join(f'<tr>{"".join(f"<td>{cell}</td>" for cell in row)}</tr>' for row in rows)
    left = len(table) - 1 - _MOST_ROWS
    rest = f'<p>The other {left} rows are in the CSV file.</p>' if left > 0 else ''
    return (f'<div class="scroll"><table><thead><tr>{"".join(f"<th>{cell}</th>" for cell in head)}</tr></thead>'
            f'<tbody>{body}</tbody></table></div>{rest}')


def _cell(cell: str | int | float | None) -> str:
    if cell is None or isinstance(cell, float) and math.isnan(cell):
        return _MISSING
    return f'{cell:.4g}' if isinstance(cell, float) else str(cell)


def files_html(name: str) -> str:
    """Say which files of a figure are beside the page."""
    files = (f'<a href="{escape(name)}.{suffix}">{escape(name)}.{suffix}</a>' for suffix in ('png', 'csv'))
    return f'<p class="files">Beside this page: {", ".join(files)}</p>'


def _panel(panel: Panel | Picture, salt: str, label: str) -> str:
    if isinstance(panel, Panel):
        return _svg(panel, salt, label)
    return f'<figure>{picture_html(panel.pixels, panel.title)}<figcaption>{escape(panel.title)}</figcaption></figure>'


def _svg(panel: Panel, salt: str, label: str) -> str:
    """Draw a panel as SVG whose text is text, without what only a file needs."""
    figure = Figure(figsize=(panel.width, panel.height), layout='constrained')
    FigureCanvasAgg(figure)
    panel.draw(figure.add_subplot())
    file = io.StringIO()
    with rc_context({'svg.fonttype': 'none', 'svg.hashsalt': salt}):
        figure.savefig(file, format='svg', transparent=True, metadata={'Date': None})
    text = file.getvalue()
    text = re.sub(r'<metadata>.*?</metadata>|<!--.*?-->', '', text[text.index('<svg'):], flags=re.DOTALL)
    used = set(re.findall(r'#([\w-]+)', text))
    text = re.sub(r' id="([\w-]+)"', lambda match: match[0] if match[1] in used else '', text)
    text = re.sub(r"(font: [\w. ]*?px)[^;\"]*", r'\1 sans-serif', text)
    opening = re.sub(r' (width|height|version|xmlns|xmlns:xlink)="[^"]*"', '', text[:text.index('>')])
    return f'{opening} role="img" aria-label="{escape(label)}"{text[text.index(">"):]}'.strip()
