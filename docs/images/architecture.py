"""Draw the rooms of lhl, architecture.svg, with matplotlib: python docs/images/architecture.py."""
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

#: From top to bottom. A room imports only from below and from its right: its folder, what it holds, how wide it is.
STOREYS = [
    [('tools/   lhl/cli.py   lhl/commands/', 'the commands; arguments are parsed before torch is imported', 12)],
    [('lhl/apis/', 'what people import: train, extend, predict, test, compare, report, search, check data', 12)],
    [('lhl/engine/runtime/', 'one Runner per phase:\nloops, optimizer step, seeds', 4),
     ('lhl/engine/sources/', 'phases that were trained\nelsewhere', 4),
     ('lhl/engine/plan/', 'Stream: a config, resolved;\nrunner configs, hashes', 4)],
    [('lhl/methods/', 'how a stream is learned: one file per method; Student = Learner + Method; Teacher', 12)],
    [('lhl/inversion/', 'images made from a network', 6),
     ('lhl/models/', 'the Learner: a backbone, a head per task', 6)],
    [('lhl/datasets/', 'files to checked samples;\ntransforms, converters', 3.9),
     ('lhl/visualization/', 'tables, curves, panels', 2.7), ('lhl/evaluation/', 'metrics, results,\nsummaries', 2.7),
     ('lhl/synthetic/', 'rendered rooms,\nstreets, objects', 2.7)],
    [('lhl/tasks/', 'what a prediction problem is: one file per kind of output', 12)],
    [('lhl/losses/', 'the heart: pure functions on tensors', 7),
     ('lhl/progress/', 'how far a stream is: display, trackers', 5)],
]
COLOURS = ['#e8e8e8', '#e8e8e8', '#dbe7f5', '#f7dfc8', '#f5eac9', '#dcefdc', '#ead9ef', '#f5d3d3']


def main() -> None:
    """Write the picture beside this file."""
    mpl.rcParams.update({'svg.fonttype': 'none', 'svg.hashsalt': 'lhl', 'font.family': 'sans-serif'})
    figure = Figure(figsize=(9, 7.2))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.2, 13.4), ylim=(-9.5, 0.3))
    axes.set_axis_off()
    for number, (storey, colour) in enumerate(zip(STOREYS, COLOURS, strict=True)):
        left = 0.0
        for name, what, width in storey:
            axes.add_patch(FancyBboxPatch((left + 0.08, -1.15 * number - 0.95), width - 0.16, 0.95, facecolor=colour,
                                          edgecolor='#666666', boxstyle='round,pad=0,rounding_size=0.1'))
            middle = dict(x=left + width / 2, ha='center', va='center')
            axes.text(y=-1.15 * number - 0.22, s=name, weight='bold', fontsize=11, **middle)
            axes.text(y=-1.15 * number - 0.63, s=what, fontsize=8.5, **middle)
            left += width
    axes.annotate('', (12.6, -9.0), (12.6, -0.1), arrowprops=dict(arrowstyle='-|>', color='#666666', linewidth=1.5))
    axes.text(12.85, -4.5, 'imports', rotation=270, ha='left', va='center', fontsize=11, color='#444444')
    figure.savefig(Path(__file__).with_suffix('.svg'), metadata=dict(Date=None))


if __name__ == '__main__':
    main()
