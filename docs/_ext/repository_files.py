"""Links to files of the repository that are no pages: Markdown that works on GitHub as it is also works on the site.

A link to a page stays one. A file that a page takes in, by a line ``<!-- file: CONTRIBUTING.md -->``, is linked as that
page. Any other file or folder gets a page of its own, which shows it.
"""
import html
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
_TAKEN_IN = re.compile(r'^<!-- file: ([\w./-]+) -->$', re.M)
_LINK = re.compile(r'(?<!!)(\[(?:[^\[\]]|\[[^\]]*\]\([^)]*\))*\]\()([^)\s#]*)((?:#[^)\s]*)?\))')
_CODE = re.compile(r'(^```.*?^```\s*?$|`[^`\n]+`)', re.M | re.S)
_SCHEME = 'repository:'
_LANGUAGES = {'.py': 'python', '.toml': 'toml', '.sh': 'bash', '.yml': 'yaml', '.cff': 'yaml', '.md': 'markdown'}


def pages() -> dict[str, str]:
    """Map each file that is shown on a page, by its path in the repository, to the path of that page without suffix."""
    found = {}
    for path in sorted((ROOT / 'docs').rglob('*')):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in ('.md', '.ipynb') and not name.startswith(('docs/_build/', 'docs/_ext/')):
            page = name.removeprefix('docs/').removesuffix(path.suffix)
            found[name] = page
            for taken_in in _TAKEN_IN.findall(path.read_text()):
                found[taken_in] = page
    return found


def with_files(text: str, page: str, known: dict[str, str]) -> str:
    """Take in the files that a page asks for, and point all links to where the site has what they lead to.

    Args:
        text: The Markdown of the page.
        page: Its path in ``docs/``, without suffix.
        known: From :func:`pages`.
    """
    folder = PurePosixPath('docs', page).parent
    titled = re.search('^# ', text, re.M) is not None

    def taken_in(match: re.Match) -> str:
        path = PurePosixPath(match[1])
        part = with_links((ROOT / path).read_text(), path.parent, folder, known)
        heading = '## Configs: ' if match[1].startswith('configs/') else '## '
        return re.sub(r'\A# ', heading, part) if titled else part
    return _TAKEN_IN.sub(taken_in, with_links(text, folder, folder, known))


def with_links(text: str, folder: PurePosixPath, of_page: PurePosixPath, known: dict[str, str]) -> str:
    """Rewrite the links of a text that lies in a folder for a page in another one; code stays as it is."""
    def rewrite(match: re.Match) -> str:
        target = match[2]
        if not target or ':' in target:
            return match[0]
        path = os.path.normpath(folder / target)
        readme = f'{path}/README.md'
        if path not in known and readme in known:
            path = readme
        if path in known:
            return f'{match[1]}{os.path.relpath(f"docs/{known[path]}{_suffix(known[path])}", of_page)}{match[3]}'
        if (ROOT / path).exists() and not path.startswith('..'):
            return f'{match[1]}{_SCHEME}{path}{match[3]}'
        return match[0]  # Sphinx warns of it
    return ''.join(part if i % 2 else _LINK.sub(rewrite, part) for i, part in enumerate(_CODE.split(text)))


def _suffix(page: str) -> str:
    return '.ipynb' if (ROOT / 'docs' / f'{page}.ipynb').exists() else '.md'


def _read(app: Sphinx, page: str, content: list[str]) -> None:
    for name in _TAKEN_IN.findall(content[0]):
        app.env.note_dependency(str(ROOT / name), docname=page)
    content[0] = with_files(content[0], page, pages())


def _remember(app: Sphinx, doctree: nodes.document) -> None:
    linked = {node['refuri'].removeprefix(_SCHEME).partition('#')[0] for node in doctree.findall(nodes.reference)
              if node.get('refuri', '').startswith(_SCHEME)}
    _linked(app)[app.env.docname] = linked


def _linked(app: Sphinx) -> dict[str, set[str]]:
    if not hasattr(app.env, 'repository_files'):
        app.env.repository_files = {}
    return app.env.repository_files


def _forget(app: Sphinx, env: object, page: str) -> None:
    _linked(app).pop(page, None)


def _point(app: Sphinx, doctree: nodes.document, page: str) -> None:
    for node in doctree.findall(nodes.reference):
        if node.get('refuri', '').startswith(_SCHEME):
            path = node['refuri'].removeprefix(_SCHEME).partition('#')[0]
            node['refuri'] = app.builder.get_relative_uri(page, _page_of(path))


def _page_of(path: str) -> str:
    return f'files/{path}' if (ROOT / path).is_file() else f'files/{path}/folder'


def _show(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Write a page for each linked file, and for each folder with the files in it."""
    known, paths = pages(), set().union(*_linked(app).values())
    for folder in [path for path in paths if (ROOT / path).is_dir()]:
        paths.update(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).iterdir()
                     if path.is_file() and path.suffix in _LANGUAGES)
    for path in sorted(paths - set(known)):
        page, source = _page_of(path), ROOT / path
        target = Path(app.outdir, f'{page}.html')
        if source.is_dir():
            body = ''.join(
                f'<li><a href="{app.builder.get_relative_uri(page, known.get(name) or _page_of(name))}">'
                f'{html.escape(Path(name).name)}</a></li>' for name in sorted(paths | set(known))
                if Path(name).parent.as_posix() == path)
            body = f'<ul>{body}</ul>'
        elif target.exists() and target.stat().st_mtime > source.stat().st_mtime:
            continue
        else:
            body = app.builder.highlighter.highlight_block(source.read_text(), _LANGUAGES.get(source.suffix, 'none'))
        yield page, dict(title=path, body=f'<h1><code>{html.escape(path)}</code></h1>{body}', parents=[]), 'page.html'


def setup(app: Sphinx) -> dict:
    """Register with Sphinx."""
    app.connect('source-read', _read, priority=600)
    app.connect('doctree-read', _remember)
    app.connect('env-purge-doc', _forget)
    app.connect('doctree-resolved', _point)
    app.connect('html-collect-pages', _show)
    return dict(version='1', parallel_read_safe=False)
