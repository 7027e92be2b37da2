"""The saliency-guided heterogeneity-aware distillation loss (SG-HAD; HAD, Eq. 7 to 10)."""
import torch
from torch import Tensor, nn

from lhl.options import Fraction
from lhl.registry import MODELS

from .sobel import edge_set


def saliency_guided_loss(loss_map: Tensor,
                         edge_threshold: float = 0.5,
                         edge_source: Tensor | None = None,
                         normalize: bool = True) -> Tensor:
    """Average the per-pixel loss over the edge set of each image (HAD, Eq. 10).

    Args:
        loss_map: ``(B, H, W)`` per-pixel losses, I_j of Eq. 7. Differentiable; the edge set itself is not.
        edge_threshold: Which gradient magnitude makes an edge, see :func:`lhl.losses.edge_set`.
        edge_source: ``(B, H, W)`` or ``(B, C, H, W)`` map whose edges are used. ``None`` takes the loss map (the
            paper); a prediction map is the alternative of its Fig. 5.
        normalize: See :func:`lhl.losses.edge_set`.

    Returns:
        ``(B,)`` losses in float32 (float64 for a float64 map); 0, connected to the graph, where the edge set is empty.
    """
    edges = edge_set(loss_map.detach() if edge_source is None else edge_source, edge_threshold, normalize)
    loss = loss_map if loss_map.dtype == torch.float64 else loss_map.float()
    total = torch.where(edges, loss, torch.zeros_like(loss)).sum(dim=(1, 2))
    return total / edges.sum(dim=(1, 2)).clamp(min=1)


@MODELS.register_module()
class SaliencyGuidedLoss(nn.Module):
    """:func:`saliency_guided_loss` as a component that a config can name.

    Args:
        edge_threshold: See :func:`saliency_guided_loss`.
        normalize: See :func:`saliency_guided_loss`.
    """

    def __init__(self, edge_threshold: Fraction = 0.5, normalize: bool = True) -> None:
        super().__init__()
        self.edge_threshold = edge_threshold
        self.normalize = normalize

    def forward(self, loss_map: Tensor, edge_source: Tensor | None = None) -> Tensor:
        """Map ``(B, H, W)`` losses to ``(B,)`` losses, see :func:`saliency_guided_loss`."""
        return saliency_guided_loss(loss_map, self.edge_threshold, edge_source, self.normalize)

    def extra_repr(self) -> str:
        """Show the options in the printed model."""
        return f'edge_threshold={self.edge_threshold}, normalize={self.normalize}'
