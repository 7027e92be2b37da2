"""docs/paper_against_lhl.md: what is called recomputed is what lhl.evaluation computes from the printed columns."""
import re

import pytest
from test_engine.tiny_stream import ROOT

from lhl.evaluation import mean_rank, multi_task_delta, published_table, relative_improvement

PAGE = (ROOT / 'docs/paper_against_lhl.md').read_text()
DATA = {'1, ResNet-18': 'had_table_1_resnet18', '1, ResNet-50': 'had_table_1_resnet50',
        '7, sequence 2': 'had_table_7_sequence2', '7, sequence 3': 'had_table_7_sequence3', '10': 'had_table_10',
        '8, right': 'had_table_8_depth_segmentation'}
BETTER = {'NYUD-v2': (True, False, False, True), 'PASCAL-Context': (True, True, True, False, True)}


def tables():
    """All tables of the page, as lists of rows by the names of their columns."""
    for block in re.findall(r'(?:^\|.*\n)+', PAGE, re.M):
        head, _, *rows = [[cell.strip() for cell in line.strip('|\n').split(' | ')] for line in block.splitlines()]
        yield [dict(zip(head, row, strict=True)) for row in rows]


def columns(ending):
    """The columns that end with some words, as ``{table: {method: number as it stands there}}``."""
    return {name.split(': ')[0]: {row['method']: row[name] for row in rows}
            for rows in tables() for name in rows[0] if name.endswith(f': {ending}')}


@pytest.mark.parametrize('name', DATA)
def test_each_delta_is_the_printed_one_and_the_recomputed_one(name):
    table = published_table(DATA[name])
    assert columns('printed')[name] == {method: f'{delta:+.2f}' for method, delta in table.delta.items()}
    reference = table.rows[table.reference]
    assert columns('recomputed')[name] == {
        method: f'{relative_improvement(row, reference, table.higher_is_better):+.2f}'
        for method, row in table.rows.items()}


def test_the_ranks_of_table_10_are_those_that_are_printed_and_computed():
    table = published_table('had_table_10')
    assert columns('printed MR')['10'] == {method: f'{rank:.2f}' for method, rank in table.mean_rank.items()}
    assert columns('recomputed MR')['10'] == {
        method: f'{rank:.2f}' for method, rank in mean_rank(table.rows, table.higher_is_better).items()}


def test_every_table_whose_printed_delta_does_not_follow_is_on_the_page():
    assert set(columns('printed')) == set(columns('recomputed')) == set(DATA)


def test_the_gaps_in_the_text_are_those_of_the_table():
    first, second = (columns('recomputed')[name] for name in ('1, ResNet-18', '1, ResNet-50'))
    printed, printed_second = (columns('printed')[name] for name in ('1, ResNet-18', '1, ResNet-50'))
    gaps = [f'{float(column["HAD"]) - float(column["LwF"]):.1f}' for column in (first, printed, printed_second, second)]
    stated = re.search(r'by ([\d.]+) points over LwF rather than ([\d.]+); with ResNet-50 it shrinks from ([\d.]+) to '
                       r'([\d.]+) points', PAGE)
    assert gaps == list(stated.groups())


def test_the_deltas_of_kdam_are_recomputed_from_the_rows_on_the_page():
    rows, = [rows for rows in tables() if 'single-task row' in rows[0]]
    assert len(rows) == 3
    for row in rows:
        better = BETTER[row['data']]
        method, single = ({str(task): {'m': float(value)} for task, value in enumerate(row[name].split())}
                          for name in ('metrics of the row', 'single-task row'))
        directions = {str(task): {'m': higher} for task, higher in enumerate(better)}
        delta = multi_task_delta(method, single, directions, dict.fromkeys(directions, 'm'))
        assert f'{delta:.2f}' == row['recomputed'] != row['printed']
