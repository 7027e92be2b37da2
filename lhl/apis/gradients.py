"""Measures what each loss term does to the encoder: how hard it pulls, in which direction, and from which pixels."""
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import Tensor

from lhl.config_files import merge_options
from lhl.engine.checkpoint import (
    build_learner,
    load_weights,
    method_state,
    recorded_checkpoint,
    stored_config,
    weights_of,
)
from lhl.engine.plan import Stream, runner_config
from lhl.errors import ConfigError, RunError
from lhl.evaluation import Results
from lhl.methods import Phase, Student, Teacher, TeacherOptions
from lhl.methods.data_passes import each_batch_once, num_images
from lhl.models import Batch, without_gradient_checkpointing
from lhl.models.pretraining import without_pretraining
from lhl.registry import METHODS, MODELS
from lhl.weight_files import read_checkpoint

#: The share of pixels whose part of a gradient is told.
TOP = 0.01


@dataclass(frozen=True)
class TermGradient:
    """The gradient of one loss term, averaged over batches.

    Args:
        term: Its name in the log, such as ``loss_db_segmentation``.
        value: The term.
        norm: Euclidean norm of its gradient by the backbone's trained weights.
        cosines: By name of each term, the cosine between the two gradients; NaN where one is 0.
        top_share: How much of its gradient by the prediction that it compares, a norm over the channels of each pixel,
            lies in the :data:`TOP` of all pixels with the most, from 0.01 to 1; ``None`` where no prediction has one.
    """

    term: str
    value: float
    norm: float
    cosines: Mapping[str, float]
    top_share: float | None


def measure_gradients(run: str | Path, phase: int | None = None, at: Literal['start', 'end'] = 'end',
                      batches: int = 8, options: Mapping | None = None) -> list[TermGradient]:
    """Take the gradient of each loss term of a phase, in training mode, over the first batches of its images.

    Args:
        run: The folder of a run.
        phase: A finished phase, from 1; by default the last one.
        at: With the weights that the phase ended with, or those that it started with: those of the phase before.
        batches: How many batches, at least 1; as many as there are where there are fewer.
        options: Changes of the run's config, as of ``--cfg-options``: how the same student would be pulled otherwise.

    Returns:
        The terms in the order of the log.

    Raises:
        RunError: If the run has not finished the phase.
        ConfigError: If the phase has no start that can be loaded, or trains no weight of the backbone.
        DataError: If the images of the phase are gone.
    """
    run, results = Path(run), Results.load(run)
    done = len(results.phases)
    index = done if phase is None else phase
    if not 1 <= index <= done:
        raise RunError(f'{run} has finished {done} phases, found `phase={index}`; give one from 1 to {done}')
    if batches < 1:
        raise ConfigError(f'`batches` is {batches}, expected at least 1')
    cfg, _ = stored_config(run)
    merge_options(cfg, dict(options or {}))
    with DefaultScope.overwrite_default_scope('lhl'):
        student, cfg = _student(Stream.from_config(cfg), index, results, run, at)
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=results.seed)
        student.begin_phase(loader)
        count = min(batches * (loader.batch_size or 1), num_images(loader))
        found = [_of_batch(student, batch, results.seed)
                 for _, batch in each_batch_once(student.learner, loader, indices=list(range(count)))]
    return [_average([of_batch[term] for of_batch in found]) for term in found[0]]


