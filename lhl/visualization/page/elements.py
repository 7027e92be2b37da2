"""A chart: some panels with one legend, as SVG in a page, as PNG beside it, and its numbers as CSV."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..labels import figure_text
from ..style import GRID, LINE, TEXT
from .number_tables import Row

_DASHES = {'-': '', '--': '5 3', ':': '2 2'}
_MARKERS = {'o': '<circle cx="14" cy="6" r="3.5"/>', 's': '<path d="M11 3h6v6h-6z"/>', '^': '<path d="M14 2l4 7h-8z"/>',
            '': ''}


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
        """Draw it with its title."""
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
