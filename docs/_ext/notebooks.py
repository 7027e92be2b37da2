"""Notebooks as pages: their Markdown, their code, and the outputs that they were saved with. Nothing is executed."""
import json
from collections.abc import Iterator

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx


def as_markdown(notebook: dict) -> str:
    """Write a notebook in the format of Jupyter, version 4, as Markdown."""
    return '\n\n'.join(part for cell in notebook['cells'] for part in _parts(cell)) + '\n'


def _parts(cell: dict) -> Iterator[str]:
    source = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown':
        yield source
    elif cell['cell_type'] == 'code' and source:
        yield f'````python\n{source}\n````'
        for output in cell['outputs']:
            data = output.get('data', {})
            if 'image/png' in data:
                yield f'![output](data:image/png;base64,{"".join(data["image/png"]).strip().replace(chr(10), "")})'
            elif text := ''.join(output.get('text', data.get('text/plain', ''))).rstrip():
                yield f'````text\n{text}\n````'


class NotebookParser(MystParser):
    """Reads a notebook as the Markdown that it stands for."""

    supported = ('ipynb', )

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse the JSON text of a notebook into a document."""
        super().parse(as_markdown(json.loads(inputstring)), document)


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.add_source_suffix('.ipynb', 'ipynb')
    app.add_source_parser(NotebookParser)
    return dict(version='1', parallel_read_safe=True)
