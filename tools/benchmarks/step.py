"""Where does the time of a training step go, and how does it compare with a bare PyTorch loop?

Also: how much memory does HAD's loss take? Without a GPU seconds are those of the processor.
"""
from lhl.apis.speed.step import measure_memory, measure_steps
from lhl.cli import errors_as_sentences
from lhl.commands.options import Parser, with_flags

if __name__ == '__main__':
    parser = Parser(description=__doc__)
    parser.add_argument('--config', default='had/had_r18_nyuv2.py', help='config of the run to time')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'))
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--iterations', type=int, default=7, help='iterations a phase')
    parser.add_argument('--memory-batch-size', type=int, default=48, help='batch of the memory measurement')
    args = parser.parse_args()
    with errors_as_sentences(lambda text: with_flags(text, parser.flags)):
        print(measure_steps(args.config, args.size, args.batch_size, args.iterations), flush=True)
        print('\n' + measure_memory(args.size, args.memory_batch_size), flush=True)
