"""Learns a stream: one Runner per phase, one after the other, with everything on disk that a resumed run needs."""
import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.logging import print_log
from torch import Tensor

from lhl.atomic import remove_leftovers, writing
from lhl.config_files import read_written_config
from lhl.environment import check_stack, installed_versions
from lhl.errors import FOREIGN, ConfigError, LHLError, RunError, WriteError
from lhl.evaluation import DenseMetric, PhaseResults, Results
from lhl.evaluation.results import FILE_NAME
from lhl.lock import check_still_held
from lhl.models.pretraining import without_pretraining
from lhl.progress import StreamProgress, without_trackers
from lhl.registry import METRICS
from lhl.stored_configs import component_names
from lhl.trust import trusting_configs, trusting_names

from .checkpoint import read_recorded, recorded_checkpoint, training_checkpoints, weights_digest
from .plan import Stream, config_hash, runner_config
from .plan.backbones import describe_backbone
from .plan.data import check_data, data_problems
from .plan.mmengine_config import metric_configs
from .runtime.learner_runner import PlainConfig
from .runtime.peak_memory import peak_memory_mib, reset_peak_memory
from .runtime.process_group import init_distributed, lost_processes_as_errors, only_run_in
from .runtime.release import released
from .runtime.runner import PhaseRunner
from .runtime.scoring import score_phase
from .runtime.signals import ending_gently
from .sources.base import Source
from .sources.extend import check_old_data, give_phases
from .sources.external_teacher import check_external_teachers
from .sources.reuse import reusable_phases
from .sources.run import read_run


def train_stream(cfg: Config | Stream, resume: bool = False, take_over: str | Path | None = None,
                 until: int | None = None, source: Source | None = None, trust_config: bool = False) -> Results:
    """Learn the stream of a config, phase after phase.

    Args:
        cfg: The config, with ``work_dir`` set, or the stream that it describes.
        resume: Continue the run in ``work_dir``.
        take_over: The folder of a run whose first phases trained exactly as this run's would: they are taken over and
            only scored again. Of another method's run that is the first phase, which most methods have in common.
        until: Stop after this phase, from 1; the run can be resumed. 0 begins it without training.
        source: What the config extends, see :func:`lhl.engine.sources.extend.extended_config`. A run that has begun
            can be resumed without it.
        trust_config: Let configs inside the files of other runs name code, as this config may; otherwise they may name
            registered components, and what this config names, too.

    Returns:
        The results, as in ``work_dir/results.json``.

    Raises:
        ConfigError: If the config cannot run; with all that is wrong in it.
        RunError: If ``work_dir`` holds another run, another process works in it, ``resume`` finds no run, or the first
            phases were trained elsewhere and are not there.
        NotReusableError: If ``take_over`` trained its first phase otherwise.
        DataError: If a file of the data set is missing or impossible.
        CheckpointError: If a checkpoint that is needed cannot be used.
        WriteError: If the disk is full, or what is in ``work_dir`` cannot be written for another reason.
        LostProcessError: If another process of the run is gone, or does not answer.
        Interruption: If SIGTERM, SIGINT or SIGUSR1 ended the run, which can be resumed exactly where it was.
    """
    check_stack()
    stream = cfg if isinstance(cfg, Stream) else _checked(cfg)
    with trusting_configs(trust_config), trusting_names(component_names(stream.cfg.to_dict())):
        return _learn(stream, resume, take_over, until, source)


def _checked(cfg: Config) -> Stream:
    """Resolve a config; where it cannot run, name also what is wrong with its data."""
    try:
        return Stream.from_config(cfg)
    except ConfigError as error:
        missing: tuple[str, ...] = ()
        with contextlib.suppress(LHLError, *FOREIGN):
            stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
            missing = data_problems(stream, foreign=False).sentences
        raise ConfigError(*error.problems, *missing) from error


def _learn(stream: Stream, resume: bool, take_over: str | Path | None, until: int | None,
           source: Source | None) -> Results:
    if until is not None and not 0 <= until <= len(stream.phases):
        raise ConfigError(f'`until` is {until}, expected a phase from 1 to {len(stream.phases)}')
    check_external_teachers(stream)
    init_distributed(stream.cfg)
    trained = [] if take_over is None else reusable_phases(stream, read_run(take_over), get_world_size())
    with (lost_processes_as_errors('add `resume=True` to continue'), only_run_in(stream.work_dir), ending_gently(),
          _writing_can_go_on(Path(stream.work_dir))):
        results, iterations = _open_run(stream, resume, source)
        with StreamProgress(stream.cfg, [phase.new_tasks for phase in stream.phases], iterations[:until]) as progress:
            for phase in stream.phases[:until]:
                if phase.index <= len(results.phases):
                    recorded = results.phases[phase.index - 1]
                    read_recorded(recorded_checkpoint(stream.work_dir, recorded), recorded)
                    print_log(f'phase {phase.index}/{len(stream.phases)} ({", ".join(phase.new_tasks)}) is done',
                              logger='current')
                    continue
                of_other = trained[phase.index - 1] if phase.index <= len(trained) else None
                _train_phase(stream, results, phase.index, of_other, progress)
    return results


