"""Every method has a config for every stream of the paper, with the settings that the paper states."""
import pytest
from mmengine.config import Config
from test_engine.resolved import task_names
from test_engine.tiny_stream import CONFIGS

from lhl.methods import Joint
from lhl.registry import METHODS
from lhl.tasks import build_tasks

from .shipped import KDAM, TINY, config

#: The data sets and backbones of the paper, in the order of the columns of its Table 6.
STREAMS = ('r18_nyuv2', 'r50_nyuv2', 'r18_cityscapes', 'r50_cityscapes', 'r18_taskonomy')
#: Table 6: the strength of each method, by the option that holds it here.
TABLE_6 = {
    'ewc/ewc': ('penalty', (1e9, 1e10, 1e6, 1e3, 1e9)),
    'icarl/icarl': ('weight', (0.01, 0.1, 0.01, 0.1, 1)),
    'lwf/lwf': ('weight', (5, 5, 0.01, 0.1, 0.1)),
    'der/der': ('weight', (0.01, 0.1, 1, 1, 0.1)),
    'sgp/sgp': ('scale', (0.1, 10, 10, 1000, 100)),
}
#: Appendix C.4: of HAD. The threshold of the groups is its tau, that of the edges its k.
ALPHA, EDGE, GROUP = (3, 20, 100, 1, 1), (0.5, 0.6, 0.6, 0.8, 0.5), (0.9, 0.6, 0.6, 0.5, 0.9)
BATCH_SIZE = {'nyuv2': 48, 'cityscapes': 64, 'taskonomy': 16}
#: Table 5: the tasks and their channels, in the order of Appendix C.4. The 8 classes that it has for Taskonomy are not
#: named there, so the config has all 17 of the data set.
CHANNELS = {
    'nyuv2': dict(segmentation=13, depth=1, normal=3),
    'cityscapes': dict(segmentation=7, depth=1),
    'taskonomy': dict(segmentation=17, depth=1, normal=3, edge_occlusion=1, reshading=1, keypoints2d=1, edge_texture=1,
                      euclidean_distance=1, principal_curvature=2, keypoints3d=1),
}
#: Methods whose strength the paper does not give, and whose it gives instead.
TAKEN_FROM = {
    'ewc/online_ewc': 'ewc/ewc', 'der/derpp': 'der/der', 'dis/dis': 'had/had', 'hcl/hcl': 'lwf/lwf',
    'lwp/lwp': 'had/had',
    'paradigms/detached_distillation': 'had/had', 'paradigms/two_stage_distillation': 'had/had',
}


def methods_of(stream):
    """The methods, ``'had/had'``, that have a config for a stream; ablations and second readings have their own."""
    return {f'{path.parent.name}/{path.stem.removesuffix("_" + stream)}'
            for path in CONFIGS.glob(f'*/*_{stream}.py')
            if not {'growing', 'literal'} & {*path.stem.split('_')} and path.parent != KDAM}


METHOD_NAMES = sorted(methods_of('r18_nyuv2'))


@pytest.mark.parametrize('stream', [*STREAMS, TINY])
def test_every_method_has_a_config_for_every_stream(stream):
    assert methods_of(stream) == set(METHOD_NAMES) >= {*TABLE_6, *TAKEN_FROM, 'had/had', 'vanilla/vanilla'}


@pytest.mark.parametrize('stream', STREAMS)
@pytest.mark.parametrize('method', METHOD_NAMES)
def test_a_config_differs_from_vanilla_in_the_method_alone(method, stream):
    cfg, vanilla = config(method, stream).to_dict(), config('vanilla/vanilla', stream).to_dict()
    assert vanilla.pop('method') == dict(type='Vanilla')
    kind = METHODS.get(cfg.pop('method')['type'])
    if method.startswith('pod/'):  # which compares the feature maps of all stages
        assert cfg['model']['backbone'].pop('out_indices') == (0, 1, 2, 3)
        assert vanilla['model']['backbone'].pop('out_indices') == (3, )
    if kind is Joint:
        assert cfg.pop('phases') == [dict(tasks=[phase['task'] for phase in vanilla.pop('phases')])]
        labels = cfg['train_dataloader']['dataset'].pop('labels', 'all')
        assert labels == ('own_part' if method == 'joint/joint_split' else 'all')
    assert cfg == vanilla


