"""Weights that training does not reach."""
from collections.abc import Iterable

from torch import Tensor, nn


def idle_weights(network: nn.Module, outputs: Iterable[Tensor]) -> list[nn.Parameter]:
    """Find the trained weights of a network that get no gradient from its outputs, without a backward pass.

    Args:
        network: What was run, under :func:`without_gradient_checkpointing`, which hides weights from the graph.
        outputs: Of the run, with their graph.

    Returns:
        Weights that require a gradient and on which no output depends, such as norms of unused feature maps.
    """
    reached, seen, nodes = set(), set(), [output.grad_fn for output in outputs]
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            reached.add(id(getattr(node, 'variable', None)))
            nodes += [following for following, _ in node.next_functions]
    return [weight for weight in network.parameters() if weight.requires_grad and id(weight) not in reached]
