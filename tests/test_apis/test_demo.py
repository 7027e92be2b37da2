"""What the page shows, without the page; tests/test_package.py drives that in a browser."""
import socket

import cv2
import numpy as np
import pytest

from lhl.apis import Inferencer
from lhl.apis.demo import DemoModels, check_address, check_gradio
from lhl.errors import ConfigError, DataError, RunError
from lhl.evaluation import Results
from lhl.visualization.prediction_panel import draw_prediction, render_prediction


@pytest.fixture(scope='module')
def room(data_root, tmp_path_factory):
    path = tmp_path_factory.mktemp('room') / 'room.png'
    cv2.imwrite(str(path), (255 * np.load(data_root / 'val/image/0.npy')).astype(np.uint8)[..., ::-1])
    return path


def test_a_run_is_shown_as_lhl_predict_draws_it_with_the_tasks_that_the_phase_knew(finished, room, tmp_path):
    run = finished('HAD')[1]
    models = DemoModels([run])
    assert models.last_phase == 3
    titles, pictures = zip(*(models.panels(room, phase)[0] for phase in (1, 2, 3)), strict=True)
    assert titles == tuple(f'HAD after phase {text}' for text in (
        '1 of 3, knows segmentation', '2 of 3, knows segmentation and depth',
        '3 of 3, knows segmentation, depth and normal'))
    inferencer = Inferencer(run)
    prediction, = inferencer(room)
    draw_prediction(prediction.image, prediction.outputs, inferencer.tasks, tmp_path / 'drawn.png')
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'drawn.png'))[..., ::-1], pictures[2])
    first, = Inferencer(run / 'phase1_segmentation/phase.safetensors')(room)
    np.testing.assert_array_equal(render_prediction(first.image, first.outputs, inferencer.tasks, 2, {}), pictures[0])


def test_two_runs_share_the_scale_of_each_task(finished, room):
    runs = [finished(method)[1] for method in ('HAD', 'Vanilla')]
    models = DemoModels(runs)
    (one, had), (two, vanilla) = models.panels(room, 3)
    assert one.startswith('HAD after') and two.startswith('Vanilla after') and had.shape == vanilla.shape
    predictions = [Inferencer(run)(room)[0] for run in runs]
    depths = [prediction.outputs['depth'] for prediction in predictions]
    ends = dict(depth=(float(np.min(depths)), float(np.max(depths))))
    for prediction, picture in zip(predictions, (had, vanilla), strict=True):
        np.testing.assert_array_equal(picture, render_prediction(
            prediction.image, prediction.outputs, Inferencer(runs[0]).tasks, 2, ends))


def test_separate_models_are_those_that_had_been_trained_by_then(separate, room):
    models = DemoModels([separate])
    assert 'knows segmentation and depth' in models.panels(room, 2)[0].title
    assert set(Inferencer(separate, phase=2).tasks) == {'segmentation', 'depth'}


def test_what_cannot_be_shown_is_one_sentence(finished, room, tmp_path):
    run = finished('HAD')[1]
    with pytest.raises(RunError, match='is no folder, expected that of a run'):
        DemoModels([run / 'phase1_segmentation/phase.safetensors'])
    with pytest.raises(RunError, match='no finished phase 4, only 3 of them; choose one of these as `phase`'):
        Inferencer(run, phase=4)
    results = Results.load(run)
    results.phases = []
    (tmp_path / 'new').mkdir()
    results.save(tmp_path / 'new')
    with pytest.raises(RunError, match='new has not finished a phase yet'):
        DemoModels([tmp_path / 'new'])
    results = Results.load(run)
    results.stream = [*results.stream, 'edges']
    results.higher_is_better['edges'] = {'AbsErr': False}
    (tmp_path / 'other').mkdir()
    results.save(tmp_path / 'other')
    with pytest.raises(RunError, match='other learned segmentation, depth, normal, edges but .* show runs of one'):
        DemoModels([run, tmp_path / 'other'])
    models = DemoModels([run])
    (tmp_path / 'a.png').write_bytes(b'no picture')
    with pytest.raises(DataError, match="image 'a.png' cannot be used: found a file of 10 bytes that is not an image"):
        models.panels(tmp_path / 'a.png', 1)
    with pytest.raises(DataError, match='a.gif is no image that can be read, expected one of .png'):
        models.panels(tmp_path / 'a.gif', 1)


def test_an_address_is_refused_before_anything_is_loaded():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f'port {port} of 127.0.0.1 is in use; give another one, such as '
                                              f'`port=[0-9]+`'):
            check_address('127.0.0.1', port)
    check_address('127.0.0.1', port)
    with pytest.raises(ConfigError, match='`port=70000` is not possible, expected 1 to 65535'):
        check_address('127.0.0.1', 70000)
    with pytest.raises(ConfigError, match='`host=192.0.2.1` cannot be used'):  # of no machine (RFC 5737)
        check_address('192.0.2.1', port)


@pytest.mark.parametrize('found, sentence', [(None, 'needs gradio, not installed here'), ('5.1', '6, found 5.1')])
def test_a_missing_gradio_is_named_with_the_command(monkeypatch, found, sentence):
    from importlib.metadata import PackageNotFoundError

    def version(name):
        if found is None:
            raise PackageNotFoundError(name)
        return found
    monkeypatch.setattr('lhl.apis.demo.server.version', version)
    with pytest.raises(ConfigError, match=sentence + r".*install it with pip install 'lhl\[demo\]'"):
        check_gradio()
