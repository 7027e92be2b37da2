"""Links of the Markdown lead somewhere on the site, too, and a broken one fails its build."""
import io
from pathlib import PurePosixPath

import pytest
import repository_files
from repository_files import pages, with_files, with_links
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

KNOWN = {'docs/configs.md': 'configs', 'docs/data.md': 'data', 'docs/data/nyuv2.md': 'data/nyuv2',
         'configs/had/README.md': 'methods/had'}


@pytest.mark.parametrize('link, expected', [
    ('[a](../configs.md#phases)', '[a](../configs.md#phases)'),
    ('[a](../../configs/had/README.md)', '[a](../methods/had.md)'),
    ('[a](../../configs/had)', '[a](../methods/had.md)'),
    ('[a](../data.md)', '[a](../data.md)'),
    ('[a](../../lhl/methods/had.py)', '[a](repository:lhl/methods/had.py)'),
    ('[a](../../lhl/methods)', '[a](repository:lhl/methods)'),
    ('[a](https://arxiv.org/abs/2306.08593)', '[a](https://arxiv.org/abs/2306.08593)'),
    ('[a](#here)', '[a](#here)'),
    ('[a](missing.md)', '[a](missing.md)'),
    ('![a](../images/rcd.png)', '![a](../images/rcd.png)'),
    ('`[a](../../lhl/methods)`', '`[a](../../lhl/methods)`'),
    ('```\n[a](../../lhl/methods)\n```', '```\n[a](../../lhl/methods)\n```'),
])
def test_a_link_points_to_what_the_site_has(link, expected):
    folder = PurePosixPath('docs/data')
    assert with_links(link, folder, folder, KNOWN) == expected


def test_a_file_is_taken_in_with_its_links_below_the_title_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(repository_files, 'ROOT', tmp_path)
    (tmp_path / 'FILE.md').write_text('# Its title\nsee [data](docs/data/nyuv2.md)\n')
    text = '<!-- file: FILE.md -->\n'
    assert with_files(text, 'about/file', KNOWN) == '# Its title\nsee [data](../data/nyuv2.md)\n\n'
    below = with_files(f'# Ours\n\n{text}', 'about/file', KNOWN)
    assert below == '# Ours\n\n## Its title\nsee [data](../data/nyuv2.md)\n\n'


def test_every_readme_of_the_configs_is_on_a_page():
    readmes = {path.relative_to(repository_files.ROOT).as_posix()
               for path in (repository_files.ROOT / 'configs').glob('*/README.md')}
    assert readmes <= set(pages()) and len(readmes) > 20


@pytest.fixture
def build(tmp_path):
    """Build a site of one page, and give its warnings and the folder that it lies in."""
    def run(text):
        (tmp_path / 'index.md').write_text(f'# Title\n\n{text}\n')
        warnings = io.StringIO()
        settings = dict(extensions=['myst_parser', 'repository_files', 'mathml'], myst_heading_anchors=2,
                        myst_enable_extensions=['dollarmath'], myst_url_schemes=['https', 'repository'])
        with docutils_namespace():
            Sphinx(tmp_path, None, tmp_path / 'out', tmp_path / 'trees', 'html', settings, None, warnings).build()
        return warnings.getvalue(), tmp_path / 'out'
    return run


def test_broken_links_are_warnings(build):
    warnings = build('[a](missing.md) [b](#nowhere) ![c](absent.png) [d](index.md#nothing)')[0]
    assert all(warnings.count(target) == 1 for target in ('missing.md', 'nowhere', 'absent.png', 'nothing'))


def test_a_linked_file_gets_a_page_that_shows_it_and_a_formula_is_mathml(build):
    warnings, site = build('[a](../lhl/losses/groups.py), [b](../lhl/losses), $x^2$ and [c](#title)\n\n$$y$$')
    page = (site / 'index.html').read_text()
    assert not warnings and 'href="files/lhl/losses/groups.py.html"' in page and '<msup>' in page
    assert 'threshold_groups' in (site / 'files/lhl/losses/groups.py.html').read_text()
    assert 'href="groups.py.html"' in (site / 'files/lhl/losses/folder.html').read_text()
