"""Several methods in one run, such as EWC with a memory."""
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from lhl.errors import ConfigError
from lhl.models import Batch, Learner
from lhl.registry import METHODS

from .base import Method, Phase, Requirements

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@METHODS.register_module()
class Combined(Method):
    """Learn with several methods at once: their loss terms are summed, and each has all of its moments, in order.

    L_new counts once: of terms of the same name ``loss_new_...`` the last method's is taken. Any other term whose name
    is taken counts too, under a name with the method's position in it. A head is trained if any of the methods trains
    it, and the backbone if all of them do. They share one teacher, which runs once per batch.

    Args:
        methods: Their configs.
    """

    def __init__(self, methods: list[dict]) -> None:
        if not methods:
            raise ConfigError('Combined was given no methods; give methods=[dict(type=NAME, ...), ...]')
        self.methods = [METHODS.build(config) for config in methods]
        for method in self.methods:
            if method.requires.single_phase or method.requires.separate_models:
                raise ConfigError(f'{type(method).__name__} does not learn phase after phase and cannot be part of '
                                  f'Combined; use it alone')
        editors = [method for method in self.methods if method.requires.edits]
        if len(editors) > 1:
            raise ConfigError(f'{" and ".join(type(method).__name__ for method in editors)} edit gradients or updates, '
                              f'and would undo the edits of each other; give Combined one of them')
        self.editors: list[Method] = editors  #: one at most
        needs = [method.requires for method in self.methods]
        self.requires = Requirements(
            teacher=any(need.teacher for need in needs),
            same_backbone=any(need.same_backbone for need in needs),
            stored_images=sum(need.stored_images for need in needs),
            edits=editors[0].requires.edits if editors else None,
            own_first_phase=any(need.own_first_phase for need in needs))

    def trained_tasks(self, phase: Phase) -> Iterable[str]:
        """The tasks that any of the methods trains."""
        trained = {name for method in self.methods for name in method.trained_tasks(phase)}
        return [name for name in phase.tasks if name in trained]

    def trains_backbone(self, phase: Phase) -> bool | Literal['weights']:
        """What a method freezes of the backbone is frozen for all."""
        answers = [method.trains_backbone(phase) for method in self.methods]
        return all(answers) and ('weights' if 'weights' in answers else True)

    def own_parameters(self, phase: Phase) -> dict[str, Tensor]:
        """What each method learns, each name after the method's position: ``'1_weight'``."""
        return {f'{position}_{name}': value for position, method in enumerate(self.methods)
                for name, value in method.own_parameters(phase).items()}

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Begin the phase for each method, which gets its own parameters under its own names."""
        super().begin_phase(learner, phase)
        for position, method in enumerate(self.methods):
            method.learned_parameters = nn.ParameterDict({
                name: self.learned_parameters[f'{position}_{name}'] for name in method.own_parameters(phase)})
            method.begin_phase(learner, phase)

    def before_training(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Let each method look at the data."""
        for method in self.methods:
            method.before_training(learner, phase, dataloader)

    def observe(self, raw: Mapping[str, Tensor]) -> None:
        """Let each method look at the outputs of the tasks that it trains."""
        for method in self.methods:
            method.observe({name: raw[name] for name in method.trained_tasks(self.phase)})

    def losses(self, batch: Batch, features: tuple[Tensor, ...], outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of all methods, L_new once."""
        losses = {}
        for position, method in enumerate(self.methods):
            own_outputs = {name: outputs[name] for name in method.trained_tasks(self.phase)}
            for name, value in method.losses(batch, features, own_outputs).items():
                if name in losses and not name.startswith('loss_new_'):
                    kind, _, rest = name.partition('_')
                    name = f'{kind}_{position}_{rest}'
                losses[name] = value
        return losses

    def edit_gradients(self, learner: Learner) -> None:
        """Leave the gradients to the method that edits them."""
        for method in self.editors:
            method.edit_gradients(learner)

    def edit_update(self, learner: Learner, before: dict[str, Tensor]) -> None:
        """Leave the update to the method that edits it."""
        for method in self.editors:
            method.edit_update(learner, before)

    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """End the phase for each method."""
        for method in self.methods:
            method.end_phase(learner, phase, dataloader)

    def state_dict(self) -> dict[str, Tensor]:
        """The states of all methods, each entry's name after the method's position: ``'1.fisher'``."""
        return {f'{position}.{name}': tensor for position, method in enumerate(self.methods)
                for name, tensor in method.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Give each method its state back."""
        for position, method in enumerate(self.methods):
            prefix = f'{position}.'
            method.load_state_dict(
                {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)})

    def num_stored_images(self) -> int:
        """Count the images of all methods."""
        return sum(method.num_stored_images() for method in self.methods)
