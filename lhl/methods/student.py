"""The student: a learner and the method that it learns with, in one phase."""
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mmengine.model import BaseModel
from torch import Tensor, nn

from lhl.models import Batch, Learner

from .base import Method, Phase

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


class Student(BaseModel):
    """What a phase trains: the learner and, where the method itself learns something, the method's parameters.

    The phase begins in two steps, because an optimizer and distributed training need to know first what is trainable:
    building the student freezes what the method does not train and makes the method's own parameters, and
    :meth:`begin_phase` begins the method's work.

    Args:
        learner: With the heads of all tasks of the phase.
        method: With the state that it has carried over from the phases before.
        phase: What is trained.
    """

    def __init__(self, learner: Learner, method: Method, phase: Phase) -> None:
        super().__init__(learner.data_preprocessor)
        self.learner = learner
        self.method = method
        self.phase = phase
        learner.set_trainable_heads(method.trained_tasks(phase))
        learner.set_backbone_trainable(method.trains_backbone(phase))
        #: What the method itself learns, in distributed training and in training checkpoints like the learner.
        self.method_parameters = nn.ParameterDict(method.own_parameters(phase))
        method.learned_parameters = self.method_parameters

    def begin_phase(self, dataloader: 'DataLoader | None' = None,
                    resumed_state: dict[str, Tensor] | None = None) -> None:
        """Begin the method's phase, with the weights that it starts from in place.

        Args:
            dataloader: Of the training data, which the method may go through before the first iteration. ``None``
                where nothing is going to be trained.
            resumed_state: The method's state where an interrupted phase continues, instead of going through the data.
        """
        self.method.begin_phase(self.learner, self.phase)
        if resumed_state is not None:
            self.method.load_state_dict(resumed_state)
        elif dataloader is not None:
            self.method.before_training(self.learner, self.phase, dataloader)

    def init_weights(self) -> None:
        """Initialise the learner's weights; the method's parameters start where the method says."""
        self.learner.init_weights()

    def forward(self, inputs: Tensor, targets: Mapping[str, Tensor] | None = None,
                valid: Mapping[str, Tensor] | None = None, meta: list | None = None,
                mode: str = 'tensor') -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """Compute the method's loss terms of a batch, or predict as the learner does.

        Args:
            inputs: Normalised images ``(B, 3, H, W)``.
            targets: Needed for ``mode='loss'``, see :class:`lhl.models.Batch`.
            valid: Likewise.
            meta: Where the images came from, likewise.
            mode: ``'loss'`` gives the named loss terms; see :meth:`lhl.models.Learner.forward` for the others.
        """
        if mode != 'loss':
            return self.learner(inputs, targets, mode=mode)
        learner, names = self.learner, self.learner.trained_tasks
        batch = Batch(inputs, targets or {}, valid or {}, meta or ())
        features = learner.extract_features(inputs)
        raw = learner.run_heads(features, names)
        outputs = learner.interpret(raw, names, inputs.shape[-2:])
        # Before any loss: replay runs the heads again.
        self.method.observe({name: raw[learner.tasks[name].head].detach() for name in names})
        return self.method.losses(batch, features, outputs)
