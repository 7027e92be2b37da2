"""SGP: scaled gradient projection (Saha and Roy, AAAI 2023)."""
from typing import Literal

import torch
from torch import Tensor

from lhl.errors import ConfigError
from lhl.options import Count, Fraction, NotNegative
from lhl.registry import METHODS

from .gpm import GPM


@METHODS.register_module()
class SGP(GPM):
    """Hinder changes of the backbone's weights in each direction as much as earlier phases' inputs took it.

    It is :class:`GPM` with importances between 0 and 1, so that later phases may still learn along directions that
    earlier ones took little.

    Args:
        scale: alpha of HAD's Table 6. At 0 the importance is proportional to the singular value; the larger it is, the
            closer to GPM.
        threshold: See :class:`GPM`, as the following.
        threshold_step: Likewise; HAD gives neither, these are the original's for CIFAR-100.
        num_images: Likewise.
        edit: Likewise.
        freeze_rest: Likewise.

    Raises:
        ConfigError: If an option is out of its range.
    """

    def __init__(self, scale: NotNegative, threshold: Fraction = 0.97, threshold_step: NotNegative = 0.003,
                 num_images: Count = 125, edit: Literal['update', 'gradient'] = 'update',
                 freeze_rest: bool = False) -> None:
        super().__init__(threshold, threshold_step, num_images, edit, freeze_rest)
        if not 0 <= scale < float('inf'):
            raise ConfigError(f'scale={scale!r} is impossible for SGP; give a finite number that is not negative')
        self.scale = scale

    def importance(self, strengths: Tensor, previous: Tensor) -> Tensor:
        """Compute how much each basis vector is protected: (alpha + 1) s / (alpha s + max s), at most 1 over phases.

        Args:
            strengths: ``(r, )``, the singular values s of this phase's inputs, surrogates for earlier phases' vectors.
            previous: The importance of the first of them, to which that of this phase is added.

        Returns:
            ``(r, )`` in [0, 1].
        """
        if not len(strengths):
            return strengths
        divisor = self.scale * strengths + strengths.max()
        importance = (self.scale + 1) * strengths / divisor.clamp(min=torch.finfo(divisor.dtype).tiny)
        importance[:len(previous)] += previous
        return importance.clamp(max=1)
