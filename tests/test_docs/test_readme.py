"""The numbers of the README and of the method pages are what was measured, and the citations agree with each other."""
import csv
import re
import statistics
from math import sqrt

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


def differences(tables, group, other, metric='Delta'):
    """That of rcd_normalized and another method, of each seed in each of some tables of runs."""
    found = []
    for name in tables:
        with open(ROOT / f'docs/leaderboards/{name}.csv', newline='') as file:
            values = {(row['method'], row['seed']): float(row[metric]) for row in csv.DictReader(file)
                      if row['group'] == group}
        found += [value - values[other, seed] for (method, seed), value in sorted(values.items())
                  if method == 'rcd_normalized' and (other, seed) in values]
    return found


def with_error(values):
    return f'{statistics.mean(values):+.2f} ± {statistics.stdev(values) / sqrt(len(values)):.2f}'


def test_what_is_said_of_rcd_follows_from_its_runs():
    """Paired by seed, on each machine and on both, as the table of docs/rcd.md and the README have it."""
    first, second = ('rcd', 'rcd_more_seeds'), ('synthrooms3', )
    orders = ('segmentation_first', 'normals_first')
    kept = {}
    method = None
    for row in rows(RCD.partition('## The normalised form')[2].partition('### What keeping')[0]):
        if len(row) == 4 and row[1] in ('first', 'second', 'both'):
            method = row[0] or method
            kept[method, row[1]] = [re.search(r'.*? ± [0-9.]+', cell).group() for cell in row[2:]]
    pairs = 0
    for other in ('dis', 'had', 'rcd'):
        for machine, tables in (('first', first), ('second', second), ('both', first + second)):
            measured = [with_error(differences(tables, group, other)) for group in orders]
            if (f'rcd_normalized - {other}', machine) in kept:
                assert kept[f'rcd_normalized - {other}', machine] == measured, (other, machine)
                pairs += 1
    assert pairs == 8
    found = ' '.join(README.split()).replace('*', '')
    both, dis = first + second, [differences(first, group, 'dis') for group in orders]
    (one, two), (ahead, tie) = map(with_error, dis), kept['rcd_normalized - dis', 'both']
    assert f'ahead of DIS by {one[1:]} and {two[1:]} points here' in found
    assert f'{ahead} with segmentation first and a tie ({tie}) with normals first' in found
    level, behind = kept['rcd_normalized - had', 'both']
    assert f'HAD is level with it with segmentation first ({level})' in found
    assert f'behind by {float(behind.split()[0]):.1f} ± {float(behind.split()[-1]):.1f} with normals first' in found
    rare = differences(both, 'segmentation_first', 'had', 'segmentation/mIoU')
    assert f'(mIoU {-statistics.mean(rare):.1f} ± {statistics.stdev(rare) / sqrt(len(rare)):.1f} higher)' in found


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
