"""A name is looked up in lhl first, then in mmsegmentation, then in mmengine."""
import subprocess
import sys

import pytest
from mmengine.runner import EpochBasedTrainLoop
from mmseg.models.decode_heads import ASPPHead as SegmentorASPPHead
from mmseg.models.decode_heads import FCNHead

from lhl import registry
from lhl.models.heads import ASPPHead


def test_a_name_of_two_packages_is_that_of_lhl_unless_it_names_its_scope():
    assert registry.MODELS.get('ASPPHead') is ASPPHead
    assert registry.MODELS.get('mmseg.ASPPHead') is SegmentorASPPHead


def test_what_lhl_has_not_is_taken_from_mmsegmentation_and_mmengine():
    assert registry.MODELS.get('FCNHead') is FCNHead
    assert registry.LOOPS.get('EpochBasedTrainLoop') is EpochBasedTrainLoop


@pytest.mark.slow
def test_components_are_imported_when_they_are_first_named():
    named = dict(
        TASKS='DepthEstimation', METRICS='DepthMetric', TRANSFORMS='RandomScaleCrop', DATASETS='NYUv2',
        DATA_SAMPLERS='EpochSampler', METHODS='HAD', HOOKS='ContinualPhaseHook', RUNNERS='PhaseRunner')
    code = ';'.join(['from lhl import registry', *(
        f'assert registry.{kind}.get({name!r}).__name__ == {name!r}' for kind, name in named.items()), *(
        f'assert registry.MODELS.get({name!r})' for name in ('Learner', 'SaliencyGuidedLoss', 'QuickDeepInversion'))])
    subprocess.run([sys.executable, '-c', code], check=True)
