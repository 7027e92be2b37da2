import pickle
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from lhl.errors import CheckpointError
from lhl.weight_files import content_digest, no_pickled_code, read_checkpoint, write_checkpoint


class Bomb:
    """Pickles to a call that makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path, )


# ---- reading -------------------------------------------------------------------------------------------------------

def test_what_is_written_is_read(tmp_path):
    write_checkpoint(dict(state_dict=dict(a=torch.arange(3.0)), note='text', number=3), tmp_path / 'a.pth')
    found = read_checkpoint(tmp_path / 'a.pth')
    assert found['note'] == 'text' and found['number'] == 3
    assert torch.equal(found['state_dict']['a'], torch.tensor([0.0, 1.0, 2.0]))


def careless_load(path):
    return torch.load(path, weights_only=False)


@pytest.mark.parametrize('save, load', [
    (lambda bomb, path: path.write_bytes(pickle.dumps(bomb, protocol=2)), lambda path: pickle.loads(path.read_bytes())),
    (lambda bomb, path: torch.save(dict(state_dict={}, extra=bomb), path), careless_load),
    (lambda bomb, path: torch.save(bomb, path, _use_new_zipfile_serialization=False), careless_load),
], ids=['pickle', 'torch zip', 'torch legacy'])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, save, load):
    save(Bomb(tmp_path / 'ran'), tmp_path / 'bad.pth')
    with pytest.raises(CheckpointError, match='that could run code|cannot be read'):
        read_checkpoint(tmp_path / 'bad.pth')
    assert not (tmp_path / 'ran').exists()
    load(tmp_path / 'bad.pth')  # the bomb is a live one
    assert (tmp_path / 'ran').exists()


def test_the_refusal_names_what_would_be_imported_and_no_way_to_load_it_unsafely(tmp_path):
    torch.save(dict(state_dict={}, thing=Namespace(a=1)), tmp_path / 'object.pth')
    with pytest.raises(CheckpointError) as refusal:
        read_checkpoint(tmp_path / 'object.pth')
    assert '(found argparse.Namespace); save it again as a state_dict' in str(refusal.value)
    assert 'weights_only' not in str(refusal.value)


@pytest.mark.parametrize('thing', [nn.Linear(2, 2), Namespace(a=1), print], ids=['module', 'object', 'function'])
def test_objects_are_refused_with_a_cure(tmp_path, thing):
    torch.save(dict(state_dict={}, thing=thing), tmp_path / 'object.pth')
    with pytest.raises(CheckpointError, match='save it again as a state_dict'):
        read_checkpoint(tmp_path / 'object.pth')


def test_a_truncated_file_is_named_wherever_it_ends(tmp_path):
    path = tmp_path / 'whole.pth'
    write_checkpoint(dict(state_dict={str(i): torch.randn(5, 5) for i in range(4)}, text='x' * 50), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match='whole.pth'):
            read_checkpoint(path)


@pytest.mark.parametrize('content', [b'', b'hello\n', b'PK\x03\x04', b'\x80\x02', b'{"a": 1}', bytes(range(256)) * 9])
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    (tmp_path / 'not.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match='not.pth'):
        read_checkpoint(tmp_path / 'not.pth')


def test_a_bare_tensor_and_a_missing_file_are_named(tmp_path):
    torch.save(torch.zeros(3), tmp_path / 'tensor.pth')
    with pytest.raises(CheckpointError, match='holds a Tensor, expected a dict'):
        read_checkpoint(tmp_path / 'tensor.pth')
    with pytest.raises(CheckpointError, match='nothing.pth does not exist'):
        read_checkpoint(tmp_path / 'nothing.pth')


# ---- writing -------------------------------------------------------------------------------------------------------

def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    write_checkpoint(dict(state_dict=dict(a=torch.zeros(2))), path)
    before = path.read_bytes()

    def full_disk(checkpoint, file):
        file.write(b'half of it')
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(torch, 'save', full_disk)
    with pytest.raises(OSError, match='No space left'):
        write_checkpoint(dict(state_dict=dict(a=torch.ones(2))), path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ['epoch_1.pth']


# ---- the file of a phase ---------------------------------------------------------------------------------------------

def phase(**state):
    return dict(state_dict={'b.weight': torch.randn(4, 3, 2, 2), 'a.bias': torch.arange(3)}, method=state,
                lhl=dict(version=1, phase=2, tasks=['depth'], model='{"type": "Learner"}', config='{}'))


def test_the_file_of_a_phase_gives_back_what_was_written_in_order_and_layout(tmp_path):
    half = torch.randn(6, 2, 3, 3)
    written = phase(**{'2.image': half[:3].to(memory_format=torch.channels_last), '1.image': half[3:], '0': half[3:],
                       'count': torch.tensor(7), 'mask': torch.tensor([True, False]), 'none': torch.zeros(0, 4),
                       'flat': torch.zeros(5, 4, 1, 1).to(memory_format=torch.channels_last)})
    write_checkpoint(written, tmp_path / 'phase.safetensors')
    found = read_checkpoint(tmp_path / 'phase.safetensors')
    assert found['lhl'] == written['lhl'] and set(found) == set(written)
    for part in ('state_dict', 'method'):
        assert list(found[part]) == list(written[part])
        for name, tensor in written[part].items():
            assert torch.equal(found[part][name], tensor) and found[part][name].dtype == tensor.dtype
            assert found[part][name].stride() == tensor.stride() or tensor.numel() == 0, name


def test_others_read_the_weights_of_a_phase_without_lhl(tmp_path):
    written = phase(draws=torch.tensor(3))
    write_checkpoint(written, tmp_path / 'phase.safetensors')
    found = safetensors.torch.load_file(tmp_path / 'phase.safetensors')
    assert set(found) == {'a.bias', 'b.weight', 'method.draws'}
    assert torch.equal(found['b.weight'], written['state_dict']['b.weight'])


def test_weights_that_others_saved_with_safetensors_are_a_state_dict(tmp_path):
    safetensors.torch.save_file(dict(a=torch.ones(2)), tmp_path / 'weights.safetensors')
    assert torch.equal(read_checkpoint(tmp_path / 'weights.safetensors')['state_dict']['a'], torch.ones(2))


@pytest.mark.parametrize('layout', ['["b.weight", "nothing"]', '["a.bias"]', '3', '[["b.weight"]]', 'null'])
def test_a_layout_that_cannot_be_is_refused_although_the_digest_is_right(tmp_path, layout):
    path = tmp_path / 'phase.safetensors'
    write_checkpoint(phase(), path)
    with safetensors.safe_open(path, framework='pt') as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in ('b.weight', 'a.bias')}
    metadata.pop('sha256')
    metadata['channels_last'] = layout
    metadata['sha256'] = content_digest([dict(sorted(metadata.items())), tensors])
    safetensors.torch.save_file(tensors, path, metadata)
    with pytest.raises(CheckpointError, match='cannot be read'):
        read_checkpoint(path)


# ---- digests ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('name', ['phase.safetensors', 'epoch_1.pth'])
def test_no_flipped_bit_is_read_as_something_else(name, tmp_path):
    """Every byte of a small file, one bit each: it is refused, or gives what was written."""
    written, path = phase(draws=torch.tensor(3)), tmp_path / name
    write_checkpoint(written, path)
    whole, digest, refused = path.read_bytes(), content_digest(written), 0
    generator = np.random.default_rng(0)
    for position in range(0, len(whole), 1 if path.suffix == '.safetensors' else 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            found = read_checkpoint(path, needs_digest=True)
        except CheckpointError:
            refused += 1
        else:
            assert content_digest(found) == digest, position
    assert refused > 100


def test_a_file_without_a_digest_is_read_only_where_none_is_needed(tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(2))), tmp_path / 'before.pth')
    assert torch.equal(read_checkpoint(tmp_path / 'before.pth')['state_dict']['a'], torch.ones(2))
    with pytest.raises(CheckpointError, match='has no digest'):
        read_checkpoint(tmp_path / 'before.pth', needs_digest=True)


@pytest.mark.parametrize('other', [
    dict(a=1), dict(a=1.0, b=2), dict(a=[1, 2]), dict(a=(1, 2)), dict(a=torch.tensor([1, 2])), dict(a='1'),
    dict(a=torch.tensor([1, 2], dtype=torch.int32)), dict(a=True), dict(b=2, a=1)])
def test_different_content_has_different_digests(other):
    assert content_digest(other) != content_digest(dict(a=1, b=2))


# ---- plain values ----------------------------------------------------------------------------------------------------

def test_only_tensors_and_plain_values_are_written(tmp_path):
    write_checkpoint(dict(a=np.float64(1.5), b=(np.int64(2), nn.Parameter(torch.ones(1)))), tmp_path / 'a.pth')
    found = read_checkpoint(tmp_path / 'a.pth')
    assert type(found['a']) is float and found['b'][0] == 2 and type(found['b'][1]) is torch.Tensor
    for thing in (Namespace(a=1), np.zeros(2), print):
        with pytest.raises(CheckpointError, match=r'hook.b\[0\] of a checkpoint is a '):
            write_checkpoint(dict(hook=dict(b=[thing])), tmp_path / 'b.pth')
    assert not (tmp_path / 'b.pth').exists()


def test_mmengine_loads_as_before_once_the_block_is_left(tmp_path):
    from mmengine.runner import checkpoint
    before = checkpoint._safe_torch_load
    torch.save(dict(a=torch.ones(1)), tmp_path / 'a.pth')
    with no_pickled_code():
        assert torch.equal(checkpoint.load_from_local(str(tmp_path / 'a.pth'), 'cpu')['a'], torch.ones(1))
        assert checkpoint._safe_torch_load is not before
    assert checkpoint._safe_torch_load is before
