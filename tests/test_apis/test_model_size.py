import runpy
import sys

import pytest
import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmengine.config import Config
from mmseg.models.backbones.swin import WindowMSA
from test_engine.tiny_stream import CONFIGS, ROOT, WHOLE_RESNET, write_config
from torch import nn

from lhl.apis import measure_model_size, model_size_table
from lhl.apis.model_size import Cost, ModelSize
from lhl.errors import ConfigError
from lhl.registry import MODELS


def shipped(name, **options):
    cfg = Config.fromfile(CONFIGS / name)
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return cfg


# ---- parameters ----------------------------------------------------------------------------------------------------

def test_separate_models_of_ten_tasks_have_the_overhead_of_the_paper():
    # Sec. 5.4, with the 8 classes of its Table 5: 9 encoders of 11,176,512 beside 58,403,412.
    size = measure_model_size(shipped('had/had_r18_taskonomy.py', tasks__segmentation__num_classes=8,
                                      tasks__segmentation__classes=None), (64, 64))
    assert size.backbone.parameters == 11_176_512 and len(size.heads) == 10
    assert sum(head.parameters for head in size.heads.values()) == 10 * 4_722_176 + 257 * (8 + 1 + 3 + 5 + 2 + 1)
    assert size.overhead[0] == pytest.approx(172.23, abs=0.005)
    assert size.separate.parameters - size.shared.parameters == 9 * 11_176_512


def test_all_classes_of_taskonomy_make_it_a_hundredth_less():
    # 9 more classes of 257 weights: 9 * 11,176,512 / 58,405,725.
    size = measure_model_size(shipped('had/had_r18_taskonomy.py'), (64, 64))
    assert size.overhead[0] == pytest.approx(172.224, abs=5e-4)


def test_the_teacher_of_another_run_need_not_be_there():
    # Swin-T has 27.5 M parameters, whoever teaches it.
    assert measure_model_size(shipped('kdam/kdam_swin_l_to_swin_t_nyud.py'), (64, 64)).backbone.parameters == 27_519_354


# ---- operations ----------------------------------------------------------------------------------------------------

def resnet18_by_hand(height, width):
    """Twice the multiplications of each convolution, layer by layer: (times, kernel, inputs, outputs, stride)."""
    layers = [(1, 7, 3, 64, 2), (4, 3, 64, 64, 4),
              (1, 3, 64, 128, 8), (3, 3, 128, 128, 8), (1, 1, 64, 128, 8),
              (1, 3, 128, 256, 8), (3, 3, 256, 256, 8), (1, 1, 128, 256, 8),
              (1, 3, 256, 512, 8), (3, 3, 512, 512, 8), (1, 1, 256, 512, 8)]
    return sum(2 * times * kernel**2 * inputs * outputs * height * width // stride**2
               for times, kernel, inputs, outputs, stride in layers)


