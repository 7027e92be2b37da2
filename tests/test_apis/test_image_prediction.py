import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from test_engine.tiny_stream import ROOT, STREAM

from lhl.apis import Inferencer, load_learner, predict
from lhl.apis.image_prediction import _windows
from lhl.apis.image_sources import count_frames, frames_of
from lhl.errors import CheckpointError, ConfigError, DataError
from lhl.evaluation import Results
from lhl.weight_files import read_checkpoint, write_checkpoint


@pytest.fixture
def run(finished):
    return finished('HAD')[1]


@pytest.fixture
def images(data_root):
    return [np.load(path) for path in sorted((data_root / 'val' / 'image').iterdir())]


@pytest.fixture
def changed(run, tmp_path):
    """The last checkpoint of the run with another description."""
    def write(**description):
        checkpoint = read_checkpoint(run / 'phase3_normal' / 'phase.safetensors')
        checkpoint['lhl'] = {key: value for key, value in {**checkpoint['lhl'], **description}.items()
                             if value is not None}
        write_checkpoint(checkpoint, tmp_path / 'changed.safetensors')
        return tmp_path / 'changed.safetensors'
    return write


def write_pictures(folder, images, suffix='.png'):
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f'{number}{suffix}'), (255 * image).round().astype(np.uint8)[..., ::-1])


