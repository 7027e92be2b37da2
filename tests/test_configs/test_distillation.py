"""A teacher from another run, as KDAM has it."""
import pytest
from mmengine.config import Config
from test_engine.resolved import phase_config
from test_engine.tiny_stream import CONFIGS

from lhl.registry import MODELS
from lhl.tasks import build_tasks

from .shipped import KDAM, LEAVES, TINY, read

#: KDAM, Tables 1 to 6: teacher and student.
PAIRS = ('swin_l_to_swin_t', 'swin_l_to_swin_s', 'swin_b_to_swin_t', 'swin_l_to_hrnet18')
NETWORKS = dict(hrnet18='hrnet18', swin_t='swin_tiny', swin_s='swin_small', swin_b='swin_base', swin_l='swin_large')
DISTILLED = [path for path in LEAVES if path.parent == KDAM and not path.stem.startswith(('joint', 'single_task'))]


def test_the_pairs_of_kdam_are_there_on_both_data_sets():
    names = {path.stem for path in DISTILLED}
    assert names == {
        *(f'{method}_{pair}_nyud' for method in ('kd', 'dist', 'kdam') for pair in PAIRS),
        *(f'kdam_{pair}_pascal_context' for pair in PAIRS), *(f'{method}_{TINY}' for method in ('kd', 'dist', 'kdam')),
        *(f'{method}_mobilenet_v2_to_narrow_synthrooms3' for method in ('kd', 'dist', 'kdam'))}


@pytest.mark.parametrize('path', DISTILLED, ids=[path.stem for path in DISTILLED])
def test_a_student_is_taught_as_its_name_says_and_differs_from_the_student_alone_in_the_method(path):
    cfg = read(path).to_dict()
    method, *_ = path.stem.split('_')
    pair, stream = ('wide_to_narrow', TINY) if path.stem.endswith(TINY) else next(
        (pair, path.stem.removeprefix(f'{method}_{pair}_')) for pair in (*PAIRS, 'mobilenet_v2_to_narrow')
        if f'_{pair}_' in path.stem)
    teacher, student = pair.split('_to_')
    assert cfg['method'].pop('type') == method.upper()
    assert cfg['method'].pop('teacher') == f'work_dirs/joint_{teacher}_{stream}'
    alone = read(KDAM / f'joint_{student}_{stream}.py').to_dict()
    assert alone['method'].pop('type') == 'Joint'
    assert cfg == alone


@pytest.mark.parametrize('network', NETWORKS)
@pytest.mark.parametrize('stream, base, tasks', [
    ('nyud', 'nyud', ['segmentation', 'depth', 'normal', 'boundary']),
    ('pascal_context', 'pascal_context', ['segmentation', 'human_parts', 'saliency', 'normal', 'boundary'])])
def test_a_network_learns_all_tasks_of_a_data_set_at_once_for_400_epochs(network, stream, base, tasks):
    cfg = read(KDAM / f'joint_{network}_{stream}.py')
    assert [phase.tasks for phase in cfg.phases] == [tasks]
    assert cfg.method.to_dict() == dict(type='Joint', task_weights='learned')
    assert cfg.train_cfg.max_epochs == 400  # Sec. 4.3
    assert cfg.model.to_dict() == read(CONFIGS / '_base_' / 'models' / f'{NETWORKS[network]}_aspp.py').model.to_dict()
    expected = read(CONFIGS / '_base_' / 'datasets' / f'{base}.py')
    assert cfg.train_dataloader.to_dict() == expected.train_dataloader.to_dict()
    assert build_tasks(cfg.tasks.to_dict())['segmentation'].out_channels == dict(nyud=40, pascal_context=21)[stream]


def parameters(name):
    """The numbers of weights of the learner of a config, backbone and heads."""
    cfg = Config(read(KDAM / f'{name}.py').to_dict())
    cfg.work_dir = ''
    model = phase_config(cfg, 1).model.to_dict()
    model['backbone']['init_cfg'] = None
    learner = MODELS.build(model)
    return [sum(parameter.numel() for parameter in part.parameters()) for part in (learner.backbone, learner)]


def test_the_teacher_of_the_tiny_rooms_is_sixteen_times_its_student():
    (_, wide), (_, narrow) = (parameters(f'joint_{name}_{TINY}') for name in ('wide', 'narrow'))
    assert 15.5 < wide / narrow < 16.5 and 0.25e6 < narrow < 0.35e6


@pytest.mark.slow
@pytest.mark.parametrize('network, millions', [('swin_t', 27.5), ('swin_s', 48.8), ('swin_b', 86.7), ('swin_l', 195.0)])
def test_a_swin_has_the_parameters_of_its_paper(network, millions):
    """The trunks of Swin (Liu et al., 2021, Table 1): 28 M to 197 M with a classifier of 1000 classes."""
    backbone, learner = parameters(f'joint_{network}_nyud')
    assert backbone / 1e6 == pytest.approx(millions, rel=0.005) and learner > backbone
