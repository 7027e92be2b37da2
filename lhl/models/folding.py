"""A frozen network as it runs fastest: its batch normalisations are folded into the convolutions before them."""
import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

Network = TypeVar('Network', bound=nn.Module)
#: How far outputs may be off, relative to the largest one, before folding counts as wrong; it is computed in float64.
_TOLERANCE = 1e-9


def folded(network: Network, run: Callable[[Network, Tensor], tuple[Tensor, ...]],
           inputs: Tensor) -> tuple[Network | None, str]:
    """Copy a network in evaluation mode, with every batch normalisation folded into the convolution it follows.

    Which convolution that is, is seen while the network runs, whatever it is built like: a normalisation is folded if
    it gets the very output of a convolution, and each of the two runs once. The copy's outputs are compared with the
    network's.

    Args:
        network: In evaluation mode; it stays as it is.
        run: Runs a network on images and gives all of its outputs.
        inputs: Images to run it on, such as ``(1, 3, H, W)``.

    Returns:
        The copy, or None where it cannot be made; and what was done, or why not.
    """
    network = copy.deepcopy(network).double()
    try:
        with torch.no_grad(), torch.autocast(inputs.device.type, enabled=False):
            inputs = inputs.double()
            pairs, expected = _watch(network, lambda: run(network, inputs))
            for convolution, norm in pairs:
                _fold(network, convolution, norm)
            found = run(network, inputs)
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:  # it looks at its layers or their precision
        return None, str(error).strip().split('\n')[0]
    for one, other in zip(found, expected, strict=True):
        if not (one - other).abs().max() <= _TOLERANCE * other.abs().max():
            return None, 'the outputs of the folded network differ'
    return network.float(), f'{len(pairs)} normalisations are folded into convolutions'


def _watch(network: nn.Module, run: Callable[[], Any]) -> tuple[list[tuple[nn.Conv2d, _BatchNorm]], Any]:
    """Run a network, and pair each convolution with the normalisation that gets its output."""
    outputs: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # the tensors are held, so that no other one has their identity
    pairs: list[tuple[nn.Conv2d, _BatchNorm]] = []
    calls: list[nn.Module] = []

    def after(module: nn.Module, arguments: tuple, output: Tensor) -> None:
        calls.append(module)
        if isinstance(module, nn.Conv2d):
            outputs[id(output)] = module, output
        elif id(arguments[0]) in outputs:
            pairs.append((outputs[id(arguments[0])][0], module))  # type: ignore[arg-type]

    hooks = [module.register_forward_hook(after) for module in network.modules()
             if isinstance(module, (nn.Conv2d, _BatchNorm))]
    result = run()
    for hook in hooks:
        hook.remove()
    return [(convolution, norm) for convolution, norm in pairs
            if norm.running_mean is not None and calls.count(convolution) == calls.count(norm) == 1], result


def _fold(network: nn.Module, convolution: nn.Conv2d, norm: _BatchNorm) -> None:
    """Put a normalisation into the weights of a convolution, and nothing in its place."""
    assert norm.running_mean is not None and norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    convolution.requires_grad_(False)
    for parent in network.modules():
        for name, child in parent.named_children():
            if child is norm:
                setattr(parent, name, nn.Identity().eval())
