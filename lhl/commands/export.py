"""Take a trained model out of lhl, and compare what was written with it.

Example: lhl export work_dirs/had_r18_nyuv2 --format onnx --out exported
"""
import argparse

from .options import Parser, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('run', metavar='RUN_OR_CHECKPOINT',
                        help='the folder of a run (its last finished phase), or a phase.safetensors')
    parser.add_argument('--format', choices=['onnx', 'torch', 'mmseg', 'safetensors'], default='onnx',
                        help='onnx (default); torch: a program of torch.export; mmseg: the segmentation as a config '
                             'and checkpoint of mmsegmentation; safetensors: weights alone')
    parser.add_argument('--out', required=True, metavar='FOLDER', help='the folder to write to')
    parser.add_argument('--tasks', nargs='+', metavar='TASK', help='export these only (default: all)')
    parser.add_argument('--preprocess', action='store_true',
                        help='normalise images inside the graph: it takes RGB from 0 to 1')
    add_trust(parser, 'the run or checkpoint')


def run(args: argparse.Namespace) -> None:
    """Export, and say where the file is, how far it is from the model, and how to use it."""
    from lhl.apis import export_model
    exported = export_model(args.run, args.out, args.format, args.tasks, args.preprocess, args.trust_config)
    for name, difference in exported.differences.items():
        print(f'{name}: the largest difference from the model is {difference:.2g}')
    print(f'written: {exported.path}')
    images = 'images of RGB from 0 to 1' if args.preprocess else 'normalised images'
    print('next: ' + dict(
        onnx=f"onnxruntime.InferenceSession('{exported.path}').run(None, dict(images=ARRAY)), with {images} "
             f"(B, 3, H, W)",
        torch=f"torch.export.load('{exported.path}').module()(IMAGES), with {images} (B, 3, H, W)",
        mmseg=f"mmseg.apis.init_model('{exported.path}', '{exported.path.with_suffix('.pth')}')",
        safetensors=f"safetensors.torch.load_file('{exported.path}')")[args.format])
