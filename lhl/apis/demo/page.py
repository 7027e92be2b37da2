"""The page: an image, a slider over the phases, a picture for each run. It asks no other host."""
import contextlib
import html
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi.middleware import Middleware
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lhl.datasets.io.files import IMAGE_SUFFIXES
from lhl.errors import ConfigError, LHLError

from .models import DemoModels

_LARGEST_UPLOAD = '64mb'
#: What a browser may load for the page: what this server sends, nothing of other hosts.
_POLICY = ("default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; base-uri 'self'; "
           "frame-ancestors 'self'")


class _OnlyThisHost:
    """Tells the browser to load nothing from other hosts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message['type'] == 'http.response.start':
                headers = MutableHeaders(scope=message)
                headers['Content-Security-Policy'] = _POLICY
                headers['Referrer-Policy'] = 'no-referrer'
            await send(message)

        await self.app(scope, receive, send_with_policy)


@contextlib.contextmanager
def serving(models: DemoModels, host: str, port: int) -> Iterator[str]:
    """Serve the page while in the context, and remove what was uploaded at its end.

    Args:
        models: What predicts.
        host: The address to listen at.
        port: The port.

    Returns:
        The page's address.

    Raises:
        ConfigError: If it cannot be served there.
    """
    local = [os.environ.get('no_proxy', ''), 'localhost', '127.0.0.1', host]
    os.environ['no_proxy'] = ','.join(filter(None, local))  # Gradio asks itself whether it is there
    with tempfile.TemporaryDirectory(prefix='lhl_demo_') as uploads:
        os.environ['GRADIO_TEMP_DIR'] = uploads
        page = build_page(models)
        font = ['system-ui', 'sans-serif']
        try:
            _, url, _ = page.launch(
                server_name=host, server_port=port, share=False, prevent_thread_lock=True, quiet=True,
                inbrowser=False, footer_links=[], run_history=False, ssr_mode=False, pwa=False, mcp_server=False,
                enable_monitoring=False, max_file_size=_LARGEST_UPLOAD, allowed_paths=[],
                theme=gr.themes.Default(font=font, font_mono=['monospace']),
                app_kwargs=dict(middleware=[Middleware(_OnlyThisHost)]))
        except OSError as error:
            raise ConfigError(f'{host} port {port} cannot be served on ({error}); choose another `port`') from error
        try:
            yield url
        finally:
            page.close(verbose=False)


def build_page(models: DemoModels) -> Any:
    """Build the page, which calls the models with what is uploaded."""
    def show(path: str | None, phase: float) -> list:
        if path is None:
            return [gr.update(value=None, label=name) for name in models.names]
        try:
            return [gr.update(value=panel.picture, label=panel.title) for panel in models.panels(path, int(phase))]
        except LHLError as error:  # what a toast shows may hold markup
            raise gr.Error(html.escape(str(error)), duration=None, print_exception=False) from None

    with gr.Blocks(title='lhl demo', analytics_enabled=False, fill_width=True, delete_cache=(600, 3600)) as page:
        with gr.Row():
            image = gr.File(label='Image', file_types=list(IMAGE_SUFFIXES), height=140)
            _refuse_addresses(image)
            phase = gr.Slider(1, max(models.last_phase, 2), models.last_phase, step=1, label='After phase',
                              info='What did the model of this phase predict for the tasks that it knew?',
                              visible=models.last_phase > 1)
        with gr.Row():
            pictures = [gr.Image(label=name, format='png', interactive=False, buttons=['download', 'fullscreen'])
                        for name in models.names]
        gr.on([image.change, phase.change], show, [image, phase], pictures, trigger_mode='always_last',
              api_visibility='private')
    return page


def _refuse_addresses(component: gr.File) -> None:
    """Take what a browser sends, not the address of a file on the web, which Gradio would download."""
    take = component.async_move_resource_to_block_cache

    async def take_uploads(path: str | Path | None) -> str | None:
        if str(path).lower().startswith(('http:', 'https:')):
            raise gr.Error('files of other hosts are not fetched; upload the image', print_exception=False)
        return await take(path)

    component.async_move_resource_to_block_cache = take_uploads
