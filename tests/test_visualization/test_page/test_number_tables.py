import math

from page_reader import PageReader

from lhl.visualization.page import csv_text
from lhl.visualization.page.number_tables import table_html


def test_a_csv_has_all_digits_and_no_formulas():
    assert csv_text([['run', 'value'], ['=HAD', 0.1 + 0.2], ['a,b', None], ['-c', -1]]) == (
        "run,value\n'=HAD,0.30000000000000004\n\"a,b\",\n'-c,-1\n")


def test_a_table_shows_four_digits_escapes_names_and_ends():
    page = PageReader(table_html([['<b>', 'value'], ['x', 1.23456], ['y', math.nan], ['z', None]]))
    assert page.text == '<b> value x 1.235 y – z –' and not page.unbalanced
    long = PageReader(table_html([['a']] + [[number] for number in range(130)]))
    assert long.tags.count('td') == 120 and long.text.endswith('119 The other 10 rows are in the CSV file.')
