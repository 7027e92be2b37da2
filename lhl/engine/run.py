"""Learns a stream: one Runner per phase, one after the other, with everything on disk that a resumed run needs."""
import json
import uuid
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.logging import print_log

from lhl.environment import check_stack, installed_versions
from lhl.errors import RunError
from lhl.evaluation import DenseMetric, PhaseResults, Results
from lhl.evaluation.results import FILE_NAME
from lhl.registry import METRICS
from lhl.tasks import metric_configs

from .checkpoint import (
    check_recorded,
    copy_checkpoint,
    read_checkpoint,
    training_checkpoints,
    weights_digest,
    write_checkpoint,
)
from .plan.runner_config import (
    config_hash,
    describe_backbone,
    first_phase_hash,
    in_order,
    num_given_phases,
    phase_checkpoint,
    phase_config,
    phase_folder,
    phase_tasks,
    task_names,
    training_hash,
)
from .plan.validate import check_config
from .runtime.peak_memory import peak_memory_mib, reset_peak_memory
from .runtime.process_group import init_distributed
from .runtime.runner import PhaseRunner, PlainConfig
from .runtime.scoring import score_phase
from .sources.extend import check_old_data
from .sources.run import Donor


def train_stream(cfg: Config, resume: bool = False, take_over: str | Path | None = None,
                 until: int | None = None, donor: Donor | None = None) -> Results:
    """Learn the stream of a config, phase after phase.

    Args:
        cfg: The config, with ``work_dir`` set.
        resume: Continue the run in ``work_dir``.
        take_over: The folder of a run whose first phases trained exactly as this run's would: they are taken over and
            only scored again. Of another method's run that is the first phase, which most methods have in common.
        until: Stop after this phase, from 1; the run can be resumed.
        donor: What the config extends, see :func:`lhl.engine.sources.extend.extended_config`. A run that has begun
            can be resumed without it.

    Returns:
        The results, as in ``work_dir/results.json``.

    Raises:
        ConfigError: If the config cannot run.
        RunError: If ``work_dir`` holds another run, ``resume`` finds none, ``take_over`` trained otherwise, or the
            first phases were trained elsewhere and are not there.
        DataError: If a file of the data set is missing or impossible.
        CheckpointError: If a checkpoint that is needed cannot be used.
    """
    check_stack()
    cfg = in_order(cfg)
    check_config(cfg)
    init_distributed(cfg)
    trained = _phases_to_take_over(cfg, take_over) if take_over is not None else []
    results = _open_run(cfg, resume, donor)
    for index, entry in enumerate(cfg.phases[:until], 1):
        if index <= len(results.phases):
            check_recorded(phase_checkpoint(cfg, index), results.phases[index - 1])
            print_log(f'phase {index}/{len(cfg.phases)} ({", ".join(phase_tasks(entry))}) is done', logger='current')
            continue
        _train_phase(cfg, results, index, trained[index - 1] if index <= len(trained) else None)
    return results


def _phases_to_take_over(cfg: Config, run: str | Path) -> list[dict]:
    """Find the first phases of another run that trained as this one's would, and check that they are intact."""
    donor = Results.load(run)
    if not donor.phases:
        raise RunError(f'the run in {run} has not finished a phase; continue it with --resume')
    checkpoints = [Path(run, phase.checkpoint) for phase in donor.phases]
    donor_cfg = Config(json.loads(read_checkpoint(checkpoints[0])['lhl']['config']))
    trained = []
    if config_hash(donor_cfg, get_world_size()) == donor.config_hash:
        for index in range(1, min(len(donor.phases), len(cfg.phases)) + 1):
            if training_hash(cfg, index) != training_hash(donor_cfg, index):
                break
            trained.append(dict(checkpoint=str(checkpoints[index - 1]), ended=True))
        if not trained and first_phase_hash(cfg) == first_phase_hash(donor_cfg) is not None:
            trained.append(dict(checkpoint=str(checkpoints[0]), ended=False))
    if not trained:
        raise RunError(f'the first phase of {run} was trained with another config, seed or number of processes, or '
                       f'{cfg.method.type} trains it in a way of its own; leave --take-over away')
    for phase, checkpoint, found in zip(donor.phases, checkpoints, trained, strict=False):
        check_recorded(checkpoint, phase)
        found.update(seconds=phase.seconds, peak_memory_mib=phase.peak_memory_mib)
    return trained


def _open_run(cfg: Config, resume: bool, donor: Donor | None) -> Results:
    """Claim the work_dir for a new run, or take up the run it holds; what a donor gives is there afterwards."""
    work_dir = Path(cfg.work_dir)
    path = work_dir / FILE_NAME
    if resume and not path.exists():
        raise RunError(f'--resume found no {FILE_NAME} in {work_dir}; leave --resume away to start a run there, or '
                       f'give the --work-dir of the run to continue')
    new = Results(
        method=cfg.method.type, seed=cfg.randomness.seed, stream=task_names(cfg), config=str(cfg.filename),
        config_hash=config_hash(cfg, get_world_size()), versions=installed_versions(),
        higher_is_better=_directions(cfg), units=metric_units(cfg))
    results = Results.load(path) if path.exists() else new
    if results.config_hash != new.config_hash and _has_computed(work_dir, results):
        raise RunError(f'{work_dir} holds a run of another config, seed or number of processes ({results.config}, hash '
                       f'{results.config_hash}, now {new.config_hash}); choose another --work-dir, or the config and '
                       f'options that the run was started with')
    if not resume and _has_computed(work_dir, results):
        raise RunError(f'{work_dir} holds a run of this config with {len(results.phases)} of {len(results.stream)} '
                       f'phases done; add --resume to continue it, or choose another --work-dir')
    if results.config_hash != new.config_hash:
        results = new
    is_extension = num_given_phases(cfg) > 0 and not results.phases
    if is_extension and donor is None:
        raise RunError(f'the first {num_given_phases(cfg)} phases were trained elsewhere and are not in {work_dir}; '
                       f'begin with tools/extend.py RUN --config NEW_TASK.py')
    if is_extension:
        check_old_data(cfg)
    barrier()  # no process may find what another has just written
    if is_main_process() and not results.phases:
        work_dir.mkdir(parents=True, exist_ok=True)
        PlainConfig(cfg.to_dict()).dump(work_dir / 'config.py')
        results.save(path)
    barrier()
    if is_extension:
        results.phases = _give_phases(cfg, donor)
        if is_main_process():
            results.save(path)
        barrier()
    return results


