"""The numbers of the README and of the method pages are what was measured, and the citations agree with each other."""
import re

import pytest
import yaml
from test_engine.tiny_stream import ROOT

README = (ROOT / 'README.md').read_text()
RCD = (ROOT / 'docs/rcd.md').read_text()


def rows(text):
    """The rows of all tables, as lists of cells without emphasis."""
    return [[cell.strip().replace('*', '') for cell in line.split('|')[1:-1]]
            for line in text.splitlines() if line.startswith('| ')]


def test_the_results_are_those_of_the_benchmark():
    names = {'fine-tuning (Vanilla)': 'vanilla', 'plain distillation (DIS)': 'dis', 'HAD': 'had',
             'RCD, normalised': 'rcd_normalized'}
    first, second = RCD.split('\n**Normals first**')
    first, second = ({row[0]: row for row in rows(text) if len(row) == 6} for text in (
        first.partition('\n**Segmentation first**')[2], second))
    ours = {row[0]: row for row in rows(README) if row[0] in names}
    assert set(ours) == set(names)
    for name, row in ours.items():
        (_, delta, miou, *_), (_, other, *_, normals) = first[names[name]], second[names[name]]
        assert row[1:] == [delta, miou, other, normals]
    found = ' '.join(README.split())
    for method, words in (('dis', 'ahead of DIS in both orders, by'), ('had', 'and of HAD by')):
        one, two = re.search(rf'rcd_normalized - {method} \| \+(\S+ ± \S+) \| \+(\S+ ± [0-9.]+)', RCD).groups()
        assert f'{words} {one} and {two}' in found.replace('*', '')


def test_the_method_pages_have_the_rows_of_the_leaderboard():
    leaderboard = (ROOT / 'docs/benchmarks_first_edition.md').read_text().partition('## Every method')[2]
    board = {row[1].removesuffix(' †'): row for row in rows(leaderboard) if len(row) == 11}
    compared = 0
    for path in (ROOT / 'docs/methods').glob('*.md'):
        for row in rows(path.read_text()):
            if row[0] in board and len(row) == 6:
                found = board[row[0]]
                assert row[1:] == [found[2], found[6], found[7], found[8], found[9]], path.name
                compared += 1
    assert compared > 25


@pytest.mark.parametrize('family', ['Zhang', 'Xu', 'Madaan'])
def test_the_bibtex_names_the_authors_of_the_citation_file(family):
    text, = re.findall('```bibtex\n.*?```', (ROOT / 'docs/about/citing.md').read_text(), re.S)
    assert text in README
    references = yaml.safe_load((ROOT / 'CITATION.cff').read_text())['references']
    reference, = [entry for entry in references if entry['authors'][0]['family-names'] == family]
    authors = ' and '.join(f'{author["family-names"]}, {author["given-names"]}' for author in reference['authors'])
    entry, = [entry for entry in re.findall(r'@inproceedings\{.*?\n\}', text, re.S) if f'{{{family}, ' in entry]
    assert authors in ' '.join(entry.split())
    assert reference['title'] in entry.replace('{', '').replace('}', '') and f'year = {{{reference["year"]}}}' in entry
