"""What the READMEs of the configs say of them."""
import re

import pytest
from test_engine.tiny_stream import CONFIGS, ROOT

#: The folders of the methods.
FOLDERS = [path for path in sorted(CONFIGS.iterdir()) if path.is_dir() and path.name != '_base_']


@pytest.mark.parametrize('folder', FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_the_readme_of_a_method_names_its_configs_and_nothing_that_does_not_exist(folder):
    text = (folder / 'README.md').read_text()
    named = {(ROOT if name.startswith(('configs/', 'lhl/', 'tools/')) else folder) / name
             for name in re.findall(r'[\w./]+\.py\b', text)}
    assert {path for path in named if not path.is_file()} == set()
    assert set(folder.rglob('*.py')) - {path.resolve() for path in named} == set()
    links = {folder / link for link in re.findall(r'\]\(([^)#]+)', text)}
    assert {link for link in links if not link.exists()} == set()


@pytest.mark.parametrize('folder', FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_the_numbers_of_a_readme_are_in_the_pages_and_tables_that_they_are_from(folder):
    sources = [*(ROOT / 'docs').rglob('*.md'), *(ROOT / 'lhl/evaluation/published_tables').glob('*.csv')]
    text = ''.join(source.read_text() for source in sources).replace('**', '')  # where the best are bold
    rows = [line for line in (folder / 'README.md').read_text().splitlines() if line.startswith('| ')]
    numbers = {number for row in rows for number in re.findall(r'(?<![\w.])[+-]?\d+\.\d+(?: ± \d+\.\d+)?', row)}
    assert {number for number in numbers if not re.search(rf'(?<![\d.]){re.escape(number)}(?!\d)', text)} == set()