def _has_computed(work_dir: Path, results: Results) -> bool:
    """Say whether a run holds anything that would be lost: a start that failed on bad data holds nothing.

    What it was given is the donor's, which has it still.
    """
    written = work_dir / 'config.py'
    given = num_given_phases(Config.fromfile(written)) if results.phases and written.exists() else 0
    return len(results.phases) > given or any(map(training_checkpoints, work_dir.glob('phase*_*')))


def _give_phases(cfg: Config, donor: Donor) -> list[PhaseResults]:
    """Copy the checkpoints of a donor's phases into the work_dir, so that the run is whole and the donor may go.

    Returns:
        The phases as they were recorded; one that never was is scored now.
    """
    given = []
    for index, phase in enumerate(donor.phases, 1):
        path = phase_checkpoint(cfg, index)
        if is_main_process():
            if isinstance(phase.checkpoint, dict):
                stream = dict(phase.checkpoint['lhl'], config=json.dumps(cfg.to_dict(), default=str))
                write_checkpoint({**phase.checkpoint, 'lhl': stream}, path)
            else:
                copy_checkpoint(phase.checkpoint, path)
        barrier()
        results = phase.results
        if not any(results.metrics.values()):
            results = replace(results, metrics=score_phase(cfg, index, path))
        given.append(replace(results, checkpoint=f'{phase_folder(cfg, index)}/phase.pth'))
    return given


def _train_phase(cfg: Config, results: Results, index: int, trained: dict | None) -> None:
    """Train, or take over, evaluate and record one phase."""
    phase_cfg = phase_config(cfg, index)
    phase_cfg.experiment_name += f'_{uuid.uuid4().hex[:8]}'  # mmengine keeps loggers and message hubs by this name
    phase_cfg.resume = bool(training_checkpoints(phase_cfg.work_dir))
    if trained is not None and not phase_cfg.resume:
        phase_cfg.phase.trained = trained
    reset_peak_memory()
    runner = PhaseRunner.from_cfg(PlainConfig(phase_cfg.to_dict(), filename=phase_cfg.filename))
    new_tasks, method = list(runner.phase.new_tasks), runner.method
    heads = 'the old heads adapted to it' if 'adapted_heads' in phase_cfg.phase else 'all heads from random weights'
    anew = f', with a new backbone and {heads}' if 'is_new_learner' in phase_cfg.phase else ''
    runner.logger.info(f'phase {index}/{len(cfg.phases)}: learning {", ".join(new_tasks)} with {results.method}{anew}')
    runner.train()
    metrics = runner.val() if phase_cfg.val_cfg is not None else {}
    runner.end_workers()

    weights = runner.save_phase(phase_checkpoint(cfg, index), dict(config=json.dumps(cfg.to_dict(), default=str)))
    state_mib = sum(tensor.nbytes for tensor in method.state_dict().values()) / 2**20
    runner.logger.info(f'{results.method} carries {state_mib:.1f} MiB to the next phase, with '
                       f'{method.num_stored_images()} stored images')
    by_task = {name: {} for name in runner.phase.tasks}
    for key, value in metrics.items():
        task, metric = key.split('/', 1)
        by_task[task][metric] = value
    parameters = sum(parameter.numel() for parameter in runner.learner.parameters())
    if method.requires.separate_models and results.phases:  # the models of the phases before are as they were
        by_task = {**results.phases[-1].metrics, **by_task}
        parameters += results.phases[-1].parameters
    results.add_phase(PhaseResults(
        phase=index, tasks=new_tasks, metrics=by_task,
        seconds=runner.training_seconds,
        iterations=runner.iter, peak_memory_mib=max(peak_memory_mib(), (trained or {}).get('peak_memory_mib', 0)),
        parameters=parameters, method_state_mib=state_mib,
        stored_images=method.num_stored_images(), weights_sha256=weights_digest(weights),
        checkpoint=f'{phase_folder(cfg, index)}/phase.pth',
        backbone=describe_backbone(phase_cfg.model.backbone.to_dict())))
    if is_main_process():
        results.save(cfg.work_dir)
    barrier()


def metric_units(cfg: Config) -> dict[str, dict[str, str]]:
    """Say for each task of the stream in which units its metrics are; a metric without one is left out."""
    return {name: {key: metric.units[key] for metric in metrics for key in metric.higher_is_better
                   if key in metric.units} for name, metrics in _built_metrics(cfg).items()}


def _directions(cfg: Config) -> dict[str, dict[str, bool]]:
    """Say for each task of the stream which metrics it has and whether higher is better."""
    return {name: {key: better for metric in metrics for key, better in metric.higher_is_better.items()}
            for name, metrics in _built_metrics(cfg).items()}


def _built_metrics(cfg: Config) -> dict[str, list[DenseMetric]]:
    """Build the metrics of each task of the stream, in its order."""
    configs = metric_configs(cfg.to_dict()['tasks'])
    return {name: [METRICS.build(config) for config in configs[name]] for name in task_names(cfg)}
