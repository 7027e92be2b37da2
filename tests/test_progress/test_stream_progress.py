import re

import pytest
from mmengine.visualization.vis_backend import BaseVisBackend
from test_engine.tiny_stream import FOLDERS, stream_config

from lhl.engine import train_stream
from lhl.engine.runtime.loops import PhaseEpochLoop
from lhl.progress import StreamProgress
from lhl.registry import VISBACKENDS


@VISBACKENDS.register_module()
class Recorder(BaseVisBackend):
    points: list = []

    @property
    def experiment(self):
        return self

    def _init_env(self):
        pass

    def add_scalars(self, scalar_dict, step=0, **kwargs):
        self.points.append((step, scalar_dict))


@pytest.fixture(scope='module')
def followed(tmp_path_factory, data_root):
    """A run of three phases of 6 iterations, scored after each epoch of 3, interrupted within the second phase."""
    folder = tmp_path_factory.mktemp('followed')
    cfg = stream_config(folder / 'c.py', data_root, folder / 'run', 'Vanilla', train_cfg__val_interval=1,
                        log_level='INFO', default_hooks__logger__interval=2)
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend'), dict(type='Recorder')]
    run_epoch = PhaseEpochLoop.run_epoch

    def failing(loop):
        if loop.runner.phase.index == 2 and loop.epoch == 1:
            raise KeyboardInterrupt
        run_epoch(loop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PhaseEpochLoop, 'run_epoch', failing)
        with pytest.raises(KeyboardInterrupt):
            train_stream(cfg)
    first = len(Recorder.points)
    train_stream(cfg, resume=True)
    return folder / 'run', list(Recorder.points), first


def test_a_tracker_gets_one_curve_over_all_phases_also_of_a_resumed_run(followed):
    _, points, first = followed
    losses = [step for step, scalars in points if 'loss' in scalars]
    # Iterations 2 and, of the second epoch, 5 of each phase; the phases begin after 0, 6 and 12.
    assert losses == [2, 5, 8, 11, 14, 17]
    assert losses[:3] == [step for step, scalars in points[:first] if 'loss' in scalars]
    scored = [(step, sorted({key.partition('/')[0] for key in scalars})) for step, scalars in points
              if 'loss' not in scalars]
    assert scored == [(3, ['segmentation']), (6, ['segmentation']), (9, ['depth', 'segmentation']),
                      (12, ['depth', 'segmentation']), (15, ['depth', 'normal', 'segmentation']),
                      (18, ['depth', 'normal', 'segmentation'])]
    of_phases = {step: scalars['phase'] for step, scalars in points if 'phase' in scalars}
    assert of_phases == {2: 1, 5: 1, 8: 2, 11: 2, 14: 3, 17: 3}
    assert {'loss', 'lr', 'images_per_second'} <= points[0][1].keys()


def test_the_log_files_keep_the_full_lines_and_the_phases_their_own_numbers(followed):
    run, _, _ = followed
    logs = ''.join(path.read_text() for path in run.rglob('*.log'))
    assert 'Epoch(train) [2][2/3]' in logs and 'Epoch(val)' in logs and 'phase 1/3 (segmentation)' not in logs
    assert {path.relative_to(run).parts[0] for path in run.rglob('scalars.json')} == set(FOLDERS)
    assert not (run / 'trackers.json').exists()  # a backend of one's own has no runs to continue


def test_the_lines_without_a_terminal_are_short_and_say_how_far_the_stream_is(tmp_path, data_root, capsys):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'DIS', log_level='INFO',
                        default_hooks__logger__interval=2)
    train_stream(cfg, until=2)
    out = capsys.readouterr().out
    lines = re.findall(r'^\d\d:\d\d:\d\d INFO (phase \d/3 \(.*)$', out, re.MULTILINE)
    progress = [line for line in lines if 'scores' not in line]
    assert [line.partition(', loss')[0] for line in progress] == [
        f'phase {phase}/3 ({task}): epoch {epoch}/2, iteration {iteration}/6'
        for phase, task in ((1, 'segmentation'), (2, 'depth')) for epoch, iteration in ((1, 2), (2, 5))]
    assert all(re.search(r', loss [\d.]+, [\d.]+ images/s, left: phase \d+ s, stream \d+ s$', line)
               for line in progress), progress
    assert max(map(len, progress)) < 130
    scores = [line for line in lines if 'scores' in line]
    assert len(scores) == 2 and re.match(r'phase 2/3 \(depth\), scores: segmentation mIoU [\d.]+, PixAcc [\d.]+; depth '
                                         r'AbsErr [\d.]+, RelErr [\d.]+$', scores[1])
    assert 'Epoch(' not in out


def test_only_the_first_process_tells(monkeypatch, tmp_path):
    monkeypatch.setattr('lhl.progress.stream_progress.is_main_process', lambda: False)
    monkeypatch.setattr('lhl.progress.stream_progress.is_terminal', lambda: 1 / 0)
    with StreamProgress(None, [('depth', )], [3]) as progress:
        progress.follow(None, 1, 0)  # no hook is registered
    assert progress.trackers is progress.display is None
