"""Count parameters and operations: python tools/analysis_tools/model_size.py CONFIG [--size HEIGHT WIDTH]."""
import argparse

from mmengine.config import DictAction

from lhl.apis import measure_model_size, model_size_table
from lhl.apis.command_line import errors_as_sentences, merge_options, read_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Print what the backbone and each head cost, and what separate models '
                                                 'would cost more than a shared backbone.')
    parser.add_argument('config', help='config file of a stream; its data need not be there')
    parser.add_argument('--size', nargs=2, type=int, default=(288, 384), metavar=('HEIGHT', 'WIDTH'),
                        help='size of the image in pixels (default: 288 384, that of NYUv2)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='change values of the config')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args.config)
    merge_options(cfg, args.cfg_options)
    print(model_size_table(measure_model_size(cfg, tuple(args.size))))


if __name__ == '__main__':
    with errors_as_sentences():
        main()
