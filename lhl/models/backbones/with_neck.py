"""A backbone and the neck behind it as one: the shared part of a segmentor that has a neck."""
from mmengine.model import BaseModule
from torch import Tensor

from lhl.registry import MODELS


@MODELS.register_module()
class BackboneWithNeck(BaseModule):
    """Give the feature maps of a neck, such as mmsegmentation's ``FPN``, as those of a backbone.

    Args:
        backbone: Config of a backbone.
        neck: Config of a neck, which takes the backbone's feature maps.
    """

    def __init__(self, backbone: dict, neck: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Map images ``(B, 3, H, W)`` to the neck's feature maps, finest first."""
        return tuple(self.neck(self.backbone(inputs)))
