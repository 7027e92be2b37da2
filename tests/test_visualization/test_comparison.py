import csv
import math
import re

import pytest

from lhl.visualization import ComparedMethod, Comparison, Spread, comparison_table

DIRECTIONS = {'segmentation': {'mIoU': True, 'PixAcc': True}, 'depth': {'AbsErr': False}}
UNITS = {'segmentation': {'mIoU': '%', 'PixAcc': '%'}, 'depth': {'AbsErr': 'm'}}


def method(name='HAD', miou=(40.,), abs_err=(0.5,), seeds=None, upper_bound=False, forgetting=(1.,), **options):
    return ComparedMethod(**{
        **dict(name=name, seeds=seeds or list(range(len(miou))),
               metrics={'segmentation': {'mIoU': Spread.of(miou), 'PixAcc': Spread.of([70.] * len(miou))},
                        'depth': {'AbsErr': Spread.of(abs_err)}},
               improvement=Spread.of([0.] * len(miou)), mean_rank=Spread.of([2.] * len(miou)),
               forgetting=forgetting and Spread.of(forgetting), plasticity=None, upper_bound=upper_bound), **options})


def table(*methods, format='markdown', units=UNITS, **options):
    return comparison_table(Comparison(DIRECTIONS, units, list(methods), methods[-1].name, **options), format)


def pipe_rows(text):
    return [[cell.strip() for cell in line[1:-1].split('|')] for line in text.splitlines() if line.startswith('|')]


# ---- mean and deviation ---------------------------------------------------------------------------------------------

def test_the_deviation_is_that_of_a_sample():
    assert Spread.of([1., 3.]) == (2., math.sqrt(2), 2)  # ((1 - 2)^2 + (3 - 2)^2) / (2 - 1) = 2
    assert Spread.of([1., 2., 6.]) == (3., pytest.approx(math.sqrt(7)), 3)  # (4 + 1 + 9) / 2 = 7


def test_one_seed_has_no_deviation():
    assert Spread.of([0.1]) == (0.1, None, 1)


def test_the_order_of_seeds_does_not_change_a_bit():
    values = [0.1, 0.2, 0.3, 1e9]
    assert Spread.of(values) == Spread.of(values[::-1])


def test_a_diverged_seed_is_not_averaged_away():
    spread = Spread.of([1., math.nan])
    assert math.isnan(spread.mean) and math.isnan(spread.std) and spread.num_seeds == 2


# ---- Markdown -------------------------------------------------------------------------------------------------------

def test_markdown():
    text = table(method('Joint', (50.,), (0.3,), upper_bound=True, forgetting=None),
                 method('HAD', improvement=Spread.of([12.345]), mean_rank=Spread.of([1.5])), method('Vanilla', (20.,)))
    assert text.splitlines()[:5] == [
        '| method | segmentation: mIoU ↑ (%) | segmentation: PixAcc ↑ (%) | depth: AbsErr ↓ (m) | Δ ↑ (%) | MR ↓ '
        '| forgotten ↓ (%) |',
        '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
        '| Joint † | 50.00 | 70.00 | 0.3000 | +0.00 | 2.00 | - |',
        '| HAD | **40.00** | **70.00** | **0.5000** | **+12.35** | **1.50** | **+1.00** |',
        '| Vanilla | 20.00 | **70.00** | **0.5000** | +0.00 | 2.00 | **+1.00** |']


def test_an_upper_bound_is_never_bold():
    rows = pipe_rows(table(method('Joint', (50.,), upper_bound=True), method('HAD')))
    assert '**' not in ''.join(rows[2]) and rows[3][1] == '**40.00**'


def test_equal_means_are_all_bold_and_unequal_ones_are_not_even_if_they_print_alike():
    rows = pipe_rows(table(method('A', (40.001,)), method('B', (40.001,)), method('C', (40.,))))
    assert [row[1] for row in rows[2:]] == ['**40.00**', '**40.00**', '40.00']


def test_nan_is_not_the_best_of_anything():
    rows = pipe_rows(table(method('A', (math.nan,), (math.nan,)), method('B', (1.,), (9.,))))
    assert [row[1:4:2] for row in rows[2:]] == [['nan', 'nan'], ['**1.00**', '**9.0000**']]
    assert pipe_rows(table(method('A', (math.nan,))))[2][1] == 'nan'


