import random
from pathlib import Path

import pytest

from lhl.engine import Stream, train_stream
from lhl.errors import ConfigError
from test_engine.tiny_stream import WHOLE_RESNET, stream_config


@pytest.fixture
def config(tmp_path, data_root):
    def build(method=None, **options):
        cfg = stream_config(tmp_path / 'config.py', data_root, tmp_path / 'run', model=WHOLE_RESNET, **options)
        if method is not None:
            cfg.method = method
        return cfg
    return build


@pytest.mark.parametrize('options, named, cure', [
    (dict(phases=[dict(task='segmentatoin')]), "'segmentatoin'", "did you mean 'segmentation'?"),
    (dict(phases=[dict(task='depth'), dict(task='depth')]), "'depth' a second time", 'each task is learned once'),
    (dict(phases=[]), 'phases is empty', 'name at least one task'),
    (dict(phases=[dict(tasks=['depth', 'normal']), dict(task='depth')]), "'depth' a second time", 'learned once'),
    (dict(phases=[dict(tasks=[])]), 'phase 1 names no task', 'tasks=[NAME, ...]'),
    (dict(phases=[dict(task='depth', tasks=['normal'])]), 'phase 1 names no task', 'dict(task=NAME)'),
    (dict(phases=[dict(task='depth', model=dict(norm_eval=True))]), 'phase 1 names a model of its own', 'share'),
    (dict(phases=[dict(task='depth'), dict(task='normal', method=dict(_delete_=True, type='ICaRL', weight=1))]),
     'the methods HAD and ICaRL', 'use one method for the whole stream'),
    (dict(method=dict(type='ICaRL', weight=1.0, memory_size=51)), 'ICaRL is configured to store 51 images',
     'the stream allows 50'),
    (dict(method=dict(type='ICaRL', weight=1.0), stored_images=0), 'ICaRL is configured to store 50 images',
     'the stream allows 0; lower method.memory_size, or raise stored_images'),
    (dict(method=dict(type='SPG'), optim_wrapper=dict(_delete_=True, type='OptimWrapper', optimizer=dict(
        type='Adam', lr=1.0))), 'SPG edits the update, which OptimWrapper cannot', "type='MethodOptimWrapper'"),
    (dict(method=dict(type='Combined', methods=[dict(type='Vanila')])), "method.methods[0] names the",
     "did you mean 'Vanilla'?"),
    (dict(batch_norm='frozen'), "batch_norm is 'frozen'", 'freeze_statistics'),
    (dict(teacher=dict(cache='on')), "teacher.cache is 'on', which is unknown", "known: exact, float16, float32, off"),
    (dict(teacher=dict(cach='off')), "'cach'", "did you mean 'cache'?"),
    (dict(teacher='off'), "teacher is 'off'", "dict(cache='off')"),
    (dict(phases=[dict(tsk='depth')]), 'phase 1 names no task', 'dict(task=NAME)'),
    (dict(phases=[dict(task='depth', los_weight=2)]), "'los_weight'", "did you mean 'loss_weight'?"),
    (dict(phases=[dict(task='depth', lr_factors=dict(new_heads=1))]), "'new_heads'", "'new_head'"),
    (dict(phases=[dict(task='depth', method=dict(alhpa=2))]), "'alhpa'", "did you mean 'alpha'?"),
    (dict(phases=[dict(task='depth', train_cfg=dict(max_epoch=2))]), "'max_epoch'", "did you mean 'max_epochs'"),
    (dict(phases=[dict(task='depth', param_scheduler=dict(warm_up=1))]), "'warm_up'", "did you mean 'warmup'?"),
    (dict(phases=[dict(task='depth', method=dict(saliency_guided=dict(type=3), alpha=dict(a=1)))]), 'phases[0]', ''),
    (dict(method__type='HDA'), "unknown method 'HDA'", "did you mean 'HAD'?"),
    (dict(method__alhpa=2), "'alhpa'", "did you mean 'alpha'?"),
    (dict(model__type='Lerner'), "'Lerner'", "'Learner'"),
    (dict(model__norm_evl=True), "'norm_evl'", "did you mean 'norm_eval'?"),
    (dict(model__backbone__type='ResNett'), "'ResNett'", "'ResNet'"),
    (dict(model__backbone__dept=18), "'dept'", "'depth'"),
    (dict(model__head__type='ASPHead'), "'ASPHead'", "'ASPPHead'"),
    (dict(model__head__chanels=8), "'chanels'", "did you mean 'channels'"),
    (dict(model__head__init_cfg=dict(type='Normal', layer='Conv2d')), 'model.head.init_cfg asks for Normal',
     'heads begin as PyTorch initialises them; remove it'),
    (dict(model__data_preprocessor=dict(type='DensePreprocessor', men=0)), "'men'", "did you mean 'mean'?"),
    (dict(tasks__depth__type='DepthEstimatoin'), "'DepthEstimatoin'", "did you mean 'DepthEstimation'"),
    (dict(tasks__segmentation__num_clases=3), "'num_clases'", "'num_classes'"),
    (dict(train_dataloader__dataset__type='NYUv3'), "'NYUv3'", "'NYUv2'"),
    (dict(train_dataloader__dataset__data_rot='x'), "'data_rot'", "did you mean 'data_root'?"),
    (dict(train_dataloader__dataset__pipeline=[dict(type='RandomHorizontalFlop')]), "'RandomHorizontalFlop'",
     "'RandomHorizontalFlip'"),
    (dict(val_dataloader__dataset__pipeline=[dict(type='RandomHorizontalFlip', probabilty=1)]), "'probabilty'",
     "did you mean 'probability'?"),
    (dict(train_dataloader__batchsize=4), "'batchsize'", "did you mean 'batch_size'"),
    (dict(train_dataloader__sampler__shufle=True), "'shufle'", "did you mean 'shuffle'?"),
    (dict(val_dataloader=None), 'val_dataloader', 'configs/_base_/datasets'),
    (dict(train_cfg__max_epoch=4), "'max_epoch'", "did you mean 'max_epochs'"),
    (dict(train_cfg__by_epoch=False), "'max_epochs'", "'max_iters'"),
    (dict(optim_wrapper__optimizer__type='Adm'), "'Adm'", "'Adam'"),
    (dict(optim_wrapper__optimizer__weight_deca=0), "'weight_deca'", "did you mean 'weight_decay'"),
    (dict(optim_wrapper__clip_grads=None), "'clip_grads'", "did you mean 'clip_grad'?"),
    (dict(param_scheduler__strat_factor=0), "'strat_factor'", "did you mean 'start_factor'"),
    (dict(custom_hooks=[dict(type='EMAHok')]), "'EMAHok'", "'EMAHook'"),
    (dict(methd__alpha=1), "'methd'", "did you mean 'method'?"),
    (dict(train_dataloder__batch_size=1), "'train_dataloder'", "did you mean 'train_dataloader'"),
    (dict(randomness__seed=None), 'randomness.seed is None', 'expected an integer'),
    (dict(randomness__seed=-1), 'randomness.seed is -1', 'from 0'),
])
def test_what_cannot_run_is_named_with_its_cure_before_anything_is_written(config, options, named, cure):
    cfg = config(**options)
    with pytest.raises(ConfigError) as caught:
        train_stream(cfg)
    assert named in str(caught.value) and cure in str(caught.value)
    assert not Path(cfg.work_dir).exists()


