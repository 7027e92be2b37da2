"""Pages that are made from the code: a line ``<!-- generated: KIND OF_WHAT -->`` of a page becomes what it asks for."""
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
_MARK = re.compile(r'^<!-- generated: (\w+)(?: ([^>\n]+))? -->$', re.M)


def with_generated(text: str) -> str:
    """Put in the place of each mark what it asks for."""
    def generate(match: re.Match) -> str:
        if match[1] == 'navigation':
            return navigation(*match[2].split())
        module = import_module({'api': 'reference_api', 'commands': 'reference_commands',
                                'options': 'reference_options'}[match[1]])
        return module.markdown(match[2])
    return _MARK.sub(generate, text)


def navigation(caption: str, *patterns: str) -> str:
    """Write a part of the navigation of the pages that exist, each pattern's in alphabetical order."""
    docs = ROOT / 'docs'
    found = [path.relative_to(docs).with_suffix('').as_posix() for pattern in patterns
             for path in sorted(docs.glob(f'{pattern}.*')) if path.suffix in ('.md', '.ipynb')]
    return '\n'.join(['```{toctree}', ':hidden:', f':caption: {caption}', '', *found, '```']) if found else ''


def _read(app: Sphinx, page: str, content: list[str]) -> None:
    for kind, of_what in _MARK.findall(content[0]):
        if kind == 'navigation':
            continue
        folder = ROOT.joinpath(*of_what.split('.')) if kind == 'api' and '.' in of_what else ROOT / 'lhl'
        for path in [*folder.rglob('*.py'), *Path(__file__).parent.glob('*.py'), ROOT / 'docs/configs.md']:
            app.env.note_dependency(str(path), docname=page)
    content[0] = with_generated(content[0])


def _resolve(app: Sphinx, env: Any, node: nodes.Element, content: nodes.Node) -> nodes.Node | None:
    """Find what is documented under another of its names; what exists and is on no page stays as it is written."""
    if node.get('refdomain') != 'py' or 'reftarget' not in node:
        return None
    from reference_api import documented_name, look_up
    try:
        found = look_up(node['reftarget'], node.get('py:module'), node.get('py:class'))
    except (AttributeError, ImportError):
        return None
    try:
        name = documented_name(found)
    except AttributeError:  # of a constant, or the name of a type
        return content
    entry = env.domains.python_domain.objects.get(name)
    return make_refnode(app.builder, node['refdoc'], entry.docname, entry.node_id, content, name) if entry else content


def _skip(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of a named tuple, which the text of its class describes."""
    return True if (getattr(member, '__doc__', None) or '').startswith('Alias for field') else None


def _shorten(app: Sphinx, what: str, name: str, found: Any, options: Any, signature: str | None,
             returned: str | None) -> tuple[str | None, str | None]:
    """Write ``float`` for a number with a range: the page of options has the ranges."""
    if signature:
        signature = re.sub(r'(?:~?typing\.)?Annotated\[(\w+), [^\]]*?\)\]', r'\1', signature)
    return signature, returned


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect('env-get-outdated', lambda *_: ['index'])  # whose navigation is of the pages that exist
    app.connect('source-read', _read, priority=400)
    app.connect('missing-reference', _resolve)
    app.connect('autodoc-skip-member', _skip)
    app.connect('autodoc-process-signature', _shorten)
    return dict(version='1', parallel_read_safe=True)
