"""Gradient checkpointing of mmsegmentation's backbones (``with_cp``), and where it must not be."""
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def without_gradient_checkpointing(network: nn.Module) -> Iterator[None]:
    """Keep the activations of a network instead of computing them again in the backward pass.

    A block with ``with_cp`` is run again in ``loss.backward()``, with the mode and the buffers of that moment, and
    refuses to be differentiated in another way, such as by :func:`torch.autograd.grad`.

    Args:
        network: Its modules checkpoint again afterwards.
    """
    modules: list[Any] = [module for module in network.modules() if getattr(module, 'with_cp', False)]
    for module in modules:
        module.with_cp = False
    try:
        yield
    finally:
        for module in modules:
            module.with_cp = True
