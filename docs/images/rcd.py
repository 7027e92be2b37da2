"""Draws docs/images/NAME.png from a run of RCD: python docs/images/rcd.py RUN NAME."""
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

#: Both panels show means over so many logged values: those of single batches are noisy.
WINDOW = 4

if __name__ == '__main__':
    run, out = Path(sys.argv[1]), Path(__file__).with_name(f'{sys.argv[2]}.png')
    logs = run.glob('phase3_*/*/vis_data/scalars.json')
    lines = [line for log in logs for line in map(json.loads, log.read_text().splitlines()) if 'loss' in line]
    figure, (distances, multipliers) = plt.subplots(1, 2, figsize=(9, 3))
    for axes, name in ((distances, 'distance'), (multipliers, 'multiplier')):
        for key in sorted(key for key in lines[0] if key.startswith(f'{name}_')):
            values = [line[key] for line in lines]
            means = [sum(values[i:i + WINDOW]) / WINDOW for i in range(len(values) - WINDOW + 1)]
            axes.plot([line['step'] for line in lines[WINDOW - 1:]], means, label=key.removeprefix(f'{name}_'))
        axes.set_xlabel('iteration of phase 3')
    distances.axhline(1.5, color='grey', linestyle='--', label='kappa')
    distances.set_ylabel('$D_j / D_j(0)$')
    multipliers.set_ylabel('$m_j$')
    multipliers.set_yscale('log')
    distances.legend(frameon=False, loc='upper left', ncols=3, fontsize='small', columnspacing=1)
    distances.margins(y=0.15)
    figure.tight_layout()
    figure.savefig(out, dpi=100)
