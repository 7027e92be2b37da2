"""Mean and variance of a backbone's features: of what runs through it now, and of what it remembers from training."""
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

#: By the layer's name, mean and variance of each channel over all images and positions, ``(C, )`` both.
Statistics = dict[str, tuple[Tensor, Tensor]]


@contextmanager
def feature_statistics(backbone: nn.Module) -> Iterator[Statistics]:
    """Note the statistics of every batch that runs through a backbone while the context lasts.

    They are those of the *input* of every batch normalisation that keeps statistics (DeepInversion, CVPR 2020). A
    backbone without one has those of the input of every layer normalisation, which are the tokens that come into the
    blocks of a transformer (ours), or without these, too, those of the *output* of every convolution and linear layer
    (HCL). Every hook is gone afterwards.

    Args:
        backbone: Runs inside the context; it is not changed.

    Yields:
        A dict that holds the statistics of the latest batch, connected to its graph.
    """
    found = {}
    norms = _batch_norms(backbone) or _layers(backbone, nn.LayerNorm)
    layers = norms or _layers(backbone, (nn.Conv2d, nn.Linear))

    def note(name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # A copy of the output: an activation in place would change what the gradient of the variance needs.
        features = inputs[0] if norms else output.clone()
        channels = features.dim() - 1 if isinstance(layer, (nn.LayerNorm, nn.Linear)) else 1
        axes = [axis for axis in range(features.dim()) if axis != channels]
        found[name] = features.mean(axes), features.var(axes, correction=0)

    handles = [layer.register_forward_hook(partial(note, name)) for name, layer in layers.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def remembered_statistics(backbone: nn.Module, batches: Iterable[Tensor]) -> Statistics:
    """Give the statistics that the features ought to have.

    Args:
        backbone: In evaluation mode. With batch normalisations it remembers: these are the running statistics.
        batches: Real images ``(B, 3, H, W)``, looked at where it remembers none: these are the statistics of all of
            them together.
    """
    norms = _running_statistics(backbone)
    if norms:
        return norms
    count = 0
    sums: dict[str, Tensor] = {}
    with feature_statistics(backbone) as found:
        for batch in batches:
            backbone(batch)
            count += len(batch)
            for name, (mean, variance) in found.items():
                mean = mean.double()
                moments = len(batch) * torch.stack([mean, variance.double() + mean.square()])
                sums[name] = sums[name] + moments if name in sums else moments
    averages = {name: moments / count for name, moments in sums.items()}
    return {name: (mean.float(), (square - mean.square()).float()) for name, (mean, square) in averages.items()}


def statistics_distance(found: Statistics, remembered: Statistics) -> Tensor:
    """Sum over the layers the Euclidean distances of the means and of the variances, not squared (DeepInversion, R).

    Args:
        found: From :func:`feature_statistics`. Differentiable.
        remembered: From :func:`remembered_statistics`.

    Returns:
        A scalar; 0 with the gradient 0 where all statistics agree.
    """
    distances = [torch.linalg.vector_norm(ours - theirs) for name, pair in remembered.items()
                 for ours, theirs in zip(found[name], pair, strict=True)]
    return torch.stack(distances).sum()


def _batch_norms(backbone: nn.Module) -> dict[str, nn.Module]:
    """Find the batch normalisations that keep running statistics."""
    remembered = _running_statistics(backbone)
    return {name: layer for name, layer in backbone.named_modules() if name in remembered}


def _running_statistics(backbone: nn.Module) -> Statistics:
    """Find the running statistics of the batch normalisations that keep them."""
    return {name: (layer.running_mean, layer.running_var) for name, layer in backbone.named_modules()
            if isinstance(layer, nn.modules.batchnorm._BatchNorm)
            and layer.running_mean is not None and layer.running_var is not None}


def _layers(backbone: nn.Module, kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> dict[str, nn.Module]:
    """Find the layers of a kind by their names."""
    return {name: layer for name, layer in backbone.named_modules() if isinstance(layer, kind)}