@pytest.mark.parametrize('section', ['model', 'tasks', 'phases', 'method', 'train_dataloader', 'val_dataloader',
                                     'optim_wrapper', 'train_cfg'])
def test_a_missing_section_is_named(config, section):
    cfg = config()
    cfg.pop(section)
    with pytest.raises(ConfigError, match=f"the config has no '{section}'"):
        Stream.from_config(cfg)


@pytest.mark.parametrize('section, option', [
    ('method', 'alpha'), ('model', 'backbone'), ('model', 'head'), ('tasks.segmentation', 'num_classes'),
    ('model.head', 'in_channels'), ('model.backbone', 'depth')])
def test_a_missing_option_is_named(config, section, option):
    cfg = config()
    part = cfg
    for key in section.split('.'):
        part = part[key]
    part.pop(option)
    with pytest.raises(ConfigError, match=f"{section}: .* needs the option '{option}'; give it in the config"):
        Stream.from_config(cfg)


def test_a_missing_seed_is_named(config):
    cfg = config()
    cfg.pop('randomness')
    with pytest.raises(ConfigError, match=r'randomness\.seed is None, expected an integer'):
        Stream.from_config(cfg)


@pytest.mark.parametrize('options', [
    dict(my_variable=3, learning_rate=0.1),
    dict(param_scheduler=[dict(type='LinearLR', start_factor=0.1, begin=0, end=3, by_epoch=False),
                          dict(type='PolyLR', power=0.9, eta_min=0, begin=3, end=9, by_epoch=False)]),
    dict(optim_wrapper__optimizer=dict(_delete_=True, type='SGD', lr=0.1, momentum=0.9)),
    dict(train_cfg=dict(_delete_=True, by_epoch=False, max_iters=9)),
    dict(custom_hooks=[dict(type='EMAHook', momentum=0.01, priority=49)]),
    dict(train_dataloader__dataset__part=dict(index=0, count=2), train_dataloader__prefetch_factor=2),
    dict(model__backbone=dict(_delete_=True, type='mmseg.ResNetV1c', depth=18, base_channels=8)),
    dict(param_scheduler=None),
])
def test_what_mmengine_and_mmsegmentation_take_passes(config, options):
    Stream.from_config(config(**options))


# ---- all at once -----------------------------------------------------------------------------------------------------

