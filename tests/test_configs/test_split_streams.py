"""Classes that come in tasks, an architecture for each, as HCL has them."""
import pytest
from mmengine.config import Config
from test_engine.resolved import phase_config, task_names

from lhl.methods import Joint
from lhl.registry import METHODS
from lhl.tasks import build_tasks

from .shipped import config

FIVE = ['CIFARLeNet', 'CIFARResNet', 'CIFARDenseNet', 'CIFARSENet', 'CIFARRegNet']
NINE = ['CIFARLeNet', 'CIFARAlexNet', 'CIFARVGG', 'CIFARInception', 'CIFARResNet', 'CIFARResNeXt', 'CIFARDenseNet',
        'CIFARSENet', 'CIFARRegNet']
TINY_FIVE = ['CIFARLeNet', 'CIFARResNet', 'CIFARResNeXt', 'CIFARSENet', 'CIFARRegNet']
#: HCL's streams: the architecture of each task, and how many classes a task has.
SPLIT = dict(
    split_cifar10=(FIVE, 2),
    split_cifar100=([name for name in NINE for _ in range(4 if name == 'CIFARRegNet' else 2)], 5),
    split_tiny_imagenet=([name for name in TINY_FIVE for _ in range(2)], 20),
    split_synth_objects=(FIVE, 2),
    split_digits=(['CIFARLeNet', 'CIFARAlexNet', 'CIFARLeNet', 'CIFARAlexNet', 'CIFARLeNet'], 2))
PUBLISHED = [stream for stream in SPLIT if stream not in ('split_synth_objects', 'split_digits')]
SPLIT_METHODS = ('dis/dis', 'der/derpp', 'hcl/hcl', 'hcl/hcl_kd', 'hcl/hcl_kd_buffer', 'joint/joint_all_classes',
                 'lwf/lwf', 'vanilla/vanilla')
#: HCL's options of the inversion: learning rate, weights of the total variation, the length and the statistics.
INVERSIONS = dict(split_cifar10=(0.005, 0.001, 0.0, 0.1), split_cifar100=(0.03, 0.003, 0.003, 0.2),
                  split_tiny_imagenet=(0.03, 0.003, 0.003, 0.2))


@pytest.mark.parametrize('stream', SPLIT)
def test_the_architectures_and_classes_are_those_of_hcl(stream):
    cfg, (architectures, classes) = config('vanilla/vanilla', stream), SPLIT[stream]
    assert [phase.backbone.type for phase in cfg.phases] == architectures
    tasks = build_tasks(cfg.tasks.to_dict())
    num_classes = classes * len(architectures)
    labels = [label for name in task_names(cfg) for label in tasks[name].labels]
    assert labels == list(range(num_classes)) and all(len(task.labels) == classes for task in tasks.values())
    assert {(task.head, task.out_channels, task.label_smoothing) for task in tasks.values()} == {
        ('classes', num_classes, 0.1)}


@pytest.mark.parametrize('stream', SPLIT)
def test_a_task_with_the_architecture_of_the_one_before_goes_on_with_its_weights(stream):
    cfg, (architectures, _) = Config(config('vanilla/vanilla', stream).to_dict()), SPLIT[stream]
    cfg.work_dir = 'run'
    for index in range(2, len(architectures) + 1):
        is_new = phase_config(cfg, index).phase.get('is_new_learner', False)
        assert is_new == (architectures[index - 1] != architectures[index - 2])


@pytest.mark.parametrize('stream', SPLIT)
@pytest.mark.parametrize('method', SPLIT_METHODS)
def test_a_config_of_a_split_stream_differs_from_vanilla_in_the_method_alone(method, stream):
    cfg, vanilla = config(method, stream).to_dict(), config('vanilla/vanilla', stream).to_dict()
    assert vanilla.pop('method') == dict(type='Vanilla')
    kind = METHODS.get(cfg.pop('method')['type'])
    if kind is Joint:
        phases = vanilla.pop('phases')
        assert cfg.pop('phases') == [dict(tasks=[phase['task'] for phase in phases], backbone=phases[-1]['backbone'])]
    cfg.pop('stored_images', None)
    assert cfg == vanilla


@pytest.mark.parametrize('stream', PUBLISHED)
def test_the_training_of_a_published_split_stream_is_hcl_s(stream):
    cfg = config('hcl/hcl', stream)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ('SGD', 0.03, 0.9, 5e-4)
    assert 'param_scheduler' not in cfg and 'clip_grad' not in cfg.optim_wrapper
    assert (cfg.train_cfg.max_epochs, cfg.train_dataloader.batch_size) == (200, 32)


@pytest.mark.parametrize('stream', PUBLISHED)
def test_the_options_of_hcl_are_those_of_its_released_code(stream):
    method = METHODS.build(config('hcl/hcl', stream).method.to_dict())
    inversion = method.inversion
    assert (inversion.learning_rate, inversion.variation_weight, inversion.norm_weight,
            inversion.feature_weight) == INVERSIONS[stream]
    assert (inversion.steps, inversion.warmup_steps, inversion.target_weight) == (500, 100, 1)
    assert method.num_images == inversion.chunk_size == 200 and method.inverted_batch_size is None
    assert method.weight == (3 if stream == 'split_cifar100' else 1)
    assert config('hcl/hcl_kd', stream).method.to_dict() == dict(type='HCL', weight=3.0)
    distilled, replayed = config('hcl/hcl_kd_buffer', stream).method.methods
    assert distilled == dict(type='HCL', weight=method.weight)
    assert (replayed.weight, replayed.label_weight, replayed.memory_size) == (0, 0.3, 200)