def gradient_table(terms: Sequence[TermGradient]) -> str:
    """Write a Markdown table: a row for each term, with a column for its cosine with each other one."""
    names = [term.term.removeprefix('loss_') for term in terms]
    rows = [['term', 'value', 'norm', f'in {TOP:.0%} of the pixels', *(f'cosine to {name}' for name in names)],
            ['---', *['---:'] * (3 + len(names))]]
    for name, term in zip(names, terms, strict=True):
        share = '-' if term.top_share is None else f'{term.top_share:.1%}'
        rows.append([name, f'{term.value:.4g}', f'{term.norm:.4g}', share,
                     *(f'{cosine:+.2f}' for cosine in term.cosines.values())])
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _student(stream: Stream, index: int, results: Results, run: Path, at: str) -> tuple[Student, Config]:
    """Build the student of a phase as its runner does, with the weights of its end or start."""
    spec, cfg = stream.phases[index - 1], runner_config(stream, index)
    path = recorded_checkpoint(run, results.phases[index - 1])
    method, teacher = METHODS.build(cfg.method), None
    model = {**cfg.model.to_dict(), 'backbone': without_pretraining(cfg.model.backbone.to_dict())}
    learner = MODELS.build(model)
    load_weights(learner, weights_of(read_checkpoint(path), path), path)
    if at == 'start' and (index == 1 or not spec.continues or spec.is_new_learner):
        raise ConfigError(f"phase {index} starts from new weights, which are not kept; give `at='end'`")
    if spec.continues:
        path = recorded_checkpoint(run, results.phases[index - 2])
        previous = read_checkpoint(path)
        method.load_state_dict(method_state(previous, path))
        if method.requires.teacher:
            teacher = Teacher(build_learner(previous, path), TeacherOptions(cache='off'))
        if at == 'start':
            old = learner.heads_of(stream.phases[index - 2].tasks)
            new = [f'heads.{name}.' for name in learner.heads if name not in old]
            load_weights(learner, weights_of(previous, path), path, may_miss=new)
    student = Student(learner, method, Phase(index, spec.new_tasks, tuple(learner.tasks), spec.loss_weight, teacher,
                                             results.seed))
    if not any(weight.requires_grad for weight in learner.backbone.parameters()):
        raise ConfigError(f'{type(method).__name__} trains no weight of the backbone in phase {index}, so that no term '
                          f'has a gradient there; give a run of another method, or another `phase`')
    return student.train(), cfg


def _of_batch(student: Student, batch: Batch, seed: int) -> dict[str, TermGradient]:
    """Take the gradients of all terms of a batch, all with the same dropout."""
    learner, names = student.learner, student.learner.trained_tasks
    weights = [weight for weight in learner.backbone.parameters() if weight.requires_grad]
    with torch.random.fork_rng(devices=()), without_gradient_checkpointing(learner):
        torch.manual_seed(seed)
        features = learner.extract_features(batch.inputs)
        raw = learner.run_heads(features, names)
        outputs = learner.interpret(raw, names, batch.inputs.shape[-2:])
        student.method.observe({name: raw[learner.tasks[name].head].detach() for name in names})
        losses = student.method.losses(batch, features, outputs)
    terms = {name: value for name, value in losses.items() if 'loss' in name and value.requires_grad}
    gradients, shares = {}, {}
    for name, value in terms.items():
        found = torch.autograd.grad(value, [*weights, *outputs.values()], retain_graph=True, allow_unused=True)
        own = [torch.zeros_like(weight) if gradient is None else gradient
               for weight, gradient in zip(weights, found, strict=False)]
        gradients[name] = torch.cat([gradient.flatten() for gradient in own]).double()
        shares[name] = _top_share([gradient for gradient in found[len(weights):] if gradient is not None])
    norms = {name: float(gradient.norm()) for name, gradient in gradients.items()}
    cosines: dict[str, dict[str, float]] = {name: {} for name in terms}
    for one, other in itertools.product(terms, terms):
        product = norms[one] * norms[other]
        cosines[one][other] = float(gradients[one] @ gradients[other]) / product if product else float('nan')
    return {name: TermGradient(name, float(value.detach()), norms[name], cosines[name], shares[name])
            for name, value in terms.items()}


def _top_share(gradients: Sequence[Tensor]) -> float | None:
    """Give the share of the gradient by predictions that lies in the pixels with the most of it."""
    pixels = [gradient.double().norm(dim=1).flatten() for gradient in gradients if gradient.any()]
    if not pixels:
        return None
    ordered = torch.cat(pixels).sort(descending=True).values
    return float(ordered[:max(1, round(TOP * len(ordered)))].sum() / ordered.sum())


def _average(of_batches: Sequence[TermGradient]) -> TermGradient:
    first = of_batches[0]
    shares = [one.top_share for one in of_batches if one.top_share is not None]
    return TermGradient(
        first.term, mean(one.value for one in of_batches), mean(one.norm for one in of_batches),
        {name: mean(one.cosines[name] for one in of_batches) for name in first.cosines},
        mean(shares) if shares else None)
