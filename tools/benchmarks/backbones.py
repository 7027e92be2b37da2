"""Which backbones work, and what each costs: every name of mmsegmentation's, and some of Hugging Face.

Each is trained with one head on noise for some steps. Without a GPU times are those of the processor; the memory is
that of what a step keeps for its backward pass. The table of docs/backbones.md is what it prints.
"""
from lhl.apis.speed.backbones import measure_backbones
from lhl.cli import errors_as_sentences
from lhl.commands.options import Parser, with_flags

if __name__ == '__main__':
    parser = Parser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, default=(128, 128), metavar=('H', 'W'))
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--iterations', type=int, default=4, help='steps, of which the first is not timed')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='backbones to try (default: all)')
    args = parser.parse_args()
    with errors_as_sentences(lambda text: with_flags(text, parser.flags)):
        for line in measure_backbones(args.size, args.batch_size, args.iterations, args.device, args.only):
            print(line, flush=True)