@contextlib.contextmanager
def _writing_can_go_on(work_dir: Path) -> Iterator[None]:
    """Add to what cannot be written how the run continues."""
    try:
        with writing(work_dir):
            yield
    except WriteError as error:
        check_still_held()
        how = 'add `resume=True` to continue from what was saved' if (work_dir / FILE_NAME).exists() else 'start again'
        raise WriteError(f'{error}, and {how}') from error


def _open_run(stream: Stream, resume: bool, source: Source | None) -> tuple[Results, list[int]]:
    """Claim the work_dir for a new run, or take up the run it holds; what a source gives is there afterwards.

    Returns:
        The results, and the iterations of each phase, of one that is done 0.
    """
    work_dir = Path(stream.work_dir)
    path = work_dir / FILE_NAME
    if resume and not path.exists():
        raise RunError(f'`resume=True` found no {FILE_NAME} in {work_dir}; remove `resume=True` to start a run there, '
                       f'or give the `work_dir` of the run to continue')
    new = Results(
        method=stream.cfg.method.type, seed=stream.cfg.randomness.seed, stream=list(stream.tasks),
        config=str(stream.cfg.filename), config_hash=config_hash(stream, get_world_size()),
        versions=installed_versions(), higher_is_better=_directions(stream), units=metric_units(stream))
    results = Results.load(path) if path.exists() else new
    if results.config_hash != new.config_hash and _has_computed(work_dir, results):
        raise RunError(f'{work_dir} holds a run of another config, seed or number of processes ({results.config}, hash '
                       f'{results.config_hash}, now {new.config_hash}); {_way_on(stream, work_dir, results)}')
    if not resume and _has_computed(work_dir, results):
        raise RunError(f'{work_dir} holds a run of this config with {len(results.phases)} of {len(results.stream)} '
                       f'phases done; add `resume=True` to continue it, or choose another `work_dir`')
    if results.config_hash != new.config_hash:
        results = new
    is_extension = stream.num_given > 0 and not results.phases
    if is_extension and source is None:
        raise RunError(f'the first {stream.num_given} phases were trained elsewhere and are not in {work_dir}; begin '
                       f'with the run that they are of, as extend_run and `lhl extend` do')
    if is_extension:
        check_old_data(stream)
    iterations = check_data(stream, len(results.phases))
    barrier()  # no process may find what another has just written
    if is_main_process():
        for folder in (work_dir, *work_dir.glob('phase*_*')):
            remove_leftovers(folder)
    if is_main_process() and not results.phases:
        PlainConfig(stream.cfg.to_dict()).dump(work_dir / 'config.py')
        results.save(path)
    barrier()
    if source is not None and is_extension:
        results.phases = give_phases(stream, source, score_phase)
        if is_main_process():
            results.save(path)
        barrier()
    return results, iterations


def _way_on(stream: Stream, work_dir: Path, results: Results) -> str:
    """Say how a run may continue with another config: phases that do not depend on what was changed are taken over."""
    with contextlib.suppress(LHLError, *FOREIGN):
        kept = reusable_phases(stream, read_run(work_dir), get_world_size())
        if kept and kept[-1]['ended']:
            phases = 'phase 1' if len(kept) == 1 else f'phases 1 to {len(kept)}'
            return (f'{phases} of {len(results.phases)} did not depend on what was changed: take them over with '
                    f'`take_over={work_dir}` and another `work_dir`')
    return 'choose another `work_dir`, or the config and options that the run was started with'


def _has_computed(work_dir: Path, results: Results) -> bool:
    """Say whether a run holds anything that would be lost: a start that failed on bad data holds nothing.

    What it was given is the source's, which has it still.
    """
    written = read_written_config(work_dir) if results.phases else None
    given = sum('trained_by' in entry for entry in written.get('phases') or []) if written is not None else 0
    return len(results.phases) > given or any(map(training_checkpoints, work_dir.glob('phase*_*')))


