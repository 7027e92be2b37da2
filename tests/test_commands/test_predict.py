import json

import cv2
import numpy as np
import pytest

from lhl.cli import main


@pytest.fixture
def predict(monkeypatch, capfd):
    """Run the command in this process; its exit code, stdout and stderr."""
    def run(*arguments):
        monkeypatch.setattr('sys.argv', ['lhl'])
        with pytest.raises(SystemExit) as end:
            main('predict', *map(str, arguments))
        return end.value.code, *capfd.readouterr()
    return run


def test_a_folder_is_predicted_and_what_cannot_be_read_is_said_at_the_end(predict, finished, data_root, tmp_path):
    image = np.load(data_root / 'val' / 'image' / '0.npy')
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in' / 'room.png'), (255 * image).astype(np.uint8)[..., ::-1])
    (tmp_path / 'in' / 'broken.png').write_bytes(b'no picture')
    code, stdout, stderr = predict(finished('HAD')[1], tmp_path / 'in', '--out', tmp_path / 'out', '--format', 'panel',
                                   'npy')
    assert code == 1
    errors = [line for line in stderr.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1 and 'broken.png' in errors[0]
    assert list(json.loads((tmp_path / 'out' / 'predictions.json').read_text())['images']) == ['room']
    assert (tmp_path / 'out' / 'panel' / 'room.png').exists() and (tmp_path / 'out' / 'depth' / 'room.npy').exists()
    assert str(tmp_path / 'out' / 'predictions.json') in stdout and 'next: ' in stdout


def test_an_impossible_size_is_one_sentence_about_the_flag(predict, finished, tmp_path):
    code, _, stderr = predict(finished('HAD')[1], tmp_path, '--out', tmp_path / 'out', '--image-size', '3')
    assert code == 1 and stderr == ('error: --image-size 3 is not possible, expected two whole numbers, height and '
                                    'width, or own\n')
    assert not (tmp_path / 'out').exists()
