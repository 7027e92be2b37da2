import sys

import pytest

from lhl.cli import main


def test_it_says_where_the_file_is_how_far_it_is_from_the_model_and_what_comes_next(monkeypatch, capfd, finished,
                                                                                    tmp_path):
    monkeypatch.setattr(sys, 'argv', ['lhl', 'export', str(finished('HAD')[1]), '--format', 'mmseg', '--out',
                                      str(tmp_path / 'out')])
    main()
    lines = capfd.readouterr().out.splitlines()
    assert lines[-3].startswith('segmentation: the largest difference from the model is ')
    assert lines[-2] == f'written: {tmp_path / "out/segmentor.py"}'
    assert lines[-1].startswith('next: mmseg.apis.init_model(')


def test_a_missing_task_is_one_sentence_about_the_flag(monkeypatch, capfd, finished, tmp_path):
    monkeypatch.setattr(sys, 'argv', ['lhl', 'export', str(finished('HAD')[1]), '--format', 'mmseg', '--out',
                                      str(tmp_path), '--tasks', 'depth'])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert capfd.readouterr().err == ('error: --format mmseg takes one segmentation, found none among depth; name one '
                                      'with --tasks, or use another --format\n')
