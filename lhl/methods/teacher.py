"""The teacher: a frozen learner, asked at most once per batch, or what it has said about the same images before."""
import uuid
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import torch
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.logging import print_log
from torch import Tensor

from lhl.datasets.variants import image_variants, treats_alike
from lhl.errors import ConfigError, suggest
from lhl.models import Batch, Learner
from lhl.models.folding import folded

from .teacher_cache import PRECISIONS, TeacherCache, log_uncached, remove_leftovers

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


@dataclass(frozen=True)
class TeacherOptions:
    """How a teacher answers with less work: the section ``teacher`` of a config.

    Args:
        cache: Keep what its heads say about the images of a phase, where each image comes as it is or mirrored.
            ``'exact'``: in float32 and only where training stays the same to the last bit, which is tried on the first
            batch; ``'float32'``: also where the place of an image in a batch changes the rounding (some 1e-6 of the
            outputs); ``'float16'``: rounded to 11 bits, in half the room; ``'off'``.
        memory_gib: The most memory of this machine that the cache takes, above which it is a file in the work_dir.
        fold: Fold batch normalisations into convolutions, which moves outputs by some 1e-6 and keeps the weights of the
            convolutions a second time. By default on a GPU alone, so that weights trained on a CPU stay what they were.
        compile: Compile it with ``torch.compile``, which may round otherwise.

    Raises:
        ConfigError: If an option has another value.
    """

    cache: Literal['exact', 'float32', 'float16', 'off'] = 'exact'
    memory_gib: float = 2.0
    fold: bool | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        known = (*PRECISIONS, 'off')
        if self.cache not in known:
            raise ConfigError(f'teacher.cache={self.cache!r} is unknown; {suggest(str(self.cache), known)}')
        if isinstance(self.memory_gib, bool) or not isinstance(self.memory_gib, int | float) or not (
                0 <= self.memory_gib < float('inf')):
            raise ConfigError(f'teacher.memory_gib={self.memory_gib!r} is impossible; give a number of GiB, 0 or more')
        for option, value, allowed in (('fold', self.fold, (None, False, True)), ('compile', self.compile,
                                                                                (False, True))):
            if not any(value is one for one in allowed):
                raise ConfigError(f'teacher.{option}={value!r} is impossible; give one of '
                                  f'{", ".join(map(str, allowed))}')


@dataclass
class _Answers:
    """What the teacher has said about one batch so far."""

    features: tuple[Tensor, ...] | None = None
    predictions: dict[str, Tensor] = field(default_factory=dict)  #: by the head's name