def test_deviations_stand_beside_means_of_several_seeds():
    text = table(method('A', (1., 3.), (0.5, 0.5)), method('B', (1., 1.), (0.6, 0.6)))
    assert pipe_rows(text)[2][1] == '**2.00** ± 1.41'
    assert pipe_rows(text)[2][3] == '**0.5000** ± 0.0000'
    assert 'seeds' not in pipe_rows(text)[0]
    assert 'mean ± sample standard deviation over seeds 0, 1;' in text.splitlines()[-1]


def test_one_seed_for_all_is_named_and_has_no_deviation():
    text = table(method(seeds=[7]))
    assert '±' not in text and 'seed 7;' in text


def test_different_seeds_are_shown_in_a_column_and_named_below():
    text = table(method('A', (1., 3.), (1., 1.)), method('B', (2., ), seeds=[1]))
    assert [row[1] for row in pipe_rows(text)] == ['seeds', '---', '0, 1', '1']
    assert [row[2] for row in pipe_rows(text)[2:]] == ['**2.00** ± 1.41', '**2.00**']
    assert 'seeds differ (A 0, 1; B 1)' in text.splitlines()[-1]


def test_a_bar_in_a_name_does_not_break_the_table():
    assert r'| a\|b |' in table(method('a|b'))


def test_columns_that_nobody_has_are_left_out():
    assert 'forgotten' not in table(method(forgetting=None)) and 'plasticity' not in table(method())
    with_it = table(method(plasticity=Spread.of([-3.])))
    assert pipe_rows(with_it)[0][-1] == 'plasticity ↑ (%)' and pipe_rows(with_it)[2][-1] == '**-3.00**'
    assert 'plasticity: ' in with_it.splitlines()[-1]


def test_a_repeated_deviation_is_confessed():
    for format in ('markdown', 'latex'):
        assert 'had_nyuv2_printed of a published table and is no result' in table(
            method(), format=format, compatibility='had_nyuv2_printed')


# ---- LaTeX ----------------------------------------------------------------------------------------------------------

def latex_rows(text):
    """The rows of the tabular, each with the number of columns that it fills."""
    lines = [line for line in text.splitlines() if line.endswith(r'\\')]
    widths = []
    for line in lines:
        cells = re.split(r'(?<!\\)&', line)
        widths.append(sum(int(found[1]) if (found := re.match(r'\s*\\multicolumn\{(\d+)\}', cell)) else 1
                          for cell in cells))
    return lines, widths


def test_latex():
    text = table(method('Joint', (50.,), (0.3,), upper_bound=True, forgetting=None),
                 method('HAD', improvement=Spread.of([-12.345])), method('Vanilla', (20.,)), format='latex')
    assert [line for line in text.splitlines() if not line.startswith('%')] == [
        r'\begin{tabular}{lrrrrrr}',
        r'\toprule',
        r' & \multicolumn{2}{c}{segmentation} & \multicolumn{1}{c}{depth} &  &  &  \\',
        r'\cmidrule(lr){2-3} \cmidrule(lr){4-4}',
        r'method & mIoU $\uparrow$ (\%) & PixAcc $\uparrow$ (\%) & AbsErr $\downarrow$ (m) & $\Delta$ $\uparrow$ (\%) '
        r'& MR $\downarrow$ & forgotten $\downarrow$ (\%) \\',
        r'\midrule',
        r'Joint $^\dagger$ & 50.00 & 70.00 & 0.3000 & +0.00 & 2.00 & -- \\',
        r'\midrule',
        r'HAD & \textbf{40.00} & \textbf{70.00} & \textbf{0.5000} & $-$12.35 & \textbf{2.00} & \textbf{+1.00} \\',
        r'Vanilla & 20.00 & \textbf{70.00} & \textbf{0.5000} & \textbf{+0.00} & \textbf{2.00} & \textbf{+1.00} \\',
        r'\bottomrule',
        r'\end{tabular}']


@pytest.mark.parametrize('methods', [
    [method('A'), method('B')],
    [method('A', (1., 2.), (1., 2.)), method('B', seeds=[1]), method('C', forgetting=None)],
    [method('Joint', upper_bound=True), method('Single', upper_bound=True), method('A & B_1 50% #2 {x} ~^\\')]])
