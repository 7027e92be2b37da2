"""What does distillation add to a training step, with and without the teacher's cache, and against naive HAD?

Naive HAD is written down from the equations: a pass of the teacher for each old task, a loop over classes.

Every ratio is of steps that are interleaved in this run. Without a GPU seconds are those of the processor.
"""
import json
from pathlib import Path

from lhl.apis.speed.distillation import as_table, measure_losses, measure_ratios, measure_teacher
from lhl.cli import errors_as_sentences
from lhl.commands.options import Parser, with_flags

if __name__ == '__main__':
    parser = Parser(description=__doc__)
    parser.add_argument('--configs', nargs='+', default=['had/had_r18_nyuv2.py', 'had/had_r18_taskonomy.py'],
                        metavar='CONFIG', help='configs of HAD, whose last phases are timed')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'))
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--compile', action='store_true', help='time a compiled teacher, too')
    parser.add_argument('--parts', nargs='+', choices=('steps', 'teacher', 'losses'),
                        default=('steps', 'teacher', 'losses'))
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the numbers there, too')
    args = parser.parse_args()
    with errors_as_sentences(lambda text: with_flags(text, parser.flags)):
        reports = []
        for part in args.parts:
            for config in args.configs if part != 'losses' else [None]:
                if part == 'steps':
                    report = measure_ratios(config, args.size, args.batch_size, args.rounds)
                elif part == 'teacher':
                    report = measure_teacher(config, args.size, args.batch_size, args.rounds, args.compile)
                else:
                    report = measure_losses(args.size, args.batch_size, args.rounds)
                reports.append(report)
                print(as_table([report]), flush=True)
                print()
        if args.json is not None:
            args.json.write_text(json.dumps(reports, indent=1) + '\n')
