"""Numbers of a page: a table that opens on demand, and a CSV file beside the page."""
import csv
import io
import math
from collections.abc import Sequence
from html import escape

from ..labels import spreadsheet_text

#: What a number that is not one is written as.
_MISSING = '–'
#: Rows of a table within a page.
_MOST_ROWS = 120

#: Of a table; None is what was not measured.
Row = Sequence[str | int | float | None]


def csv_text(table: Sequence[Row]) -> str:
    """Write a table with all digits; what was not measured is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    for row in table:
        writer.writerow(['' if cell is None else spreadsheet_text(cell) if isinstance(cell, str) else cell
                         for cell in row])
    return text.getvalue()


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


def files_html(name: str) -> str:
    """Say which files of a figure are beside the page."""
    files = (f'<a href="{escape(name)}.{suffix}">{escape(name)}.{suffix}</a>' for suffix in ('png', 'csv'))
    return f'<p class="files">Beside this page: {", ".join(files)}</p>'


def _cell(cell: str | int | float | None) -> str:
    if cell is None or isinstance(cell, float) and math.isnan(cell):
        return _MISSING
    return f'{cell:.4g}' if isinstance(cell, float) else str(cell)