class Teacher:
    """Answer what a frozen learner sees in a batch, computing its features and each of its heads at most once.

    Whoever asks about the same :class:`~lhl.models.Batch` object gets the same tensors, which have no gradient and must
    not be changed in place. They are released with the batch. Images of another origin, such as inverted ones, are a
    batch of their own: ``Batch(images, {}, {})``.

    Between :meth:`remember` and :meth:`forget` the outputs of its heads are also kept for the images of the phase, over
    all epochs: their predictions come without running it. Features are not kept.

    It is neither a module nor part of the student: not in its checkpoints, not in distributed training. It runs in
    inference mode and in the precision of the step that asks.

    Args:
        learner: Is frozen and set to evaluation mode. It is :attr:`learner` for those that need more of it than its
            answers, such as inversion, which differentiates through it.
        options: How it answers with less work; by default as :class:`TeacherOptions` says.
    """

    def __init__(self, learner: Learner, options: TeacherOptions | None = None) -> None:
        self.learner = learner.eval().requires_grad_(False)
        self.options = options or TeacherOptions()
        #: What runs; the learner, or a copy that runs faster.
        self._network: Learner | None = None
        self._cache: TeacherCache | None = None
        self._answers: WeakKeyDictionary[Batch, _Answers] = WeakKeyDictionary()

    def remember(self, dataloader: 'DataLoader', num_epochs: float, folder: str | Path) -> None:
        """Keep what the heads say about the images of a phase, from now on, if that saves work; the log says why not.

        Args:
            dataloader: Of the training data.
            num_epochs: How often training still goes through them.
            folder: Where a file may be made; what killed processes have left of such files is removed.
        """
        if get_rank() == 0:
            remove_leftovers(folder)
        token = [uuid.uuid4().hex]
        broadcast_object_list(token)
        dataset: Any = dataloader.dataset
        options, batch_size = self.options, dataloader.batch_size or 0
        num_variants, reason = image_variants(dataset)
        preprocessor = self.learner.data_preprocessor
        if options.cache == 'off':
            reason = "teacher.cache='off'"
        elif not treats_alike(preprocessor):
            reason = f'{type(preprocessor).__name__} may change an image in another way each time'
        elif not reason and num_epochs <= num_variants:
            left = 'one epoch is' if num_epochs == 1 else f'{num_epochs:g} epochs are'
            reason = f'{left} left, and the first costs {num_variants} runs of the teacher'
        elif not reason and not batch_size:
            reason = 'the loader draws batches of its own'
        if reason:
            log_uncached(reason)
            return
        self._cache = TeacherCache(dataset.indices, num_variants, batch_size, options.cache,
                                   options.memory_gib, folder, token[0])

    def forget(self) -> None:
        """Drop what :meth:`remember` has kept."""
        if self._cache is not None:
            self._cache.close()
        self._cache = None

    def features(self, batch: Batch) -> tuple[Tensor, ...]:
        """Give the backbone's feature maps of a batch, finest first."""
        answers = self._answers_to(batch)
        if answers.features is None:
            answers.features = self._extract(batch.inputs)
        return answers.features

    def predictions(self, batch: Batch, names: Iterable[str]) -> dict[str, Tensor]:
        """Predict the named tasks of a batch.

        Args:
            batch: Images on the learner's device.
            names: Tasks of the learner.

        Returns:
            For each task its prediction ``(B, C, H, W)`` in the task's unit, see
            :meth:`lhl.models.Learner.predict_tasks`.
        """
        names, answers = tuple(names), self._answers_to(batch)
        heads = {name: self.learner.tasks[name].head for name in names}
        missing = [name for name in self.learner.distinct_outputs(names) if heads[name] not in answers.predictions]
        if missing:
            raw = self._raw(batch, missing)
            with torch.no_grad():
                new = self.learner.interpret(raw, missing, batch.inputs.shape[-2:])
            answers.predictions.update({heads[name]: prediction for name, prediction in new.items()})
        return {name: answers.predictions[heads[name]] for name in names}

    def _answers_to(self, batch: Batch) -> _Answers:
        return self._answers.setdefault(batch, _Answers())

    def _raw(self, batch: Batch, names: list[str]) -> dict[str, Tensor]:
        """Give the raw outputs of the heads of some tasks, from the cache where they are in it."""
        cache = self._cache
        places = cache.places(batch) if cache is not None else None
        heads = self.learner.heads_of(names)
        if cache is None or places is None:
            return self._run_heads(self.features(batch), names)
        if cache.knows(heads, places):
            return cache.recall(heads, places, batch.inputs.device)
        raw = self._run_heads(self.features(batch), names)
        if cache.is_exact and cache.is_empty and not self._rounds_alike(batch, names, raw):
            log_uncached("the place of an image in its batch changes how they are rounded; teacher.cache='float32' "
                         'keeps them all the same')
            cache.close()
            return raw
        cache.store(raw, places)
        if cache.is_open and cache.num_variants == 2:
            # Both at once, in a batch of the same size: from the second epoch on every batch is known.
            mirrored = torch.empty_like(batch.inputs).copy_(batch.inputs.flip(-1))
            cache.store(self._run_heads(self._extract(mirrored), names), places ^ 1)
        return raw

    def _rounds_alike(self, batch: Batch, names: list[str], raw: dict[str, Tensor]) -> bool:
        """Try whether an image's outputs are the same, to the last bit, wherever in a batch it is."""
        reversed_ = torch.empty_like(batch.inputs).copy_(batch.inputs.flip(0))
        again = self._run_heads(self._extract(reversed_), names)
        return all(torch.equal(again[head].flip(0), values) for head, values in raw.items())

    def _extract(self, inputs: Tensor) -> tuple[Tensor, ...]:
        if self._network is None:
            self._network = self._prepared(inputs)
        with torch.inference_mode():
            features = self._network.extract_features(inputs)
        return tuple(map(torch.clone, features))  # outside of inference mode, so that a graph may hold them

    def _run_heads(self, features: tuple[Tensor, ...], names: list[str]) -> dict[str, Tensor]:
        assert self._network is not None
        with torch.inference_mode():
            raw = self._network.run_heads(features, names)
        return {head: values.clone() for head, values in raw.items()}

    def _prepared(self, inputs: Tensor) -> Learner:
        """Make the network that runs, with images to try it on."""
        network, options = self.learner, self.options
        if options.fold or (options.fold is None and inputs.device.type == 'cuda'):
            faster, what = folded(network, _all_outputs, inputs[:1])
            _log(what if faster is not None else f'nothing is folded ({what})')
            network = faster or network
        return _compiled(network, inputs) if options.compile else network


def _compiled(network: Learner, inputs: Tensor) -> Learner:
    """Compile a copy; give the network itself where this machine or the network does not let it be compiled."""
    compiled = deepcopy(network)
    for module in (compiled.backbone, *compiled.heads.values()):
        module.compile()
    try:
        with torch.inference_mode():
            _all_outputs(compiled, inputs)
    except (ImportError, RuntimeError) as error:
        _log(f'it is not compiled ({str(error).strip().splitlines()[0]})')
        return network
    return compiled


def _log(sentence: str) -> None:
    print_log(f'the teacher: {sentence}', logger='current')


def _all_outputs(learner: Learner, inputs: Tensor) -> tuple[Tensor, ...]:
    features = learner.extract_features(inputs)
    return (*features, *(head(features) for head in learner.heads.values()))
