"""Separate single-task models: nothing is shared, so nothing can be forgotten (HAD, Sec. 5.4 and Fig. 4)."""
from lhl.registry import METHODS

from .base import Method, Requirements


@METHODS.register_module()
class SingleTask(Method):
    """Minimise L_new with a model of its own for each task, on the images of the task's phase.

    It holds T backbones where the other methods hold one, and shows how well a task is learned without the others.
    """

    requires = Requirements(separate_models=True)
