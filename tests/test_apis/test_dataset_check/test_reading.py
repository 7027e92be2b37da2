from lhl.apis import check_dataset
from lhl.datasets import FolderDataset

from .rooms_on_disk import config


def test_an_error_that_nobody_foresaw_is_one_more_line(root, tmp_path, monkeypatch):
    original = FolderDataset.load_target

    def load_target(self, sample, task):
        if (sample, task.name) == ('2', 'depth'):
            raise ZeroDivisionError('oh')
        return original(self, sample, task)
    monkeypatch.setattr(FolderDataset, 'load_target', load_target)
    report = check_dataset(config(root), tmp_path / 'out', workers=0)
    problem, = report.problems
    assert 'depth/2.png' in problem.sentence and 'ZeroDivisionError: oh' in problem.sentence
