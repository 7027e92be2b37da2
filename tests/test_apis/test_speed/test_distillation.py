import json

import pytest
import torch

from lhl.apis.speed.naive_had import naive_loss
from lhl.methods import HAD
from lhl.tasks import build_tasks

TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=4), depth=dict(type='DepthEstimation'),
             normal=dict(type='SurfaceNormalEstimation'))


@pytest.mark.parametrize('name', TASKS)
@pytest.mark.parametrize('from_predictions', [False, True])
def test_the_loops_compute_what_had_does_on_a_single_image(name, from_predictions):
    # Masks that are pooled over the batch are those of its only image.
    task = build_tasks(TASKS)[name]
    torch.manual_seed(0)
    prediction, of_teacher = (task.predict(torch.randn(1, task.out_channels, 12, 15)) for _ in range(2))
    pseudo_label = task.pseudo_label(of_teacher)
    method = HAD(1.0, 0.6, dict(type='DistributionBalancedLoss', relative_epsilon=1e-6),  # Eq. 6 to the letter
                 dict(type='SaliencyGuidedLoss', edge_threshold=0.5))
    expected = sum(method.distillation(task, prediction, of_teacher).values())
    found = 0.5 * naive_loss(task, prediction, pseudo_label, 0.6, 0.5, from_predictions)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_all_ratios_are_printed_and_written(tool, tmp_path):
    code, stdout, _ = tool('benchmarks/distillation.py', '--configs', 'had/had_tiny_synthrooms.py', '--size', 16, 24,
                           '--batch-size', 2, '--rounds', 1, '--json', tmp_path / 'found.json')
    assert code == 0
    step, teacher, losses = json.loads((tmp_path / 'found.json').read_text())
    assert step['tasks'] == 3 and set(step['ratios']) == {
        'HAD, cached / student', 'HAD / student', 'HAD, cached / naive HAD', 'HAD / naive HAD'}
    assert set(teacher['ratios']) == {'cached / plain', 'folded / plain'}
    assert teacher['differences']['reversed_batch'] == 0 and 0 < teacher['differences']['folded'] < 1e-5
    assert set(losses['ratios']) == {'loop over the loss map / HAD', 'loop over the predictions / HAD'}
    for report in (step, teacher, losses):
        for name, found in report['ratios'].items():
            one, other = name.split(' / ')
            # One round: the ratio is that of the seconds.
            assert found['median'] == pytest.approx(report['seconds'][one] / report['seconds'][other])
            assert f'| {name} | {found["median"]:.3f} |' in stdout
