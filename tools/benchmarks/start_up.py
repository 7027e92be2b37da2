"""How much processor time passes from the command to the end of the first training iteration?"""
from lhl.apis.speed.start_up import measure_start_up
from lhl.cli import errors_as_sentences
from lhl.commands.options import Parser, with_flags

if __name__ == '__main__':
    parser = Parser(description=__doc__)
    parser.add_argument('--config', default='had/had_tiny_synthrooms.py', help='config that is trained')
    parser.add_argument('--repeats', type=int, default=5, help='how often; medians are printed')
    parser.add_argument('--against', nargs='*', default=[], metavar='CHECKOUT',
                        help='folders of other checkouts of lhl, which take turns with this one')
    args = parser.parse_args()
    with errors_as_sentences(lambda text: with_flags(text, parser.flags)):
        print(measure_start_up(**vars(args)), flush=True)
