"""Does the data loader of a config keep up with the learner, and does its memory grow? See docs/benchmarking.md."""
from lhl.apis.speed.loading import measure_loading
from lhl.cli import errors_as_sentences
from lhl.commands.options import Parser, with_flags

if __name__ == '__main__':
    parser = Parser(description=__doc__)
    parser.add_argument('--config', default='had/had_r18_nyuv2.py', help='config whose loader is measured')
    parser.add_argument('--phase', type=int, default=1, help='which of its phases; each loads other targets')
    parser.add_argument('--data-root', metavar='FOLDER', help='a data set to read; random images by default')
    parser.add_argument('--size', type=int, nargs=2, default=(288, 384), metavar=('H', 'W'), help='of random images')
    parser.add_argument('--images', type=int, default=192, help='number of random images, all taken in each epoch')
    parser.add_argument('--batch-size', type=int, help="default: the config's")
    parser.add_argument('--workers', type=int, help="default: the config's")
    parser.add_argument('--epochs', type=int, default=12, help='memory is judged by the second half of them')
    parser.add_argument('--steps', type=int, default=2, help='training steps after each epoch')
    parser.add_argument('--model', default='_base_/models/resnet18_tiny_aspp.py', help='model that trains')
    args = parser.parse_args()
    with errors_as_sentences(lambda text: with_flags(text, parser.flags)):
        print(measure_loading(**vars(args)), flush=True)
