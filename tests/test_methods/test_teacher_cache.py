import errno
import itertools
import re
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lhl.datasets import DenseDataset, EpochSampler, collate_samples
from lhl.errors import ConfigError
from lhl.methods import Teacher, TeacherOptions
from lhl.models import Batch, DensePreprocessor

from .conftest import SIZE, make_learner
from .training import in_two_processes

TASKS = ['segmentation', 'depth']
FLIP = [dict(type='RandomHorizontalFlip'), dict(type='PackSample')]


class Pictures(DenseDataset):
    """Pictures in memory; an image may be of another size."""

    SPLITS = ('train', )
    sizes = {}

    def list_samples(self):
        return list(range(6))

    def path(self, sample, task=None):
        return Path(str(sample))

    def load_image(self, sample):
        return np.random.RandomState(sample).rand(*self.sizes.get(sample, SIZE), 3).astype(np.float32)

    def load_target(self, sample, task):
        return np.ones((*self.sizes.get(sample, SIZE), 1), np.float32), np.ones(self.sizes.get(sample, SIZE), bool)


def make_loader(pipeline=FLIP, batch_size=2, drop_last=True):
    dataset = Pictures('.', 'train', dict(depth=dict(type='DepthEstimation')), pipeline)
    return DataLoader(dataset, batch_size, sampler=EpochSampler(dataset), collate_fn=collate_samples,
                      drop_last=drop_last)


class Unknown(DensePreprocessor):
    """What it may do to images is not declared: a subclass does not inherit that."""


class Asked:
    """A teacher that remembers, the batches of an epoch, and how often it ran."""

    def __init__(self, folder, loader=None, num_epochs=10, learner=None, **options):
        self.teacher = Teacher(learner or make_learner(TASKS), TeacherOptions(**options))
        self.loader = loader or make_loader()
        self.fresh, self.runs = Teacher(make_learner(TASKS), TeacherOptions(cache='off')), 0
        self.teacher.learner.backbone.register_forward_hook(self._count)
        self.teacher.remember(self.loader, num_epochs, folder)

    def _count(self, *_):
        self.runs += 1

    def epoch(self, number):
        self.loader.sampler.set_epoch(number)
        for data in self.loader:
            data = self.teacher.learner.data_preprocessor(data)
            yield Batch(data['inputs'], data['targets'], data['valid'], data['meta'])

    def answers(self, number):
        """What it says in an epoch and what one says that remembers nothing; and how often it ran."""
        before, answers = self.runs, [(self.teacher.predictions(batch, TASKS), self.fresh.predictions(batch, TASKS))
                                      for batch in self.epoch(number)]
        return answers, self.runs - before


def same(answers):
    return all(torch.equal(one[name], other[name]) and one[name].stride() == other[name].stride()
               for one, other in answers for name in TASKS)


@pytest.fixture
def log(monkeypatch):
    sentences = []
    monkeypatch.setattr('lhl.methods.teacher_cache.print_log', lambda text, **_: sentences.append(text))
    return sentences


@pytest.mark.parametrize('memory_gib, place', [(2.0, 'in memory'), (0, 'in a file of')])
def test_it_runs_once_for_each_image_and_mirror_image_and_says_the_same_to_the_last_bit(tmp_path, log, memory_gib,
                                                                                        place):
    asked = Asked(tmp_path, memory_gib=memory_gib)
    runs = []
    for epoch in range(4):
        answers, count = asked.answers(epoch)
        assert len(answers) == 3 and same(answers)
        runs.append(count)
    # 6 images in 2 variants are 6 batches of 2, and one batch more is tried in another order.
    assert runs == [7, 0, 0, 0]
    # A raw output of 5 + 1 channels has an 8th of the sides: 3 x 5 float32; and a byte says that it is there.
    assert len(log) == 1 and place in log[0] and f'{12 * (6 * 15 * 4 + 2) / 2**20:.1f} MiB for 12 variants' in log[0]
    assert not list(tmp_path.iterdir())  # a file without a name
    asked.teacher.forget()
    assert asked.answers(0)[1] == 3


def test_without_a_mirror_it_runs_once_for_each_image(tmp_path):
    asked = Asked(tmp_path, make_loader([dict(type='PackSample')]))
    counts = [asked.answers(epoch)[1] for epoch in range(3)]
    assert counts == [3 + 1, 0, 0]


def test_images_that_an_epoch_drops_are_asked_about_when_they_come(tmp_path):
    loader = make_loader(batch_size=4)  # of 6 images
    asked = Asked(tmp_path, loader)
    seen = set()
    for epoch in range(6):
        batch, = asked.epoch(epoch)
        before, indices = asked.runs, {meta['index'] for meta in batch.meta}
        assert same([(asked.teacher.predictions(batch, TASKS), asked.fresh.predictions(batch, TASKS))])
        assert (asked.runs > before) == (not indices <= seen)
        seen |= indices
    assert seen == set(range(6))