def aspp_by_hand(height, width, classes):
    """1x1 and three dilated 3x3 branches, fused by a 1x1, refined by a 3x3, scored; and the pooled pixel."""
    per_pixel = 512 * 256 * (1 + 3 * 9) + 5 * 256 * 256 + 9 * 256 * 256 + 256 * classes
    return 2 * (per_pixel * height * width // 64 + 512 * 256)


@pytest.mark.parametrize('image_size', [(64, 96), (288, 384)])
def test_the_operations_of_the_paper_s_learner_by_hand(image_size):
    size = measure_model_size(shipped('had/had_r18_nyuv2.py'), image_size)
    assert size.backbone.flops == resnet18_by_hand(*image_size)
    assert {name: head.flops for name, head in size.heads.items()} == {
        name: aspp_by_hand(*image_size, channels)
        for name, channels in dict(segmentation=13, depth=1, normal=3).items()}
    assert size.overhead[1] == pytest.approx(100 * 2 * size.backbone.flops / size.shared.flops)


def counted_by_hooks(learner, image_size):
    """Twice the multiplications of an image, from the shapes that each layer really meets."""
    counts, keys = [], []

    def convolution(module, inputs, output):
        counts.append(2 * output.numel() * module.weight[0].numel())

    def linear(module, inputs, output):
        counts.append(2 * output.numel() * module.in_features)

    def attention(module, inputs, output):  # of mmcv around PyTorch's, whose projections are no modules that run
        queries, others, channels = inputs[0].shape[1], keys.pop(0), module.embed_dims
        counts.append(2 * channels * (2 * channels * (queries + others) + 2 * queries * others))

    def window(module, inputs, output):  # its projections are linear layers
        windows, positions, channels = inputs[0].shape
        counts.append(2 * 2 * windows * positions**2 * channels)

    def remember_keys(module, arguments, keywords):
        keys.append(keywords['key'].shape[0])

    for module in learner.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(convolution)
        elif isinstance(module, nn.MultiheadAttention):
            module.register_forward_pre_hook(remember_keys, with_kwargs=True)
        elif isinstance(module, MultiheadAttention):
            module.register_forward_hook(attention)
        elif isinstance(module, WindowMSA):
            module.register_forward_hook(window)
        elif isinstance(module, nn.Linear):
            module.register_forward_hook(linear)
    with torch.no_grad():
        learner.eval()(torch.zeros(1, 3, *image_size))
    return sum(counts)


@pytest.mark.parametrize('backbone', [
    pytest.param('mit_b0', marks=pytest.mark.slow), pytest.param('swin_tiny', marks=pytest.mark.slow), 'mobilenet_v2'])
def test_attention_and_grouped_convolutions_are_counted(backbone, tmp_path):
    cfg = Config.fromfile(write_config(tmp_path / 'c.py', tmp_path, 'Vanilla', f'models/{backbone}_aspp.py', ''))
    learner = MODELS.build({**cfg.model.to_dict(), 'tasks': cfg.tasks.to_dict()})
    size = measure_model_size(cfg, (64, 96))
    assert size.shared.flops == counted_by_hooks(learner, (64, 96))
    assert size.shared.parameters == sum(parameter.numel() for parameter in learner.parameters())


# ---- streams and messages ------------------------------------------------------------------------------------------

@pytest.fixture
def tiny(tmp_path):
    def write(extra=''):
        return write_config(tmp_path / 'c.py', tmp_path / 'no_data', 'Vanilla', model=WHOLE_RESNET, extra=extra)
    return write


@pytest.mark.parametrize('extra', ["method = dict(type='SingleTask')\n",
                                   "phases = [dict(tasks=['segmentation', 'depth', 'normal'])]\n"
                                   "method = dict(type='Joint')\n"])
def test_it_is_the_same_however_the_tasks_are_learned(tiny, extra):
    usual = measure_model_size(Config.fromfile(tiny()), (32, 48))
    assert measure_model_size(Config.fromfile(tiny(extra)), (32, 48)) == usual
    assert list(usual.heads) == ['segmentation', 'depth', 'normal']


def test_the_config_is_left_alone_and_its_order_is_kept(tiny):
    cfg = Config.fromfile(tiny("order = ['normal', 'depth', 'segmentation']\n"))
    before = cfg.to_dict()
    assert list(measure_model_size(cfg, (32, 48)).heads) == ['normal', 'depth', 'segmentation']
    assert cfg.to_dict() == before


def test_one_task_has_no_overhead(tiny):
    assert measure_model_size(Config.fromfile(tiny("phases = [dict(task='depth')]\n")), (32, 48)).overhead == (0, 0)


def test_the_table_by_hand():
    size = ModelSize(Cost(3_000_000, 2_000_000_000), dict(depth=Cost(1_000_000, 500_000_000),
                                                          normal=Cost(2_000_000, 1_500_000_000)), (30, 40),
                     dict(depth='depth', normal='normal'))
    assert model_size_table(size) == '''\
| part | parameters | GFLOPs |
|---|---:|---:|
| backbone | 3,000,000 | 2.00 |
| head of depth | 1,000,000 | 0.50 |
| head of normal | 2,000,000 | 1.50 |
| one backbone for all tasks | 6,000,000 | 4.00 |
| a model for each task | 9,000,000 | 6.00 |
| overhead of separate models | +50.00 % | +50.00 % |

GFLOPs: 10^9 operations for one image of 30 x 40 pixels; a multiply-add counts as two.'''


@pytest.mark.parametrize('image_size', [(0, 5), (32, -1)])
def test_an_impossible_size_is_refused(tiny, image_size):
    with pytest.raises(ConfigError, match=f'{image_size[0]} x {image_size[1]} pixels, expected at least 1 x 1'):
        measure_model_size(Config.fromfile(tiny()), image_size)


def test_an_impossible_config_is_refused_before_anything_is_built(tiny):
    with pytest.raises(ConfigError, match="did you mean 'depth'"):
        measure_model_size(Config.fromfile(tiny("phases = [dict(task='dept')]\n")), (32, 48))


def test_the_tool_prints_the_table_without_any_data(tiny, monkeypatch, capsys):
    config = tiny()
    monkeypatch.setattr(sys, 'argv', ['model_size.py', str(config), '--size', '32', '48', '--cfg-options',
                                      'model.backbone.base_channels=16', 'model.backbone.stem_channels=16',
                                      'model.head.in_channels=128'])
    runpy.run_path(str(ROOT / 'tools/analysis_tools/model_size.py'), run_name='__main__')
    cfg = Config.fromfile(config)
    cfg.merge_from_dict({'model.backbone.base_channels': 16, 'model.backbone.stem_channels': 16,
                         'model.head.in_channels': 128})
    assert capsys.readouterr().out == model_size_table(measure_model_size(cfg, (32, 48))) + '\n'