@pytest.mark.parametrize('method', METHOD_NAMES)
def test_a_method_is_the_same_in_all_streams_but_for_its_strength(method):
    """Numbers that depend on the stream are the paper's, or are taken from it, or are starts for a search."""
    strengths = {'penalty', 'weight', 'label_weight', 'scale', 'alpha', 'group_threshold', 'saliency_guided'}
    options = [{key: value for key, value in config(method, stream).method.to_dict().items() if key not in strengths}
               for stream in STREAMS]
    assert all(other == options[0] for other in options)


@pytest.mark.parametrize('column, stream', enumerate(STREAMS), ids=STREAMS)
@pytest.mark.parametrize('method', TABLE_6)
def test_the_strength_is_that_of_table_6(method, column, stream):
    option, values = TABLE_6[method]
    assert config(method, stream).method[option] == values[column]


@pytest.mark.parametrize('column, stream', enumerate(STREAMS), ids=STREAMS)
def test_the_options_of_had_are_those_of_appendix_c4(column, stream):
    method = config('had/had', stream).method
    assert (method.alpha, method.group_threshold, method.saliency_guided.edge_threshold) == (
        ALPHA[column], GROUP[column], EDGE[column])


@pytest.mark.parametrize('stream', STREAMS)
@pytest.mark.parametrize('method, other', TAKEN_FROM.items())
def test_a_strength_that_the_paper_does_not_give_is_that_of_the_nearest_method(method, other, stream):
    ours, theirs = config(method, stream).method, config(other, stream).method
    options = ours.keys() & theirs.keys() & {'penalty', 'weight', 'alpha', 'group_threshold'}
    assert options and all(ours[option] == theirs[option] for option in options)
    assert ours.get('label_weight') in (None, theirs.get('weight'))


@pytest.mark.parametrize('stream', STREAMS)
def test_the_common_settings_are_those_of_appendix_c4(stream):
    cfg = config('vanilla/vanilla', stream)
    backbone, data = stream.split('_')
    assert cfg.train_dataloader.batch_size == BATCH_SIZE[data]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('Adam', 1e-4, 1e-5)
    assert cfg.param_scheduler.start_factor == 0.5  # "warmup rate"
    assert (cfg.model.backbone.type, cfg.model.backbone.depth) == ('ResNet', int(backbone[1:]))
    assert cfg.model.head.type == 'ASPPHead'
    tasks = build_tasks(cfg.tasks.to_dict())
    assert [(name, tasks[name].out_channels) for name in task_names(cfg)] == list(CHANNELS[data].items())


@pytest.mark.parametrize('stream', STREAMS)
@pytest.mark.parametrize('method', ['icarl/icarl', 'der/der', 'der/derpp'])
def test_replay_methods_keep_the_50_images_of_appendix_c3(method, stream):
    assert config(method, stream).method.memory_size == 50


def test_the_tasks_of_taskonomy_are_scored_by_their_loss_as_in_table_2():
    cfg = config('had/had', 'r18_taskonomy')
    assert all(task.metrics == [dict(type='LossMetric')] for task in cfg.tasks.values())


@pytest.mark.parametrize('stream', ['r18_cityscapes', 'r50_cityscapes'])
def test_the_second_order_of_table_8_is_an_option(stream):
    cfg = Config(config('had/had', stream).to_dict())
    cfg.order = ['depth', 'segmentation']
    assert task_names(cfg) == ['depth', 'segmentation']


def test_the_tiny_ten_tasks_are_those_of_taskonomy_in_its_order():
    tiny, full = config('had/had', 'tiny_synthtaskonomy'), config('had/had', 'r18_taskonomy')
    assert task_names(tiny) == task_names(full)
    assert {name: task.type for name, task in tiny.tasks.items()} == {
        name: task.type for name, task in full.tasks.items()}
    assert tiny.train_dataloader.dataset.type == tiny.val_dataloader.dataset.type == 'Taskonomy'


def test_the_tiny_ten_tasks_differ_in_the_method_alone():
    had, vanilla = (config(method, 'tiny_synthtaskonomy').to_dict() for method in ('had/had', 'vanilla/vanilla'))
    assert (had.pop('method')['type'], vanilla.pop('method')['type']) == ('HAD', 'Vanilla')
    assert had == vanilla