#: Mistakes in different places, each with what its sentence begins with.
MISTAKES = dict(
    section=(dict(train_dataloder__batch_size=1), "the config has an unknown section 'train_dataloder'"),
    task=(dict(tasks__depth__type='DepthEstimatoin'), "tasks.depth names the unknown task 'DepthEstimatoin'"),
    method=(dict(method__alhpa=2), "method: HAD has no option 'alhpa'"),
    phase=(dict(phases__0__los_weight=2), "phase 1 has the unknown option 'los_weight'"),
    transform=(dict(train_dataloader__dataset__pipeline__1__type='RandomHorizontalFlop'),
               "train_dataloader.dataset.pipeline[1] names the unknown transform 'RandomHorizontalFlop'"),
    seed=(dict(randomness__seed=-1), 'randomness.seed is -1'),
    model=(dict(model__norm_evl=True), "model: Learner has no option 'norm_evl'"),
    backbone=(dict(model__backbone__dept=18), "model.backbone: ResNet has no option 'dept'"),
    head=(dict(model__head__type='ASPHead'), "model.head names the unknown model 'ASPHead'"),
    loader=(dict(val_dataloader__batchsize=4), "val_dataloader: DataLoader has no option 'batchsize'"),
    loop=(dict(train_cfg__max_epoch=4), "train_cfg: EpochBasedTrainLoop has no option 'max_epoch'"),
    optimizer=(dict(optim_wrapper__optimizer__type='Adm'), "optim_wrapper.optimizer names the unknown optimizer 'Adm'"),
    schedule=(dict(param_scheduler__strat_factor=0), "param_scheduler: LinearWarmupDecayLR has no option"),
    hook=(dict(custom_hooks=[dict(type='EMAHok')]), "custom_hooks[0] names the unknown hook 'EMAHok'"),
    norms=(dict(batch_norm='frozen'), "batch_norm is 'frozen', which is unknown"),
    phase_task=(dict(phases__2__task='norml'), "phase 3 names the unknown task 'norml'"),
    phase_rates=(dict(phases__1__lr_factors=dict(new_heads=1)), "phase 2 has a learning-rate factor for 'new_heads'"),
    phase_loader=(dict(phases__1__val_dataloader=dict(btch_size=4)), "phases[1].val_dataloader: DataLoader has no"),
    phase_heads=(dict(phases__1__old_heads='adapt'), "phases[1].old_heads is 'adapt'"))


def with_mistakes(config, names):
    """The tiny stream with these mistakes."""
    cfg = config()
    for name in names:
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in MISTAKES[name][0].items()})
    return cfg


def test_five_mistakes_in_five_places_are_five_sentences_at_once(config):
    names = ['section', 'task', 'method', 'phase', 'transform']
    cfg = with_mistakes(config, names)
    with pytest.raises(ConfigError) as caught:
        train_stream(cfg)
    problems = caught.value.problems
    assert len(problems) == 5 and all(problem.endswith('?') for problem in problems)
    for name in names:
        assert sum(problem.startswith(MISTAKES[name][1]) for problem in problems) == 1
    assert str(caught.value).splitlines() == [
        'found 5 problems:', *(f'{number}. {problem}' for number, problem in enumerate(problems, 1))]
    assert not Path(cfg.work_dir).exists()


@pytest.mark.parametrize('name', MISTAKES)
def test_one_mistake_is_one_sentence(config, name):
    with pytest.raises(ConfigError) as caught:
        Stream.from_config(with_mistakes(config, [name]))
    assert len(caught.value.problems) == 1 and str(caught.value).startswith(MISTAKES[name][1])


@pytest.mark.parametrize('seed', range(12))
def test_any_mistakes_are_all_named_and_nothing_else_is(config, seed):
    generator = random.Random(seed)
    names = generator.sample(list(MISTAKES), generator.randint(2, len(MISTAKES)))
    with pytest.raises(ConfigError) as caught:
        Stream.from_config(with_mistakes(config, names))
    problems = caught.value.problems
    assert len(problems) == len(names)
    for name in names:
        assert sum(problem.startswith(MISTAKES[name][1]) for problem in problems) == 1


def test_a_mistake_of_the_stream_is_not_repeated_for_each_phase_that_merges_with_it(config):
    cfg = config(method__alhpa=2, phases=[dict(task='segmentation'), dict(task='depth', method=dict(alpha=3.0)),
                                          dict(task='normal', method=dict(bta=1))])
    with pytest.raises(ConfigError) as caught:
        Stream.from_config(cfg)
    assert [problem.split(';')[0] for problem in caught.value.problems] == [
        "method: HAD has no option 'alhpa'", "phases[2].method: HAD has no option 'bta'"]


def test_what_follows_from_a_misspelt_section_is_not_named(config):
    cfg = config()
    cfg.methd = cfg.pop('method')
    with pytest.raises(ConfigError) as caught:
        Stream.from_config(cfg)
    assert caught.value.problems == ("the config has an unknown section 'methd'; did you mean 'method'?", )


def test_what_a_method_lacks_is_named_beside_what_is_misspelt(config):
    cfg = config(dict(type='ICaRL', weight=1.0, memory_size=51), custom_hooks=[dict(type='EMAHok')])
    with pytest.raises(ConfigError) as caught:
        Stream.from_config(cfg)
    assert [problem.split(';')[0] for problem in caught.value.problems] == [
        "custom_hooks[0] names the unknown hook 'EMAHok'",
        'method: ICaRL is configured to store 51 images, but the stream allows 50']