def test_every_row_of_latex_has_as_many_columns_as_were_declared(methods):
    text = table(*methods, format='latex')
    declared = len(re.search(r'\\begin\{tabular\}\{([lr]+)\}', text)[1])
    lines, widths = latex_rows(text)
    assert len(lines) == 2 + len(methods) and set(widths) == {declared}
    assert text.count('{') - text.count(r'\{') == text.count('}') - text.count(r'\}')
    assert all(int(last) <= declared for last in re.findall(r'\\cmidrule\(lr\)\{\d+-(\d+)\}', text))
    assert text.count(r'\midrule') == 1 + any(each.upper_bound for each in methods)


def test_latex_escapes_what_is_special_and_everything_outside_comments_is_ascii():
    text = table(method('A_1 & 50%', (1., 2.), (1., 2.)), format='latex')
    assert r'A\_1 \& 50\% & \textbf{1.50} $\pm$ 0.71' in text
    assert all(line.isascii() for line in text.splitlines() if not line.startswith('%'))


# ---- CSV ------------------------------------------------------------------------------------------------------------

def test_csv_keeps_every_digit():
    values = [1 / 3, 0.1 + 0.2]
    rows = list(csv.DictReader(table(method('A, "B"', values, values), format='csv').splitlines()))
    assert rows[0]['method'] == 'A, "B"' and rows[0]['seeds'] == '0 1' and rows[0]['upper bound'] == 'no'
    for key in ('segmentation/mIoU (%)', 'depth/AbsErr (m)'):
        assert (float(rows[0][f'{key} mean']), float(rows[0][f'{key} std']), int(rows[0][f'{key} n'])) == \
            Spread.of(values)


def test_csv_leaves_empty_what_was_not_measured_and_marks_upper_bounds():
    text = table(method('Joint', upper_bound=True, forgetting=None), method('HAD', (math.nan,)), format='csv')
    joint, had = csv.DictReader(text.splitlines())
    assert joint['upper bound'] == 'yes'
    assert [joint[f'forgotten (%) {part}'] for part in ('mean', 'std', 'n')] == [''] * 3
    assert had['segmentation/mIoU (%) mean'] == 'nan' and had['segmentation/mIoU (%) std'] == '' and had['MR n'] == '1'
    assert '**' not in text and '±' not in text


# ---- units ----------------------------------------------------------------------------------------------------------

def test_one_metric_of_several_tasks_has_the_unit_of_each_in_every_format():
    units = {'depth': {'rmse': 'm'}, 'normal': {'rmse': '°'}, 'disparity': {}}
    row = method(metrics={task: {'rmse': Spread.of([1.25])} for task in units})
    comparison = Comparison({task: {'rmse': False} for task in units}, units, [row], row.name)
    head, _, numbers = pipe_rows(comparison_table(comparison))
    assert head[1:4] == ['depth: rmse ↓ (m)', 'normal: rmse ↓ (°)', 'disparity: rmse ↓']
    assert numbers[1:4] == ['**1.2500**', '**1.25**', '**1.2500**']
    latex = comparison_table(comparison, 'latex')
    assert r'method & rmse $\downarrow$ (m) & rmse $\downarrow$ ($^\circ$) & rmse $\downarrow$ & $\Delta$' in latex
    titles = comparison_table(comparison, 'csv').splitlines()[0].split(',')
    assert [title for title in titles if title.endswith('mean')][:4] == [
        'depth/rmse (m) mean', 'normal/rmse (°) mean', 'disparity/rmse mean', 'Delta (%) mean']


def test_metrics_whose_units_are_not_known_have_none():
    head, _, numbers = pipe_rows(table(method(), units={}))
    assert head[1:5] == ['segmentation: mIoU ↑', 'segmentation: PixAcc ↑', 'depth: AbsErr ↓', 'Δ ↑ (%)']
    assert numbers[1:4] == ['**40.0000**', '**70.0000**', '**0.5000**']


def test_no_such_format_is_refused():
    with pytest.raises(ValueError, match="found format='html', expected 'markdown', 'latex' or 'csv'"):
        table(method(), format='html')