def test_the_lines_of_python_of_the_readme_run(run, images, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / 'work_dirs/my_rooms')
    write_pictures(tmp_path / 'photos', images)
    monkeypatch.chdir(tmp_path)
    code, = re.findall(r'```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.S)
    names = {}
    exec(code, names)
    assert names['depth'].shape == images[0].shape[:2] and names['depth'].dtype == 'float32' and names['unit'] == 'm'
    assert len([line for line in code.splitlines() if line]) <= 5


# ---- the same as the validation --------------------------------------------------------------------------------------

def test_predictions_are_those_of_the_validation_bit_for_bit(run, images):
    predictions = Inferencer(run, batch_size=2)(images)
    learner = load_learner(run)
    for first in (0, 2):
        batch = torch.from_numpy(np.stack(images[first:first + 2]).transpose(0, 3, 1, 2).copy())
        for name, expected in predict(learner, batch).items():
            for prediction, target in zip(predictions[first:first + 2], expected.numpy(), strict=True):
                theirs = target if target.ndim == 2 else target.transpose(1, 2, 0).squeeze()
                assert prediction.outputs[name].dtype == target.dtype
                assert (prediction.outputs[name] == theirs).all()


def test_the_error_of_the_predictions_is_the_one_that_was_recorded(run, images, data_root):
    depths = [np.load(path) for path in sorted((data_root / 'val' / 'depth').iterdir())]
    errors = [np.abs(prediction.outputs['depth'] - depth.squeeze())[depth.squeeze() != 0]
              for prediction, depth in zip(Inferencer(run)(images), depths, strict=True)]
    recorded = Results.load(run).phases[-1].metrics['depth']['AbsErr']
    assert np.concatenate(errors).astype(np.float64).mean() == pytest.approx(recorded, rel=1e-5)


def test_separate_models_predict_their_own_tasks_in_one_call(separate, images):
    prediction, = Inferencer(separate)(images[:1])
    assert set(prediction.outputs) == set(STREAM)
    last = Results.load(separate).phases[0].checkpoint
    alone, = Inferencer(separate / last)(images[:1])
    assert list(alone.outputs) == ['segmentation']
    assert (alone.outputs['segmentation'] == prediction.outputs['segmentation']).all()


# ---- the size --------------------------------------------------------------------------------------------------------

def test_an_enlarged_image_is_seen_at_the_size_of_the_validation(run, images):
    """An image doubled pixel by pixel is predicted much as it was; left at its size, it is another scene."""
    doubled = images[0].repeat(2, axis=0).repeat(2, axis=1)
    inferencer, own = Inferencer(run), Inferencer(run, image_size=None)
    seen = []
    for one in (inferencer, own):
        one._passes[0].learner.backbone.register_forward_pre_hook(
            lambda module, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    outputs = inferencer([doubled])[0].outputs
    own([doubled])
    assert seen == [(32, 48), (64, 96)]
    assert outputs['depth'].shape == outputs['segmentation'].shape == (64, 96)
    assert outputs['normal'].shape == (64, 96, 3)
    np.testing.assert_allclose(np.linalg.norm(outputs['normal'], axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize('shape, seen', [((64, 96), (32, 48)), ((40, 40), (39, 39)), ((20, 120), (16, 96))])
def test_the_shape_is_kept_and_the_number_of_pixels_is_that_of_the_validation(run, shape, seen):
    """32 x 48 are 1536 pixels: 39 x 39 are 1521, and 16 x 96 are 1536 of a panorama."""
    inferencer, sizes = Inferencer(run), []
    inferencer._passes[0].learner.backbone.register_forward_pre_hook(
        lambda module, inputs: sizes.append(tuple(inputs[0].shape[-2:])))
    prediction, = inferencer([np.full((*shape, 3), 100, np.uint8)])
    assert sizes == [seen] and prediction.outputs['depth'].shape == shape


def test_images_of_many_sizes_and_types_come_back_in_their_order(run):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (32, 48, 3), np.uint8), rng.random((32, 48, 3), np.float32),
              rng.integers(0, 65536, (16, 20, 3), np.uint16), rng.random((32, 48, 3))]
    predictions = Inferencer(run, batch_size=3)(arrays)
    assert [prediction.name for prediction in predictions] == ['0000', '0001', '0002', '0003']
    assert [prediction.outputs['depth'].shape for prediction in predictions] == [array.shape[:2] for array in arrays]
    np.testing.assert_allclose(predictions[2].image, arrays[2] / 65535, rtol=1e-6)
    assert predictions[0].units == dict(segmentation='', depth='m', normal='')


def test_the_size_travels_with_the_checkpoint(run, changed):
    assert read_checkpoint(run / 'phase3_normal' / 'phase.safetensors')['lhl']['image_sizes'] == {
        name: [32, 48] for name in STREAM}
    assert Inferencer(changed(image_sizes=dict(segmentation=[16, 24], depth=None)))._passes[0].size == (16, 24)


def test_tasks_that_were_scored_at_different_sizes_are_prepared_each_in_its_own_way(changed, images):
    inferencer = Inferencer(changed(image_sizes=dict(segmentation=[32, 48], depth=[16, 24])))
    assert [(one.tasks, one.size) for one in inferencer._passes] == [
        (('segmentation', ), (32, 48)), (('depth', ), (16, 24)), (('normal', ), None)]
    assert set(inferencer(images[:1])[0].outputs) == set(STREAM)


def test_a_checkpoint_of_before_is_looked_up_in_its_data(changed, data_root):
    assert [one.size for one in Inferencer(changed(image_sizes=None))._passes] == [(32, 48)]


@pytest.mark.parametrize('sizes', [[32, 48], 'big', dict(depth=[0, 4]), dict(depth=[4]), dict(depth=[4, True]),
                                   dict(depth=[10**9, 10**9]), dict(depth='ab')])
def test_impossible_sizes_in_a_file_are_refused(changed, sizes):
    with pytest.raises(CheckpointError, match='scored on images of the sizes'):
        Inferencer(changed(image_sizes=sizes))


# ---- windows and precision -------------------------------------------------------------------------------------------

@pytest.mark.parametrize('length, window', [(10, 10), (9, 10), (11, 10), (100, 30), (31, 7), (5, 1), (64, 63)])
def test_windows_cover_a_side_and_overlap_by_a_third(length, window):
    found = _windows(length, window)
    assert found[0].start == 0 and found[-1].stop == min(length, max(length, window)) == length
    assert all(part.stop - part.start == min(window, length) for part in found)
    overlaps = [before.stop - after.start for before, after in zip(found, found[1:], strict=False)]
    assert all(overlap >= window // 3 for overlap in overlaps)


def test_a_window_as_large_as_the_image_changes_nothing(run, images):
    whole, = Inferencer(run)(images[:1])
    window, = Inferencer(run, window=(32, 48))(images[:1])
    assert all((whole.outputs[name] == window.outputs[name]).all() for name in STREAM)


def test_overlapping_windows_are_averaged(run, images):
    """Two windows of 32 columns: the first 16 columns are the left one's alone, the next 16 the mean of both."""
    inferencer = Inferencer(run, tasks=['depth'], window=(32, 32))
    learner = inferencer._passes[0].learner
    image = torch.from_numpy(images[0].transpose(2, 0, 1).copy())[None]
    inputs = learner.data_preprocessor(dict(inputs=image))['inputs']
    left, right = (learner(inputs[..., part])['depth'][0, 0] for part in (slice(0, 32), slice(16, 48)))
    depth = torch.from_numpy(inferencer(images[:1])[0].outputs['depth'])
    torch.testing.assert_close(depth[:, :16], left[:, :16])
    torch.testing.assert_close(depth[:, 16:32], (left[:, 16:] + right[:, :16]) / 2)
    torch.testing.assert_close(depth[:, 32:], right[:, 16:])


def test_half_precision_is_close(run, images):
    full, = Inferencer(run)(images[:1])
    half, = Inferencer(run, precision='bfloat16')(images[:1])
    assert 0 < np.abs(full.outputs['depth'] - half.outputs['depth']).max() < 0.05 * np.abs(full.outputs['depth']).max()


# ---- where images come from ------------------------------------------------------------------------------------------

def test_folders_files_and_videos_are_found_in_order(run, images, tmp_path):
    write_pictures(tmp_path / 'pictures' / 'b', images[:1])
    write_pictures(tmp_path / 'pictures' / 'a', images[:2], '.jpg')
    (tmp_path / 'pictures' / 'notes.txt').write_text('no image')
    video = cv2.VideoWriter(str(tmp_path / 'v.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (48, 32))
    for image in images[:3]:
        video.write((255 * image).astype(np.uint8)[..., ::-1].copy())
    video.release()
    sources = [tmp_path / 'pictures', tmp_path / 'v.avi', str(tmp_path / 'pictures' / 'b' / '0.png')]
    assert count_frames(sources) == 7
    assert [frame.name for frame in frames_of(sources)] == [
        'a/0', 'a/1', 'b/0', 'v/000001', 'v/000002', 'v/000003', '0']
    predictions = Inferencer(run)(sources)
    assert (predictions[2].image == predictions[6].image).all()
    assert np.abs(predictions[3].image - images[0]).mean() < 0.2  # compressed


def test_equal_names_stay_apart(images, tmp_path):
    write_pictures(tmp_path / 'a', images[:1])
    write_pictures(tmp_path / 'a', images[:1], '.jpg')
    write_pictures(tmp_path / 'b', images[:1])
    assert [frame.name for frame in frames_of([tmp_path / 'a', tmp_path / 'b'])] == ['0', '0_2', '0_3']
    (tmp_path / 'b/0.png').rename(tmp_path / 'b/0_2.png')  # a name that an image has been given before
    assert [frame.name for frame in frames_of([tmp_path / 'a', tmp_path / 'b'])] == ['0', '0_2', '0_2_2']


@pytest.mark.parametrize('make, message', [
    (lambda folder: folder / 'nothing', 'does not exist'), (lambda folder: folder, 'holds no image'),
    (lambda folder: [3], 'number 0 is a int'), (lambda folder: np.zeros((4, 4)), r'found shape \(4, 4\)'),
    (lambda folder: np.full((4, 4, 3), np.nan, np.float32), 'NaN'),
    (lambda folder: np.zeros((4, 4, 3), np.int32), 'int32'),
    (lambda folder: _written(folder / 'a.txt', b'text'), 'no file that can be predicted'),
    (lambda folder: _written(folder / 'a.mp4', b'no video'), 'no video that OpenCV can read'),
    (lambda folder: _written(folder / 'a.png', b'\x89PNG\r\n\x1a\n'), "a.png' cannot be used: found a file of 8 bytes"),
])
def test_what_is_no_image_is_refused_in_a_sentence(run, tmp_path, make, message):
    with pytest.raises(DataError, match=message):
        Inferencer(run)(make(tmp_path))


def test_a_fifo_called_like_a_video_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.mp4')
    with pytest.raises(DataError, match='is a FIFO, expected a regular file'):
        count_frames([tmp_path / 'a.mp4'])


def _written(path, content):
    Path(path).write_bytes(content)
    return path


def test_an_unreadable_image_is_left_out_where_that_is_asked_for(run, images, tmp_path):
    write_pictures(tmp_path, images[:2])
    (tmp_path / '0a.png').write_bytes(b'')
    failures = []
    names = [prediction.name for prediction in Inferencer(run).predict(frames_of(tmp_path), failures.append)]
    assert names == ['0', '1']
    assert '0a.png' in str(failures[0]) and len(failures) == 1


# ---- options ---------------------------------------------------------------------------------------------------------

def test_only_the_named_tasks_run(run, images):
    inferencer = Inferencer(run, tasks=['normal', 'depth'])
    assert list(inferencer(images[:1])[0].outputs) == ['normal', 'depth']


@pytest.mark.parametrize('options, message', [
    (dict(tasks=['depht']), "does not predict 'depht'; did you mean 'depth'"),
    (dict(precision='half'), 'precision=half'), (dict(batch_size=0), 'batch_size=0'),
    (dict(image_size=(0, 3)), 'image_size='), (dict(image_size='big'), 'image_size=big'),
    (dict(window=(3, )), 'window='), (dict(device='gpu'), 'device=gpu'),
    (dict(device='meta'), 'device=meta'), (dict(window=(True, 2)), 'window=')])
def test_impossible_options_are_refused(run, options, message):
    with pytest.raises(ConfigError, match=message):
        Inferencer(run, **options)
