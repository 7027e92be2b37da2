import pytest
import torch
from test_engine.tiny_stream import STREAM, stream_config

from lhl.apis import write_report
from lhl.apis.inference import load_learners
from lhl.engine import train_stream


@pytest.fixture
def separate(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'separate', 'Vanilla', train_cfg__max_epochs=1)
    cfg.method = dict(type='SingleTask')
    train_stream(cfg)
    return tmp_path / 'separate'


def test_a_run_is_its_last_learner_or_its_separate_models(finished, separate):
    learner, = load_learners(finished('Vanilla')[1])
    assert list(learner.tasks) == list(STREAM)
    assert [list(learner.tasks) for learner in load_learners(separate)] == [[name] for name in reversed(STREAM)]


def test_the_panel_has_every_task_of_every_run(finished, separate, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr('lhl.apis.report.draw_panel', lambda views, tasks, path: drawn.append((views, tasks)))
    table = write_report([separate, finished('Vanilla')[1]], tmp_path / 'report', num_views=2)
    assert 'SingleTask' in table and (tmp_path / 'report/curves.png').stat().st_size > 1000
    (views, tasks), = drawn
    assert len(views) == 2 and list(tasks) == list(STREAM)
    for view in views:
        assert list(view.targets) == list(STREAM)
        assert {name: set(of_run) for name, of_run in view.predictions.items()} == {
            'SingleTask': set(STREAM), 'Vanilla': set(STREAM)}
    # Each task is predicted by its own model.
    first = load_learners(separate)[-1]
    image = torch.from_numpy(views[0].image).permute(2, 0, 1)[None]
    logits = first(first.data_preprocessor(dict(inputs=image))['inputs'])['segmentation']
    assert (logits.argmax(1)[0].numpy() == views[0].predictions['SingleTask']['segmentation']).all()
