"""What methods keep about each parameter of the backbone, by its name."""
import torch
from torch import Tensor, nn

from lhl.errors import CheckpointError


def zeros_for(backbone: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Give zeros of the shape of each parameter, by its name."""
    return {name: torch.zeros_like(parameter, dtype=dtype) for name, parameter in backbone.named_parameters()}


def gradients_of(loss: Tensor, backbone: nn.Module, retain_graph: bool = False) -> dict[str, Tensor]:
    """Differentiate a scalar with respect to the parameters that learn, by their names, and touch no ``grad``.

    Parameters may be frozen from some phase on: they have no gradient here.

    Args:
        loss: A scalar.
        backbone: Its parameters' gradients are wanted.
        retain_graph: Keep what another differentiation needs.
    """
    weights = {name: parameter for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    if not weights:
        return {}
    gradients = torch.autograd.grad(
        loss, list(weights.values()), retain_graph=retain_graph, allow_unused=True, materialize_grads=True)
    return dict(zip(weights, gradients, strict=True))


def fit_to(backbone: nn.Module, kept: dict[str, Tensor], method: str) -> dict[str, Tensor]:
    """Bring what a method kept for each parameter to the parameter's device.

    Args:
        backbone: Whose parameters they are.
        kept: One tensor of its shape for each parameter.
        method: The method's name, for the error.

    Raises:
        CheckpointError: If names or shapes differ.
    """
    parameters = dict(backbone.named_parameters())
    for name in parameters | kept:
        found, expected = (tuple(of[name].shape) if name in of else 'no such tensor' for of in (kept, parameters))
        if found != expected:
            raise CheckpointError(f'the state of {method} is of another backbone: {name} has {found}, expected '
                                  f'{expected}; continue with the backbone that the phases before were trained with')
    return {name: value.to(parameters[name].device) for name, value in kept.items()}
