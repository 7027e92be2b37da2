"""Of which map the edges are the prediction's, by kind of task (HAD, Fig. 5)."""
from functools import singledispatch

from torch import Tensor

from lhl.tasks import Binary, Classification, Task


@singledispatch
def predicted_edge_source(task: Task, prediction: Tensor) -> Tensor:
    """Give the map ``(B, C, H, W)`` whose edges are those of a prediction ``(B, C, H, W)``: the prediction itself.

    Classes have their probabilities: unlike class indices, their differences mean something.
    """
    return prediction


@predicted_edge_source.register
def _(task: Classification, prediction: Tensor) -> Tensor:
    return prediction.softmax(dim=1)


@predicted_edge_source.register
def _(task: Binary, prediction: Tensor) -> Tensor:
    return prediction.sigmoid()