def test_a_batch_that_is_not_full_is_asked_about_anew_where_it_has_to_be_exact(tmp_path):
    loader = make_loader(batch_size=4, drop_last=False)
    for options, expected in ((dict(cache='exact'), [3 + 1, 1, 1]), (dict(cache='float32'), [4, 0, 0])):
        asked = Asked(tmp_path, loader, **options)
        assert [asked.answers(0)[1] for _ in range(3)] == expected


def test_float16_is_off_by_its_rounding_of_the_raw_outputs(tmp_path):
    asked = Asked(tmp_path, cache='float16')
    assert same(asked.answers(0)[0])
    answers, runs = asked.answers(1)
    assert runs == 0 and not same(answers)
    for one, other in answers:
        logits, exact = one['segmentation'], other['segmentation']  # upsampling averages the raw outputs
        assert (logits - exact).abs().max() <= 2**-11 * exact.abs().max() * 1.01


def test_images_of_no_data_set_and_of_another_size_or_precision_are_asked_about_anew(tmp_path):
    asked = Asked(tmp_path)
    asked.answers(0)
    batch = next(asked.epoch(0))
    others = [Batch(batch.inputs, {}, {}), Batch(batch.inputs, {}, {}, [dict(image_path='0')] * 2),
              Batch(batch.inputs, {}, {}, [dict(index=99)] * 2), Batch(batch.inputs[..., :-8], {}, {}, batch.meta)]
    for number, other in enumerate(others, 1):
        before = asked.runs
        found, expected = asked.teacher.predictions(other, TASKS), asked.fresh.predictions(other, TASKS)
        assert asked.runs == before + 1 and torch.equal(found['depth'], expected['depth']), number
    with torch.autocast('cpu', torch.bfloat16):
        before = asked.runs
        asked.teacher.predictions(Batch(batch.inputs, {}, {}, batch.meta), TASKS)
        assert asked.runs == before + 1
    asked.teacher.predictions(Batch(batch.inputs, {}, {}, batch.meta), TASKS)
    assert asked.runs == before + 1


def test_a_head_that_is_asked_later_is_kept_from_then_on_and_features_never(tmp_path):
    asked = Asked(tmp_path)
    counts = []
    for names in (['depth'], ['depth'], TASKS, TASKS):
        before = asked.runs
        for batch in asked.epoch(0):
            found, expected = asked.teacher.predictions(batch, names), asked.fresh.predictions(batch, names)
            assert all(torch.equal(found[name], expected[name]) for name in names)
        counts.append(asked.runs - before)
    assert counts == [7, 0, 6, 0]
    before = asked.runs
    for batch in asked.epoch(0):
        asked.teacher.predictions(batch, TASKS)
        asked.teacher.features(batch)
    assert asked.runs == before + 3


def test_where_rounding_depends_on_the_place_in_a_batch_exact_keeps_nothing(tmp_path, log):
    def with_place(learner):
        extract = learner.extract_features
        learner.extract_features = lambda inputs: tuple(
            feature + 1e-6 * torch.arange(len(inputs)).view(-1, 1, 1, 1) for feature in extract(inputs))
        return learner

    asked = Asked(tmp_path, learner=with_place(make_learner(TASKS)))
    assert [asked.answers(epoch)[1] for epoch in range(2)] == [3 + 1, 3]
    assert len(log) == 1 and 'the place of an image in its batch' in log[0]
    asked = Asked(tmp_path, learner=with_place(make_learner(TASKS)), cache='float32')
    assert [asked.answers(epoch)[1] for epoch in range(2)] == [6, 0]


@pytest.mark.parametrize('options, reason', [
    (dict(cache='off'), "teacher.cache='off'"),
    (dict(num_epochs=2), '2 epochs are left, and the first costs 2 runs of the teacher'),
    (dict(loader=make_loader([dict(type='RandomScaleCrop'), *FLIP])), 'RandomScaleCrop may change an image'),
    (dict(loader=make_loader([FLIP[0], dict(type='PhotometricDistortion'), FLIP[1]])), 'PhotometricDistortion may')])
def test_the_log_says_why_nothing_is_kept(tmp_path, log, options, reason):
    asked = Asked(tmp_path, **options)
    assert [asked.answers(epoch)[1] for epoch in range(2)] == [3, 3]
    assert log == [next(line for line in log if line.startswith(f"the teacher's answers are not kept: {reason}"))]


def test_a_preprocessor_that_declares_nothing_may_change_images(tmp_path, log):
    learner = make_learner(TASKS)
    learner.data_preprocessor = Unknown()
    assert [Asked(tmp_path, learner=learner).answers(epoch)[1] for epoch in range(1)] == [3]
    assert len(log) == 1 and 'Unknown may change an image' in log[0]


