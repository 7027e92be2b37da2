"""Show on a web page what one or two runs predict for an image that you drop there, after each phase.

Example: lhl demo work_dirs/had_r18_nyuv2 work_dirs/vanilla_r18_nyuv2 --port 7860
"""
import argparse
import shlex

from .options import Parser, add_trust


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument('run', metavar='RUN', help='the folder of a run')
    parser.add_argument('other', nargs='?', metavar='RUN', help='a second run of the same stream, shown beside it')
    parser.add_argument('--port', type=int, default=7860, help='of the page (default: 7860)')
    parser.add_argument('--host', default='127.0.0.1',
                        help='the address to listen at (default: 127.0.0.1, which this machine alone can reach)')
    parser.add_argument('--device', default='cpu', help='where to predict, e.g. cuda (default: cpu)')
    add_trust(parser, 'the runs')


def run(args: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C, and say where it is."""
    import contextlib
    import os
    import signal
    import threading

    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    from lhl.apis.demo.server import check_address, check_gradio
    check_gradio()
    check_address(args.host, args.port)
    from lhl.apis.demo import DemoModels
    models = DemoModels([args.run, *[args.other] * (args.other is not None)], args.device, args.trust_config)
    from lhl.apis.demo.page import serving
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with serving(models, args.host, args.port) as url, contextlib.suppress(KeyboardInterrupt):
        print(f'page: {url} (Ctrl-C ends it)', flush=True)
        threading.Event().wait()
    print(f'next: lhl predict {shlex.quote(args.run)} IMAGES --out FOLDER writes the same pictures as files')
