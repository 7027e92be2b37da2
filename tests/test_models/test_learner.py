import pytest
import torch
from torch import nn

from lhl.errors import ConfigError
from lhl.models import Learner
from lhl.registry import MODELS

from .conftest import MODEL_CONFIGS, TASKS, images, learner_config, tiny_config, tiny_learner


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def norms(module):
    return [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def randomised(module):
    """Move every parameter off its start, as training does; norms then have neither weight 1 nor bias 0."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


# ---- sizes ---------------------------------------------------------------------------------------------------------

def test_the_paper_s_resnet18_learner_has_the_parameters_of_table_1():
    with torch.device('meta'):
        learner = Learner(**learner_config('resnet18_aspp'))
    assert count(learner.backbone) == 11_176_512
    assert count(learner.heads['segmentation']) == 4_725_517
    # The other heads differ in their last layer only, 256 weights and a bias per channel.
    assert count(learner.heads['segmentation']) - count(learner.heads['depth']) == 12 * 257
    assert count(learner.heads['normal']) - count(learner.heads['depth']) == 2 * 257


def test_the_paper_s_resnet50_learner_has_23_5_and_16_13_million_parameters():
    with torch.device('meta'):
        learner = Learner(**learner_config('resnet50_aspp'))
    assert count(learner.backbone) == 23_508_032
    assert round(count(learner.heads['segmentation']) / 1e6, 2) == 16.13


@pytest.mark.parametrize('name', [
    pytest.param(path.stem, marks=pytest.mark.slow) if path.stem in ('swin_small_aspp', 'swin_base_aspp',
                                                                     'swin_large_aspp') else path.stem
    for path in sorted(MODEL_CONFIGS.glob('*.py'))])
def test_every_model_config_predicts_all_tasks_at_the_size_of_the_image(name):
    learner = Learner(**learner_config(name)).eval()
    with torch.no_grad():
        predictions = learner(images(size=(64, 96)))
    assert {task: tuple(prediction.shape) for task, prediction in predictions.items()} == dict(
        segmentation=(2, 13, 64, 96), depth=(2, 1, 64, 96), normal=(2, 3, 64, 96))


def test_the_output_stride_is_8():
    features = tiny_learner().extract_features(images(size=(64, 96)))
    assert [tuple(feature.shape) for feature in features] == [(2, 64, 8, 12)]


@pytest.mark.parametrize('size', [(24, 40), (30, 41)])
def test_predictions_have_the_size_of_the_image_and_are_float32(size):
    learner = tiny_learner().eval()
    with torch.autocast('cpu', torch.bfloat16):
        predictions = learner(images(size=size))
    for name, prediction in predictions.items():
        assert prediction.shape == (2, learner.tasks[name].out_channels, *size)
        assert prediction.dtype == torch.float32


# ---- modes ---------------------------------------------------------------------------------------------------------

def test_predict_gives_one_dict_per_image_of_what_tensor_gives_batched():
    learner = tiny_learner().eval()
    batched = learner(images(3), mode='tensor')
    listed = learner(images(3), mode='predict')
    assert len(listed) == 3 and list(listed[0]) == list(TASKS)
    for name, prediction in batched.items():
        assert torch.equal(torch.stack([image[name] for image in listed]), prediction)


def test_predictions_are_in_the_task_s_unit():
    normals = tiny_learner().eval()(images())['normal']
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(2, 24, 40))


def test_a_batch_is_predicted_in_eval_as_its_images_are_alone():
    learner = tiny_learner().eval()
    batch = images(3)
    together = learner(batch)['depth']
    for i in range(3):
        torch.testing.assert_close(learner(batch[i:i + 1])['depth'], together[i:i + 1], rtol=1e-4, atol=1e-5)


def test_raw_outputs_are_those_of_the_heads_and_their_interpretation_is_the_prediction():
    learner = tiny_learner().eval()
    features = learner.extract_features(images())
    raw = learner.run_heads(features, ['normal', 'depth'])
    assert list(raw) == ['normal', 'depth'] and raw['normal'].shape == (2, 3, 3, 5)
    assert torch.equal(raw['depth'], learner.heads['depth'](features))
    predictions = learner.interpret(raw, ['normal', 'depth'], (24, 40))
    whole = learner(images())
    assert all(torch.equal(prediction, whole[name]) for name, prediction in predictions.items())


def test_an_unknown_mode_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="mode='loss' is unknown to Learner; use 'predict' or 'tensor', and"):
        tiny_learner().eval()(images(), mode='loss')


# ---- what learns ---------------------------------------------------------------------------------------------------

def test_frozen_heads_stay_in_eval_through_train_and_get_no_gradient():
    learner = tiny_learner()
    learner.set_trainable_heads(['depth'])
    for mode in (True, False, True):
        learner.train(mode)
        assert learner.backbone.training == learner.heads['depth'].training == mode
        for name in ('segmentation', 'normal'):
            assert not any(module.training for module in learner.heads[name].modules())
    sum(prediction.sum() for prediction in learner(images()).values()).backward()
    assert all(parameter.grad is not None for parameter in learner.heads['depth'].parameters())
    for name in ('segmentation', 'normal'):
        assert all(parameter.grad is None for parameter in learner.heads[name].parameters())


def test_a_frozen_head_still_passes_the_gradient_on_to_the_backbone():
    learner = tiny_learner()
    learner.set_trainable_heads(['depth'])
    learner.train()(images())['normal'].square()[:, 0].sum().backward()
    assert learner.backbone.conv1.weight.grad.abs().sum() > 0


def test_running_a_frozen_head_in_training_leaves_its_statistics():
    learner = tiny_learner().train()
    learner.set_trainable_heads(['depth'])
    before = {name: buffer.clone() for name, buffer in learner.heads.named_buffers()}
    learner(images())
    moved = {name.split('.')[0] for name, buffer in learner.heads.named_buffers()
             if not torch.equal(buffer, before[name])}
    assert moved == {'depth'}


def test_a_frozen_head_can_learn_again():
    learner = tiny_learner().train()
    learner.set_trainable_heads(['depth'])
    learner.set_trainable_heads(TASKS)
    assert all(parameter.requires_grad for parameter in learner.parameters())
    assert all(module.training for module in learner.modules())


def test_what_the_config_of_a_head_fixes_stays_fixed():
    head = dict(tiny_config()['head'], norm_cfg=dict(type='BN', requires_grad=False))
    learner = tiny_learner(head=head)
    for names in (['depth'], TASKS):
        learner.set_trainable_heads(names)
        norms = [module for module in learner.heads.modules() if isinstance(module, nn.BatchNorm2d)]
        assert norms and not any(norm.weight.requires_grad for norm in norms)
    assert all(learner.heads[name].output.weight.requires_grad for name in TASKS)


def test_freezing_heads_does_not_switch_an_evaluated_learner_to_training():
    learner = tiny_learner().eval()
    learner.set_trainable_heads(['depth'])
    assert not any(module.training for module in learner.modules())


@pytest.mark.parametrize('norm_eval', [True, False])
def test_norm_eval_keeps_the_statistics_and_still_learns_the_weights(norm_eval):
    learner = tiny_learner(norm_eval=norm_eval).train()
    before = [norm.running_mean.clone() for norm in norms(learner)]
    learner(images())['depth'].sum().backward()
    changed = [not torch.equal(norm.running_mean, mean) for norm, mean in zip(norms(learner), before, strict=True)]
    assert any(changed) == (not norm_eval)
    assert all(norm.training == (not norm_eval) for norm in norms(learner))
    assert all(norm.weight.grad is not None for norm in norms(learner.backbone))


def test_channels_last_changes_the_layout_and_not_the_predictions():
    last, first = tiny_learner().eval(), tiny_learner(channels_last=False).eval()
    assert last.backbone.layer2[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert first.backbone.layer2[0].conv1.weight.is_contiguous()
    assert last.data_preprocessor.memory_format == torch.channels_last
    assert first.data_preprocessor.memory_format == torch.contiguous_format
    torch.testing.assert_close(last(images())['depth'], first(images())['depth'], rtol=1e-4, atol=1e-5)


# ---- initial weights -----------------------------------------------------------------------------------------------

def pretrained(checkpoint, **backbone):
    """A tiny learner whose backbone's weights come from a file."""
    return MODELS.build(dict(
        tiny_config(init_cfg=dict(type='Pretrained', checkpoint=str(checkpoint)), **backbone), type='Learner'))


@pytest.mark.parametrize('trained', [True, False])
def test_pretrained_weights_come_from_a_local_file(tmp_path, trained):
    source = tiny_learner(seed=1).backbone
    if trained:
        randomised(source)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    torch.manual_seed(2)
    learner = pretrained(tmp_path / 'weights.pth')
    learner.init_weights()
    for name, weight in learner.backbone.state_dict().items():
        assert torch.equal(weight, source.state_dict()[name]), name


def test_the_classifier_in_a_file_of_pretrained_weights_is_passed_over(tmp_path):
    source = randomised(tiny_learner(seed=1).backbone)
    torch.save({**source.state_dict(), 'fc.weight': torch.zeros(1000, 64)}, tmp_path / 'weights.pth')
    learner = pretrained(tmp_path / 'weights.pth')
    learner.init_weights()
    assert torch.equal(learner.backbone.conv1.weight, source.conv1.weight)


def test_initialising_twice_is_no_error(tmp_path):
    torch.save(randomised(tiny_learner(seed=1).backbone).state_dict(), tmp_path / 'weights.pth')
    learner = pretrained(tmp_path / 'weights.pth')
    learner.init_weights()
    before = learner.backbone.conv1.weight.clone()
    learner.init_weights()
    assert torch.equal(learner.backbone.conv1.weight, before)


def test_a_missing_file_is_refused_with_both_cures():
    with pytest.raises(ConfigError, match=r'nowhere\.pth.*checkpoint=FILE.*from scratch.*init_cfg=None'):
        pretrained('nowhere.pth').init_weights()


def test_a_missing_phase_is_refused_with_the_run_that_writes_it():
    with pytest.raises(ConfigError, match=r'train the run pretext_rooms first, give a local file'):
        pretrained('work_dirs/pretext_rooms/phase1_colour/phase.safetensors').init_weights()


@pytest.mark.parametrize('content', [b'', b'<html>404 Not Found</html>', b'PK\x03\x04 broken archive'])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    (tmp_path / 'weights.pth').write_bytes(content)
    with pytest.raises(ConfigError, match=r'cannot load the pretrained weights .*weights\.pth.*checkpoint=FILE'):
        pretrained(tmp_path / 'weights.pth').init_weights()


@pytest.mark.parametrize('other', [dict(depth=50), dict(base_channels=16), None])
def test_a_file_of_another_backbone_is_refused(tmp_path, other):
    torch.manual_seed(1)
    if other is None:  # not even a ResNet
        state = {f'features.{i}.weight': torch.randn(8, 8, 3, 3) for i in range(10)}
    else:
        state = randomised(MODELS.build(dict(tiny_config()['backbone'], **other))).state_dict()
    torch.save(state, tmp_path / 'weights.pth')
    with pytest.raises(ConfigError, match=r'lack \d+ of the 20 weights of ResNet, for instance .*checkpoint=FILE'):
        pretrained(tmp_path / 'weights.pth').init_weights()


def test_a_shallower_backbone_s_file_is_refused_by_a_deeper_one(tmp_path):
    torch.save(randomised(tiny_learner(seed=1).backbone).state_dict(), tmp_path / 'weights.pth')
    with pytest.raises(ConfigError, match=r'lack 16 of the 36 weights of ResNet'):
        pretrained(tmp_path / 'weights.pth', depth=34).init_weights()


def test_without_pretrained_weights_the_backbone_starts_at_random():
    learner, other = tiny_learner(seed=1), tiny_learner(seed=2)
    for one in (learner, other):
        one.init_weights()
    assert not torch.equal(learner.backbone.conv1.weight, other.backbone.conv1.weight)


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


def test_a_file_of_pretrained_weights_never_runs_code(tmp_path):
    torch.save(dict(state_dict={}, payload=Payload(tmp_path / 'created')), tmp_path / 'weights.pth')
    with pytest.raises(ConfigError, match='cannot load the pretrained weights'):
        pretrained(tmp_path / 'weights.pth').init_weights()
    assert not (tmp_path / 'created').exists()


# ---- heads of single tasks -----------------------------------------------------------------------------------------

def test_a_task_with_a_head_of_its_own_has_that_and_the_others_the_shared_one():
    own = dict(type='ASPPHead', in_channels=None, channels=5, dilations=(1, ))
    learner = tiny_learner(heads=dict(depth=own))
    assert {name: head.fuse.conv.weight.shape[:2] for name, head in learner.heads.items()} == dict(
        segmentation=(8, 40), depth=(5, 15), normal=(8, 40))
    assert learner(images())['depth'].shape == (2, 1, 24, 40)


# ---- image-level tasks and shared heads ----------------------------------------------------------------------------

OBJECTS = {f'objects_{number}': dict(type='ImageClassification', num_classes=6, head='objects',
                                     labels=[2 * number - 2, 2 * number - 1]) for number in (1, 2, 3)}


def mixed_learner():
    """Depth at every pixel, and three tasks of the whole image that share a head with a normalisation."""
    learner = tiny_learner(tasks={'depth': TASKS['depth'], **OBJECTS},
                           heads=dict(objects=dict(type='LinearHead', in_channels=None, dropout=0.5)))
    learner.heads.objects.norm = nn.BatchNorm2d(1)
    return learner


def test_tasks_that_name_a_head_share_it():
    learner = mixed_learner()
    assert list(learner.heads) == ['depth', 'objects'] and learner.heads['objects'].output.out_channels == 6
    assert learner.heads_of(OBJECTS) == ['objects']
    assert learner.heads_of(['objects_2', 'depth', 'objects_1']) == ['objects', 'depth']
    assert learner.distinct_outputs(['objects_2', 'depth', 'objects_1']) == ['objects_2', 'depth']


def test_a_shared_head_runs_once_and_its_output_keeps_its_size():
    learner, runs = mixed_learner().eval(), []
    learner.heads['objects'].register_forward_hook(lambda head, inputs, output: runs.append(output))
    predictions = learner(images())
    assert len(runs) == 1 and predictions['depth'].shape[-2:] == images().shape[-2:]
    for name in OBJECTS:
        assert predictions[name].shape == (2, 6, 1, 1)
        assert torch.equal(predictions[name], runs[0])
    assert learner(images(), mode='predict')[1]['objects_3'].shape == (6, 1, 1)


@pytest.mark.parametrize('trained, learns', [(['objects_3'], True), (['depth', 'objects_1'], True), (['depth'], False)])
def test_a_shared_head_learns_where_one_of_its_tasks_does(trained, learns):
    learner = mixed_learner()
    learner.set_trainable_heads(trained)
    assert all(parameter.requires_grad == learns for parameter in learner.heads['objects'].parameters())
    assert learner.train().heads['objects'].norm.training == learns
    assert learner.heads['depth'].training == ('depth' in trained)


def test_only_tasks_with_targets_are_predicted_where_there_are_some():
    learner = tiny_learner().eval()
    batch = images(2)
    whole = learner(batch, mode='predict')
    some = learner(batch, dict(depth=torch.zeros(2, 1, 24, 40)), mode='predict')
    assert [list(image) for image in some] == [['depth'], ['depth']]
    assert all(torch.equal(one['depth'], other['depth']) for one, other in zip(some, whole, strict=True))