def _train_phase(stream: Stream, results: Results, index: int, trained: dict | None, progress: StreamProgress) -> None:
    """Train, or take over, evaluate and record one phase."""
    spec, phase_cfg = stream.phases[index - 1], runner_config(stream, index)
    phase_cfg.experiment_name += f'_{uuid.uuid4().hex[:8]}'  # mmengine keeps loggers and message hubs by this name
    phase_cfg.resume = bool(training_checkpoints(phase_cfg.work_dir))
    if spec.continues:  # a run that was begun by an earlier lhl ends its first phases with another name
        phase_cfg.phase.previous_checkpoint = str(recorded_checkpoint(stream.work_dir, results.phases[index - 2]))
    if trained is not None and not phase_cfg.resume:
        phase_cfg.phase.trained = trained
    if trained is not None or phase_cfg.resume:  # its weights are known
        phase_cfg.model.backbone = without_pretraining(phase_cfg.model.backbone.to_dict())
    phase_cfg.visualizer = without_trackers(phase_cfg.get('visualizer'))
    reset_peak_memory()
    plain = PlainConfig(phase_cfg.to_dict(), filename=phase_cfg.filename)
    with released(phase_cfg.experiment_name, lambda: PhaseRunner.from_cfg(plain)) as runner:
        change = ''
        if spec.is_new_learner:
            heads = 'the old heads adapted to it' if 'adapted_heads' in phase_cfg.phase else 'all heads reinitialised'
            change = f', with a new backbone and {heads}'
        runner.logger.info(f'phase {index}/{len(stream.phases)}: learning {", ".join(spec.new_tasks)} with '
                           f'{results.method}{change}')
        progress.follow(runner, index, sum(phase.iterations for phase in results.phases))
        runner.train()
        metrics = runner.val() if phase_cfg.val_cfg is not None else {}
        weights = runner.save_phase(stream.checkpoint(index), dict(
            config=json.dumps(stream.cfg.to_dict(), default=str), image_sizes=runner.image_sizes()))
        _record(stream, results, runner, metrics, weights)
    barrier()


def _record(stream: Stream, results: Results, runner: PhaseRunner, metrics: dict[str, float],
            weights: dict[str, Tensor]) -> None:
    """Add what a phase has come to."""
    spec, method = stream.phases[runner.phase.index - 1], runner.method
    state_mib = sum(tensor.nbytes for tensor in method.state_dict().values()) / 2**20
    if len(results.phases) + 1 < len(stream.phases):
        runner.logger.info(f'{results.method} carries {state_mib:.1f} MiB to the next phase, with '
                           f'{method.num_stored_images()} stored images')
    by_task: dict[str, dict[str, float]] = {name: {} for name in spec.tasks}
    for key, value in metrics.items():
        task, metric = key.split('/', 1)
        by_task[task][metric] = value
    parameters = sum(parameter.numel() for parameter in runner.learner.parameters())
    if method.requires.separate_models and results.phases:  # the models of the phases before are as they were
        by_task = {**results.phases[-1].metrics, **by_task}
        parameters += results.phases[-1].parameters
    trained = runner.trained or dict(iterations=runner.iter, peak_memory_mib=0.0, stopped_early=runner.stopped_early)
    results.add_phase(PhaseResults(
        phase=spec.index, tasks=list(spec.new_tasks), metrics=by_task, seconds=runner.training_seconds,
        iterations=trained['iterations'], parameters=parameters,
        peak_memory_mib=max(peak_memory_mib(), trained['peak_memory_mib']),
        method_state_mib=state_mib, stored_images=method.num_stored_images(), weights_sha256=weights_digest(weights),
        checkpoint=spec.checkpoint, backbone=describe_backbone(spec.backbone),
        stopped_early=trained['stopped_early']))
    if is_main_process():
        check_still_held()
        results.save(stream.work_dir)


def metric_units(stream: Stream) -> dict[str, dict[str, str]]:
    """Say for each task of a stream in which units its metrics are; a metric without a unit is left out."""
    return {name: {key: metric.units[key] for metric in metrics for key in metric.higher_is_better
                   if key in metric.units} for name, metrics in _built_metrics(stream).items()}


def _directions(stream: Stream) -> dict[str, dict[str, bool]]:
    """Say for each task of a stream which metrics it has and whether higher is better."""
    return {name: {key: better for metric in metrics for key, better in metric.higher_is_better.items()}
            for name, metrics in _built_metrics(stream).items()}


def _built_metrics(stream: Stream) -> dict[str, list[DenseMetric]]:
    """Build the metrics of each task of a stream, in its order."""
    configs = stream.task_configs
    return {name: [METRICS.build(config) for config in metric_configs(task, configs[name])]
            for name, task in stream.tasks.items()}
