"""P3: only the new head learns (HAD, Sec. 5.3, third alternative paradigm of Table 3)."""
from lhl.registry import METHODS

from .base import Method, Phase, Requirements


@METHODS.register_module()
class FrozenEncoder(Method):
    """Train the backbone in the first phase, and only a new head in each later one, so that nothing is ever forgotten.

    The backbone's normalisation statistics are frozen with it: otherwise the old heads would see other features.
    """

    requires = Requirements(same_backbone=True)

    def trains_backbone(self, phase: Phase) -> bool:
        """The backbone is trained in the first phase alone."""
        return phase.index == 1