@pytest.mark.parametrize('is_known', [True, False])
def test_a_full_disk_costs_nothing_but_the_cache(tmp_path, log, monkeypatch, is_known):
    if is_known:
        usage = namedtuple('Usage', 'total used free')
        monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(10**6, 10**6 - 5000, 5000))
    else:
        def full(*_):
            raise OSError(errno.ENOSPC, 'No space left on device')
        monkeypatch.setattr('os.posix_fallocate', full)
    asked = Asked(tmp_path, memory_gib=0)
    answers, runs = asked.answers(0)
    assert same(answers) and runs == 4 and asked.answers(1)[1] == 3
    assert len(log) == 1 and 'are not kept' in log[0] and not list(tmp_path.iterdir())


def test_files_that_killed_processes_left_are_removed(tmp_path):
    Path(tmp_path, '.teacher_1234_host_0.cache').write_bytes(b'half')
    Path(tmp_path, 'epoch_1.pth').write_bytes(b'whole')
    Asked(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1.pth']


def ask_about_the_others(folder):
    """Each rank asks about images of its own, then about those of the other."""
    asked, counts, rank = Asked(folder), [], torch.distributed.get_rank()
    data = DataLoader(asked.loader.dataset, 2, collate_fn=collate_samples)
    inputs = [asked.teacher.learner.data_preprocessor(each) for each in itertools.islice(data, 2)]
    for number in (rank, 1 - rank):
        batch, before = Batch(inputs[number]['inputs'], {}, {}, inputs[number]['meta']), asked.runs
        found, expected = asked.teacher.predictions(batch, TASKS), asked.fresh.predictions(batch, TASKS)
        assert all(torch.equal(found[name], expected[name]) for name in TASKS)
        counts.append(asked.runs - before)
        torch.distributed.barrier()
    counts.append(len(list(Path(folder).glob('.teacher_*'))))
    torch.distributed.barrier()
    asked.teacher.forget()
    torch.distributed.barrier()
    return torch.tensor([*counts, len(list(Path(folder).glob('.teacher_*')))])


@pytest.mark.slow
def test_processes_of_a_host_share_what_they_know_and_leave_no_file(tmp_path):
    # Each runs for its image, the mirror image and the trial; a file for each of the two heads.
    counts = in_two_processes(ask_about_the_others, tmp_path, str(tmp_path))
    assert [each.tolist() for each in counts] == [[3, 0, 2, 0]] * 2


@pytest.mark.parametrize('options, message', [
    (dict(cache='exakt'), "teacher.cache='exakt' is unknown; did you mean 'exact'"),
    (dict(memory_gib=-1), 'teacher.memory_gib=-1 is impossible'), (dict(memory_gib='2'), "teacher.memory_gib='2' is"),
    (dict(memory_gib=float('nan')), 'teacher.memory_gib=nan'), (dict(fold='yes'), "teacher.fold='yes'"),
    (dict(compile=1), 'teacher.compile=1')])
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        TeacherOptions(**options)


def test_a_folded_teacher_answers_within_1e_5(tmp_path):
    asked = Asked(tmp_path, fold=True)
    for epoch in range(2):
        for one, other in asked.answers(epoch)[0]:
            assert all((one[name] - other[name]).abs().max() <= 1e-5 * other[name].abs().max() for name in TASKS)
            assert not torch.equal(one['depth'], other['depth'])
    assert asked.runs == 0  # a copy runs; the learner keeps its normalisations, whose statistics inversion asks for


@pytest.mark.slow
def test_a_compiled_teacher_answers_alike_and_one_that_cannot_be_compiled_is_not(tmp_path, monkeypatch):
    compile_module, compiled = torch.nn.Module.compile, []

    def with_backend(backend):
        def compile_with(module):
            compiled.append(module)
            compile_module(module, backend=backend)
        return compile_with

    def fails(*_):
        raise RuntimeError('no compiler')

    for backend in ('eager', fails):
        monkeypatch.setattr(torch.nn.Module, 'compile', with_backend(backend))
        asked = Asked(tmp_path, compile=True)
        for epoch in range(2):
            for one, other in asked.answers(epoch)[0]:
                assert all((one[name] - other[name]).abs().max() <= 1e-5 * other[name].abs().max() for name in TASKS)
        assert (asked.runs > 0) == (backend is fails)
    assert len(compiled) == 2 * 3  # a backbone and two heads


def test_answers_may_be_part_of_a_graph(tmp_path):
    asked = Asked(tmp_path)
    for _ in range(2):
        batch, weight = next(asked.epoch(0)), torch.ones((), requires_grad=True)
        for tensor in (*asked.teacher.features(batch), *asked.teacher.predictions(batch, TASKS).values()):
            (tensor * weight).sum().backward()
