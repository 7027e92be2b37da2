"""The exported segmentor in mmsegmentation's own test loop, as docs/export.md describes it: the same mIoU."""
import re

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from test_engine.tiny_stream import ROOT

from lhl.apis import export_model, test_learner


@pytest.fixture
def pictures(data_root, tmp_path):
    """The validation images in 8 bits, in the folders of lhl and as the pictures that mmsegmentation reads."""
    for path in (data_root / 'val/image').iterdir():
        picture = (255 * np.load(path)).round().astype(np.uint8)
        label = np.load(data_root / 'val/label' / path.name)
        for folder, array in dict(image=picture / np.float32(255), label=label,
                                  depth=np.load(data_root / 'val/depth' / path.name),
                                  normal=np.load(data_root / 'val/normal' / path.name)).items():
            (tmp_path / 'lhl/val' / folder).mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / 'lhl/val' / folder / path.name, array)
        for folder, array in dict(images=picture[..., ::-1],
                                  labels=np.where(label < 0, 255, label).astype(np.uint8)).items():
            (tmp_path / 'data' / folder).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(tmp_path / 'data' / folder / f'{path.stem}.png'), array)
    return tmp_path


@pytest.mark.slow
def test_its_test_loop_finds_the_same_miou(finished, pictures, monkeypatch):
    from mmseg.evaluation import IoUMetric
    _, run = finished('HAD')
    ours = test_learner(run, {'val_dataloader.dataset.data_root': str(pictures / 'lhl')})['segmentation']['mIoU']
    export_model(run, pictures / 'exported', 'mmseg')
    monkeypatch.chdir(pictures)
    page = (ROOT / 'docs/export.md').read_text()
    score = re.search(r"```python\n# score\.py\n(.*?)```", page, re.DOTALL)[1]
    (pictures / 'score.py').write_text(score)
    counts = []
    own = IoUMetric.compute_metrics
    monkeypatch.setattr(IoUMetric, 'compute_metrics', lambda self, results: (counts.extend(results),
                                                                             own(self, results))[1])
    cfg = Config.fromfile('score.py')
    cfg.test_dataloader.num_workers = 0
    with DefaultScope.overwrite_default_scope('mmseg'):
        theirs = Runner.from_cfg(cfg).test()['mIoU']
    intersect, union = (np.sum([count[index].numpy() for count in counts], axis=0, dtype=np.float64)
                        for index in (0, 1))
    exact = 100 * np.nanmean(np.where(union, intersect / np.where(union, union, 1), np.nan))
    assert len(counts) == 4 and abs(exact - ours) < 1e-6  # counts are whole numbers: nothing is rounded on the way
    assert abs(theirs - ours) <= 0.005 + 1e-9  # it prints two digits
