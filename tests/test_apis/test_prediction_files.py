import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lhl.apis.image_prediction import Prediction
from lhl.apis.prediction_files import PredictionWriter, encode_png
from lhl.errors import ConfigError
from lhl.tasks import build_tasks

TASKS = build_tasks(dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=3, classes=['wall', 'a$b', 'floor']),
    depth=dict(type='DepthEstimation'), normal=dict(type='SurfaceNormalEstimation'),
    edges=dict(type='EdgeEstimation'), curvature=dict(type='PrincipalCurvatureEstimation')))


def prediction(name='room/1', size=(6, 8)):
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(*size, 3)).astype(np.float32)
    return Prediction(
        name, rng.random((*size, 3), np.float32),
        dict(segmentation=rng.integers(0, 3, size), depth=rng.random(size, np.float32) * 5,
             normal=normals / np.linalg.norm(normals, axis=-1, keepdims=True),
             edges=rng.random(size, np.float32) * 60000, curvature=rng.normal(size=(*size, 2)).astype(np.float32)),
        {name: task.unit for name, task in TASKS.items()})


def write(tmp_path, *formats):
    writer, predicted = PredictionWriter(tmp_path, TASKS, formats), prediction()
    writer.write(predicted)
    return predicted, json.loads(writer.close().read_text())


def decode(path, entry):
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    values = stored if stored.ndim == 2 else stored[..., ::-1]
    return values if 'scale' not in entry else entry['offset'] + entry['scale'] * values.astype(np.float64)


def test_the_numbers_are_written_as_they_are(tmp_path):
    predicted, document = write(tmp_path, 'npy')
    entries = document['images']['room/1']
    assert document['classes'] == dict(segmentation=['wall', 'a$b', 'floor'])
    assert (entries['depth']['unit'], 'unit' in entries['segmentation']) == ('m', False)
    for name, output in predicted.outputs.items():
        assert (np.load(tmp_path / entries[name]['npy']) == output).all()
    assert sorted(path.suffix for path in tmp_path.rglob('*.*')) == ['.json'] + 5 * ['.npy']


def test_a_png_holds_the_numbers_to_half_a_step(tmp_path):
    """Half a millimetre of depth, half a count, and of normals 2 / 65535 / 2."""
    predicted, document = write(tmp_path, 'png')
    entries = document['images']['room/1']
    for name, tolerance in dict(segmentation=0, depth=0.0005, edges=0.5, normal=1 / 65535).items():
        found = decode(tmp_path / entries[name]['png'], entries[name])
        assert np.abs(found - predicted.outputs[name]).max() <= tolerance + 1e-6
    assert entries['depth']['scale'] == 0.001 and entries['depth']['offset'] == 0
    assert 'curvature' not in entries  # no picture has two channels


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_any_numbers_come_back_to_half_a_step_of_their_range(values):
    task = build_tasks(dict(d=dict(type='DisparityEstimation')))['d']
    stored, decoding = encode_png(values, task)
    step = max(float(values.max()) - float(values.min()), 0) / 65535
    found = decoding['offset'] + decoding['scale'] * stored.astype(np.float64)
    assert stored.dtype == np.uint16 and np.abs(found - values).max() <= step / 2 * (1 + 1e-6) + 1e-9


def test_more_classes_than_a_byte_holds_take_two():
    tasks = build_tasks({str(count): dict(type='SemanticSegmentation', num_classes=count) for count in (256, 257)})
    classes = np.array([[0, 255]])
    assert encode_png(classes, tasks['256'])[0].dtype == np.uint8
    assert encode_png(classes, tasks['257'])[0].dtype == np.uint16


def test_the_panel_shows_the_image_and_each_task(tmp_path):
    predicted, document = write(tmp_path, 'panel')
    picture = cv2.imread(str(tmp_path / document['images']['room/1']['panel']))
    colours = {tuple(colour) for colour in picture[..., ::-1].reshape(-1, 3).tolist()}
    seen = np.unique(predicted.outputs['segmentation'])
    assert all(tuple(TASKS['segmentation'].palette[index].tolist()) in colours for index in seen)
    assert picture.shape[1] > 4 * picture.shape[0] and len(colours) > 50


def test_an_image_called_like_a_task_overwrites_nothing(tmp_path):
    writer = PredictionWriter(tmp_path, TASKS, ['panel', 'png', 'npy'])
    for name in ('1', 'depth/1', 'segmentation/depth/1'):
        writer.write(prediction(name))
    files = [path for entry in writer.written.values() for value in entry.values()
             for path in ([value] if isinstance(value, str) else [value.get('png'), value.get('npy')]) if path]
    assert len(files) == len(set(files)) == 3 * (1 + 4 + 5) and all((tmp_path / path).exists() for path in files)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'pngs', which is unknown; did you mean 'png'"):
        PredictionWriter(tmp_path, TASKS, ['pngs'])


def test_no_folder_is_refused():
    with pytest.raises(ConfigError, match='`out` is empty, expected the folder to write to'):
        PredictionWriter('', TASKS)
