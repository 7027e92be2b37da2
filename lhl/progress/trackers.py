"""TensorBoard, Weights & Biases and MLflow: one curve over the whole stream, which continues where it is resumed."""
import json
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from lhl.atomic import atomic_write
from lhl.errors import ConfigError, reason_of
from lhl.registry import VISBACKENDS

#: What ``lhl train --tracker`` takes -> the backend of mmengine that it stands for.
TRACKERS = dict(tensorboard='TensorboardVisBackend', wandb='WandbVisBackend', mlflow='MLflowVisBackend')
#: The package that each of mmengine's backends needs.
_PACKAGES = {**{kind: name for name, kind in TRACKERS.items()}, 'ClearMLVisBackend': 'clearml', 'AimVisBackend': 'aim',
             'NeptuneVisBackend': 'neptune', 'DVCLiveVisBackend': 'dvclive'}
#: What each phase writes into its own folder, and reports read.
_OF_A_PHASE = 'LocalVisBackend'
_FILE_NAME = 'trackers.json'


def add_trackers(cfg: Config, names: list[str]) -> None:
    """Add trackers to a config.

    Args:
        cfg: The config, which is changed.
        names: Of :data:`TRACKERS`.
    """
    visualizer = dict(cfg.get('visualizer') or dict(type='Visualizer'))
    backends = visualizer.get('vis_backends') or [dict(type=_OF_A_PHASE)]
    known = [backend['type'] for backend in backends]
    new = [dict(type=kind) for kind in dict.fromkeys(TRACKERS[name] for name in names) if kind not in known]
    cfg.visualizer = {**visualizer, 'vis_backends': [*backends, *new]}


def missing_packages(visualizer: Any) -> Iterator[str]:
    """Say which packages the trackers of a config need that are not installed.

    Args:
        visualizer: The section of that name.
    """
    for backend in _backends(visualizer):
        package = _PACKAGES.get(str(backend.get('type')))
        if package is not None and find_spec(package) is None:
            yield (f'visualizer.vis_backends names {backend["type"]}, which needs the package {package}, and that is '
                   f'not installed; run `pip install {package}`, or remove it')


def without_trackers(visualizer: Mapping | None) -> dict | None:
    """Give the section ``visualizer`` of a phase: what is kept open over the whole stream is not opened by a phase."""
    if not isinstance(visualizer, Mapping) or visualizer.get('vis_backends') is None:
        return None if visualizer is None else dict(visualizer)
    own = [dict(backend) for backend in _backends(visualizer) if backend.get('type') == _OF_A_PHASE]
    return {**visualizer, 'vis_backends': own}


class Trackers:
    """The trackers of a run.

    Args:
        cfg: The stream's config. ``visualizer.vis_backends`` names them, with options of mmengine's classes;
            ``trackers.json`` in the run's folder holds which runs of the trackers are its own.
    """

    def __init__(self, cfg: Config) -> None:
        self.cfg, self.folder = cfg, Path(cfg.work_dir)
        self.configs = [backend for backend in _backends(cfg.to_dict().get('visualizer'))
                        if backend.get('type') != _OF_A_PHASE]
        self.opened: list[tuple[str, Any]] = []

    def open(self) -> None:
        """Open all, and continue the runs that they have of this one.

        Raises:
            ConfigError: If one cannot be opened, as without a network or an account.
        """
        path = self.folder / _FILE_NAME
        runs = json.loads(path.read_bytes()) if self.configs and path.exists() else {}
        for config in self.configs:
            kind = config['type']
            name = next((name for name, of in TRACKERS.items() if of == kind), kind)
            try:
                backend = VISBACKENDS.build(self._options(config, name, runs))
                experiment = backend.experiment  # which opens it
            except Exception as error:  # any, of its package
                self.close()
                raise ConfigError(f'the tracker {name} cannot be opened ({reason_of(error)}); see to its account and '
                                  f'network, or train without it') from error
            self.opened.append((name, backend))
            if kind == TRACKERS['mlflow']:
                runs[name] = experiment.active_run().info.run_id
        if runs:
            with atomic_write(path) as file:
                file.write(json.dumps(runs, indent=1).encode() + b'\n')

    def add(self, scalars: Mapping[str, float], step: int) -> None:
        """Add numbers to the curves; a tracker that fails is said once, and the training continues without it.

        Args:
            scalars: By name.
            step: The iteration, counted over all phases.
        """
        for name, backend in list(self.opened):
            try:
                if name == 'wandb':
                    backend.experiment.log(dict(scalars), step=step)  # mmengine's does not pass the step on
                else:
                    backend.add_scalars(dict(scalars), step=step)
            except Exception as error:  # any, of its package
                self.opened.remove((name, backend))
                print_log(f'the tracker {name} failed ({reason_of(error)}); the run continues without it',
                          logger='current', level=logging.WARNING)

    def close(self) -> None:
        """Close all."""
        while self.opened:
            name, backend = self.opened.pop()
            # mmengine closes Weights & Biases by an old name, and copies the log files of all phases to MLflow.
            end = {'wandb': 'finish', 'mlflow': 'end_run'}.get(name)
            try:
                getattr(backend.experiment, end)() if end else backend.close()
            except Exception as error:  # any, of its package
                print_log(f'the tracker {name} could not be closed ({reason_of(error)})', logger='current',
                          level=logging.WARNING)

    def _options(self, config: Mapping, name: str, runs: dict[str, str]) -> dict:
        """Fill in what belongs to the run: a folder, a name, and the tracker's own run that it continues."""
        options = {'save_dir': str(self.folder / name), **config}
        about = dict(method=self.cfg.method.type, seed=self.cfg.randomness.seed)
        if name == 'wandb':
            runs.setdefault(name, uuid.uuid4().hex[:12])
            options['init_kwargs'] = dict(
                project='lhl', name=self.folder.name, id=runs[name], resume='allow', dir=options['save_dir'],
                config=self.cfg.to_dict(), settings=dict(console='off', quiet=True)) | (config.get('init_kwargs') or {})
        elif name == 'mlflow':
            Path(options['save_dir']).mkdir(parents=True, exist_ok=True)
            database = f'sqlite:///{Path(options["save_dir"], "mlflow.db").resolve()}'
            options = dict(tracking_uri=os.environ.get('MLFLOW_TRACKING_URI', database), run_name=self.folder.name,
                           params=about) | options
            if name in runs:
                os.environ['MLFLOW_RUN_ID'] = runs[name]  # MLflow takes it from there, once
        return options


def _backends(visualizer: Any) -> list[Mapping]:
    """List the backends that a section ``visualizer`` names; one that is misshapen is said elsewhere."""
    backends = visualizer.get('vis_backends') if isinstance(visualizer, Mapping) else None
    return [backend for backend in backends or [] if isinstance(backend, Mapping)]
