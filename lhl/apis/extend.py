"""Grows a trained model: add tasks to a finished run, or to a segmentor of mmsegmentation."""
import contextlib
import copy
import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from lhl.config_files import import_custom_modules
from lhl.engine import Stream, train_stream
from lhl.engine.checkpoint import image_sizes
from lhl.engine.sources.base import Source
from lhl.engine.sources.extend import extended_config, source_to_extend
from lhl.engine.sources.mmseg import read_segmentor
from lhl.errors import FOREIGN, CheckpointError, LHLError
from lhl.evaluation import Results
from lhl.registry import DATASETS
from lhl.trust import trusting_configs


def extend_run(run: str | Path, cfg: Config, resume: bool = False, seed: int | None = None,
               without_old_data: bool = False, segmentor_config: Config | None = None,
               task_name: str = 'segmentation', until: int | None = None, trust_config: bool = False) -> Results:
    """Learn new tasks on top of what is trained already. What is extended is left as it is.

    Args:
        run: The folder of a finished run, a ``phase.safetensors`` of one, or, with ``segmentor_config``, a checkpoint
            of mmsegmentation.
        cfg: The config of the new tasks, with ``work_dir`` set, see :func:`lhl.engine.sources.extend.extended_config`.
        resume: Continue the extension in ``work_dir``.
        seed: Of the new phases. Default: that of the run, or else the config's.
        without_old_data: Do not score the old tasks.
        segmentor_config: The config that mmsegmentation trained the checkpoint with.
        task_name: The name that the segmentor's task gets.
        until: Stop after this phase, counted from the first of the run that is extended.
        trust_config: Let the config inside the run or checkpoint name code and import modules. Otherwise it may name
            registered components only.

    Returns:
        The results, as in ``work_dir/results.json``: those of the old phases, as they were recorded, and the new ones.

    Raises:
        ConfigError: If the config cannot run, or not on top of this run.
        RunError: If the run is not finished, or ``work_dir`` holds another one.
        DataError: If a data set is missing, that of the old tasks' validation included.
        CheckpointError: If a checkpoint cannot be used.
    """
    with trusting_configs(trust_config):
        import_custom_modules(run)
        if segmentor_config is None:
            source = source_to_extend(run)
        elif Path(run).is_dir():
            raise CheckpointError(f'{run} is a folder; give the checkpoint that mmsegmentation trained')
        else:
            source = read_segmentor(run, segmentor_config, task_name)
        cfg = with_custom_imports_of(source, cfg)
        _say_other_sizes(source, cfg)
        return train_stream(extended_config(source, cfg, seed, without_old_data), resume, until=until, source=source)


def _say_other_sizes(source: Source, cfg: Config) -> None:
    """Warn of new images of another size than that at which the old tasks have learned."""
    learned = image_sizes(source.read_last(), source.path).get(list(source.tasks)[-1])
    if not learned:
        return
    with contextlib.suppress(LHLError, *FOREIGN):  # which the training says
        stream = Stream.from_config(cfg, check=False, method=dict(type='Vanilla'))
        for loader, names in stream.scored_tasks(stream.tasks):
            tasks = {name: stream.task_configs[name] for name in names}
            size = DATASETS.build({**loader['dataset'], 'tasks': tasks}).image_size()
            if size is not None and tuple(size) != tuple(learned):
                print_log(f'{", ".join(names)} of the extension is scored on images of {size[0]} x {size[1]}, and what '
                          f'{source.path} has learned on {learned[0]} x {learned[1]}: old tasks are remembered best at '
                          f'their own size; bring the new images to it in the pipelines, such as '
                          f'Resize(size=({learned[0]}, {learned[1]}))', logger='current', level=logging.WARNING)


def with_custom_imports_of(source: Source, cfg: Config) -> Config:
    """Add the modules that a source imports to those of a config: the old tasks may be of kinds defined there.

    Args:
        source: What is extended.
        cfg: The config of the new tasks.

    Returns:
        The config itself where it imports them already, else a copy that does.
    """
    old = _custom_imports(source.stream.cfg) if source.stream is not None else []
    own = _custom_imports(cfg)
    missing = [name for name in old if name not in own]
    if not missing:
        return cfg
    cfg = copy.deepcopy(cfg)
    cfg['custom_imports'] = dict(cfg.get('custom_imports') or {}, imports=[*own, *missing])
    return cfg


def _custom_imports(cfg: Config) -> list[str]:
    """List the modules that a config imports; mmengine takes a single one without a list, too."""
    names = (cfg.get('custom_imports') or {}).get('imports') or []
    return [names] if isinstance(names, str) else list(names)
