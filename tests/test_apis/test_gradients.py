import math

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from test_engine.tiny_stream import stream_config

from lhl.apis import gradient_table, measure_gradients
from lhl.apis.gradients import TermGradient, _top_share
from lhl.engine import train_stream
from lhl.engine.checkpoint import build_learner
from lhl.engine.plan import Stream, runner_config
from lhl.errors import ConfigError, RunError
from lhl.weight_files import read_checkpoint


@pytest.fixture(scope='module')
def without_noise(tmp_path_factory, data_root):
    """A run of DIS without dropout, which normalises a batch as a whole."""
    folder = tmp_path_factory.mktemp('without_noise')
    cfg = stream_config(folder / 'c.py', data_root, folder / 'run', 'Vanilla', train_cfg__max_epochs=1,
                        model__head__dropout=0.0)
    cfg.method = dict(type='DIS', alpha=2.0)
    train_stream(cfg, until=2)
    return folder / 'run'


def by_hand(run):
    """The gradients of L_new and of the distillation in phase 2 by the backbone's weights, through ``backward``."""
    with DefaultScope.overwrite_default_scope('lhl'):
        cfg = runner_config(Stream.from_config(Config.fromfile(run / 'config.py'), check=False), 2)
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    paths = [next(run.glob(f'phase{index}_*')) / 'phase.safetensors' for index in (1, 2)]
    teacher, student = (build_learner(read_checkpoint(path), path) for path in paths)
    student.requires_grad_(True).train()
    dataset = loader.dataset
    data = student.data_preprocessor(loader.collate_fn([dataset[i] for i in range(loader.batch_size)]), training=True)
    gradients = {}
    for term in ('loss_new_depth', 'loss_dis_segmentation'):
        student.zero_grad()
        outputs = student(data['inputs'], dict.fromkeys(('segmentation', 'depth')), mode='tensor')
        if term == 'loss_new_depth':
            valid = data['valid']['depth'].bool()
            loss = (outputs['depth'] - data['targets']['depth']).abs()[:, 0][valid].mean()
        else:
            with torch.no_grad():
                labels = teacher(data['inputs'], dict(segmentation=None), mode='tensor')['segmentation'].argmax(1)
            loss = 2.0 * torch.nn.functional.cross_entropy(outputs['segmentation'], labels)
        loss.backward()
        gradients[term] = torch.cat([torch.zeros(weight.numel()) if weight.grad is None else weight.grad.flatten()
                                     for weight in student.backbone.parameters() if weight.requires_grad])
    return gradients


def test_norms_and_cosines_are_those_of_backward(without_noise):
    expected = by_hand(without_noise)
    found = {term.term: term for term in measure_gradients(without_noise, phase=2, batches=1)}
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        assert found[name].norm == pytest.approx(float(gradient.norm()), rel=1e-4)
        assert found[name].cosines[name] == pytest.approx(1.0)
    one, other = expected.values()
    cosine = float(torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=0))
    assert found['loss_new_depth'].cosines['loss_dis_segmentation'] == pytest.approx(cosine, abs=1e-4)


def test_a_strength_scales_the_norm_and_leaves_the_direction(without_noise):
    plain, strong = (measure_gradients(without_noise, 2, batches=1, options={'method.alpha': alpha})
                     for alpha in (2.0, 10.0))
    assert strong[1].norm == pytest.approx(5 * plain[1].norm, rel=1e-4)
    assert strong[0].norm == pytest.approx(plain[0].norm, rel=1e-6)
    assert strong[1].cosines['loss_new_depth'] == pytest.approx(plain[1].cosines['loss_new_depth'], abs=1e-6)


def test_the_unchanged_student_is_that_of_the_phase_before(without_noise):
    start, end = (measure_gradients(without_noise, 2, at, batches=1) for at in ('start', 'end'))
    assert start[0].value != end[0].value
    again = measure_gradients(without_noise, 2, 'start', batches=1)
    assert start == again  # nothing is moved by measuring


def test_the_share_of_the_largest_pixels_by_hand():
    # 200 pixels of two channels: two have the norm 5, the others 1; the two are 1 %.
    gradient = torch.zeros(1, 2, 10, 20)
    gradient[:, 0] = 1.0
    gradient[0, :, 3, 4] = gradient[0, :, 7, 9] = torch.tensor([3.0, 4.0])
    assert _top_share([gradient]) == pytest.approx(10 / (10 + 198))
    assert _top_share([torch.ones(2, 3, 10, 10)]) == pytest.approx(0.01)
    assert _top_share([torch.zeros(1, 1, 2, 2)]) is None and _top_share([]) is None


def test_the_table_has_a_row_and_a_column_for_each_term():
    terms = [TermGradient('loss_new_a', 1.5, 0.25, {'loss_new_a': 1.0, 'loss_b': math.nan}, 0.031),
             TermGradient('loss_b', 0.0, 0.0, {'loss_new_a': math.nan, 'loss_b': math.nan}, None)]
    assert gradient_table(terms).splitlines() == [
        '| term | value | norm | in 1% of the pixels | cosine to new_a | cosine to b |',
        '| --- | ---: | ---: | ---: | ---: | ---: |',
        '| new_a | 1.5 | 0.25 | 3.1% | +1.00 | +nan |', '| b | 0 | 0 | - | +nan | +nan |']


@pytest.mark.parametrize('options, error, message', [
    (dict(phase=3), RunError, 'has finished 2 phases, found `phase=3`; give one from 1 to 2'),
    (dict(phase=0), RunError, 'found `phase=0`'), (dict(batches=0), ConfigError, '`batches` is 0'),
    (dict(phase=1, at='start'), ConfigError, 'phase 1 starts from new weights'),
    (dict(options={'method': dict(_delete_=True, type='FrozenEncoder')}), ConfigError,
     'FrozenEncoder trains no weight of the backbone in phase 2')])
def test_what_has_no_gradient_is_a_sentence(without_noise, options, error, message):
    with pytest.raises(error, match=message):
        measure_gradients(without_noise, **options)


def test_the_command_prints_and_writes_the_table(without_noise, tool, tmp_path):
    code, stdout, _ = tool('analysis_tools/gradients.py', without_noise, '--batches', 1, '--out', tmp_path / 'table.md')
    table = (tmp_path / 'table.md').read_text()
    assert code in (0, None) and table in stdout and '| dis_segmentation |' in table and 'next: ' in stdout
