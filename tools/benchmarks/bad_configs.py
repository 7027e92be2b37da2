"""Bad configs: every value of a good one made impossible in every way that its type allows, one at a time."""
import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

_GONE = object()
#: Options of one's own at the top, and what a value cannot be wrong in.
_SKIPPED = ('torch_default*', 'data_root', 'launcher', 'work_dir', '*._scope_')
#: What is valid although it is unusual: path=value -> why.
VALID = {
    'model.head.in_channels=None': 'the learner counts them',
    'model.head.in_channels=[[]64]': 'as many as one feature map has',
    'model.head.dilations=(*': 'none, or several alike',
    'model.backbone.out_indices=(*': 'a feature map may be given twice',
    '*.init_cfg.layer=*': 'layers may be of any class; all are meant without one',
    '*.init_cfg=[[]*': 'several, or none',
    'param_scheduler=[[]*': 'several, or none',
    'phases.1.param_scheduler=[[][]]': 'none',
    'phases.2.old_heads=None': 'the default',
    'param_scheduler.milestones=()': 'none',
    'optim_wrapper.amp=None': 'single precision',
    '*.scales=*': 'any numbers of at least 1',
    'tasks.depth.mean=-7.0': 'any number',
    'model.data_preprocessor.mean=[[]1.0, 1.0, 1.0]': 'any numbers from 0 to 1',
    'model.data_preprocessor.std=[[]0.7, 0.7, 0.7]': 'any numbers up to 1',
    '*.part.index=[[]0]': 'a list of parts',
    '*.scale=[[]1.[02]*, 2.[05]*]': 'any numbers above 0',
    '*: method.distance.temperature=None': 'the default, hard pseudo-labels',
    'DIS: method.temperature=None': 'the default, hard pseudo-labels',
    'had: method.temperature=None': 'the default, hard pseudo-labels',
    'had: method.num_intervals=None': 'the default, two groups',
    'pretrained: *.init_cfg.sha256=None': 'the default, any file',
    'own: *.invalid=[[]0]': 'several numbers may mark what is unknown',
    'own: *.invalid=[-0-9ni]*': 'any number may, NaN among them',
    'own: *.splits.vall': 'splits may have any names',
    'own: *.splits.trainn': 'splits may have any names',
    'own: *.split_seed=-7': 'any whole number',
}
#: Options with a good value, so that each can be spoilt; None stands for a method without options.
METHODS: dict[str, dict[str, Any]] = {
    'DIS': dict(alpha=1.0, temperature=2.0, evaluation_mode=False),
    'DER': dict(weight=0.5, memory_size=4, replay_batch_size=2),
    'DERpp': dict(weight=0.5, label_weight=0.5, memory_size=4, replay_batch_size=2),
    'ER': dict(weight=1.0, memory_size=4, replay_batch_size=2), 'AGEM': dict(memory_size=4, replay_batch_size=2),
    'DetachedDistillation': dict(alpha=1.0), 'EWC': dict(penalty=1.0), 'OnlineEWC': dict(penalty=1.0, decay=0.9),
    'GlobalPOD': dict(weight=0.1, norm='fro'), 'LocalPOD': dict(weight=0.1, norm='l1'),
    'GPM': dict(threshold=0.9, threshold_step=0.003, num_images=4, edit='update',
                freeze_rest=False),
    'SGP': dict(scale=5.0, threshold=0.9, threshold_step=0.003, num_images=4, edit='update'),
    'HCL': dict(weight=1.0, num_images=2, inversion=dict(type='QuickDeepInversion', steps=2, warmup_steps=1,
                                                          learning_rate=0.03)),
    'ICaRL': dict(weight=1.0, memory_size=4, replay_batch_size=2, store='labels', select='herding'),
    'LwF': dict(weight=1.0, temperature=2.0, old_classes_only=False),
    'LwP': dict(alpha=1.0, distance_weight=1.0, group_threshold=0.5, num_positions=16), 'SPG': dict(edit='update'),
    'TwoStageDistillation': dict(alpha=1.0, optimizer=dict(type='Adam', lr=1e-3, weight_decay=0.0)),
    'RCD': dict(distance=dict(type='DIS', temperature=2.0), kappa=1.5, start=0.1, rate=0.05),
    'Combined': dict(methods=[dict(type='EWC', penalty=1.0), dict(type='LwF', weight=1.0)]),
}
#: Those that learn all tasks at once from the network of another run, the one without a method.
STUDENTS: dict[str, dict[str, Any]] = {
    'KDAM': dict(inter_weight=1.0, intra_weight=1.0, temperature=1.0, weight=1.0, distilled_tasks=['depth', 'normal'],
                 task_weights=dict(depth=2.0)),
    'KD': dict(temperature=1.0), 'DIST': dict(inter_weight=1.0, intra_weight=1.0, temperature=1.0),
}
#: Sections in another form than the tiny stream's, each with good values.
OTHERS: dict[str, dict[str, Any]] = {
    'schedules': dict(param_scheduler=[
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=1),
        dict(type='PolyLR', power=0.9, eta_min=1e-6, by_epoch=False, begin=1, end=2)]),
    'multi-step': dict(param_scheduler=dict(type='MultiStepLR', milestones=[1], gamma=0.1, by_epoch=True)),
    'cosine': dict(param_scheduler=dict(type='CosineAnnealingLR', T_max=2, eta_min=0.0, by_epoch=False)),
    'sgd': dict(optim_wrapper=dict(
        type='MethodOptimWrapper', accumulative_counts=1, amp='bfloat16', nonfinite='stop', max_skipped=3,
        optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0, nesterov=True))),
    'iterations': dict(train_cfg=dict(by_epoch=False, max_iters=2, val_interval=1)),
    'transforms': dict(train_dataloader=dict(dataset=dict(pipeline=[
        dict(type='RandomScaleCrop', scales=(1.0, 1.2)), dict(type='RandomResizedCropPad', size=(32, 48),
                                                              scale=(0.5, 2.0), cat_max_ratio=0.75),
        dict(type='PhotometricDistortion', brightness=0.1, contrast=0.5, saturation=0.5, hue=18.0),
        dict(type='RandomGrayscale', probability=0.2), dict(type='RandomPaddedCrop', padding=2),
        dict(type='Resize', size=(32, 48)), dict(type='PackSample')]))),
    'options': dict(
        tasks=dict(depth=dict(mean=2.0, std=1.5), segmentation=dict(label_smoothing=0.1),
                   normal=dict(metrics=[dict(type='LossMetric')])),
        batch_norm='freeze_statistics', stored_images=10,
        model=dict(norm_eval=False, channels_last=True,
                   data_preprocessor=dict(type='DensePreprocessor', mean=[0.5, 0.5, 0.5], std=[0.2, 0.2, 0.2])),
        custom_hooks=[dict(type='EMAHook', momentum=0.01, priority=49)],
        train_dataloader=dict(dataset=dict(part=dict(index=0, count=3, seed=1)))),
    'phases': dict(phases=[
        dict(task='segmentation', loss_weight=1.0, train_cfg=dict(max_epochs=1), train_dataloader=dict(batch_size=2)),
        dict(task='depth', method=dict(alpha=0.5), lr_factors=dict(encoder=1.0, new_head=1.0, old_heads=0.5),
             optim_wrapper=dict(optimizer=dict(lr=0.001)), param_scheduler=dict(warmup=0.5)),
        dict(task='normal', backbone=dict(depth=34), old_heads='adapted',
             val_dataloader=dict(batch_size=2))]),
    'had': dict(method=dict(
        type='HAD', alpha=1.0, group_threshold=0.9, num_intervals=5, edge_source='loss', arithmetic_regression=False,
        saliency_of_regression=True, temperature=2.0, evaluation_mode=False,
        distribution_balanced=dict(type='DistributionBalancedLoss', mean='geometric', divisor='present', balance=1.0,
                                   relative_epsilon=0.1),
        saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5, normalize=True))),
    'stopping': dict(phases=[
        dict(task='segmentation', early_stopping=dict(metric='segmentation/mIoU', patience=1, min_delta=0.1)),
        dict(task='depth', early_stopping=dict(metric='segmentation/mIoU', patience=2)), dict(task='normal')]),
    'machine': dict(
        teacher=dict(cache='exact', memory_gib=2.0, fold=False, compile=False),
        env_cfg=dict(decoded_cache_gib=1.0, cudnn_benchmark=False,
                     mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0)),
        visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend'),
                                                         dict(type='TensorboardVisBackend')]),
        auto_scale_lr=dict(enable=False, base_batch_size=4)),
    'order': dict(order=['depth', 'segmentation', 'normal']),
    'colours': dict(
        tasks=dict(colour=dict(type='ImageReconstruction')), phases=[dict(task='colour')],
        train_dataloader=dict(dataset=dict(folders=dict(colour='image'), pipeline=[
            dict(type='RandomMask', block=12, share=0.3), dict(type='PackSample')]))),
    'joint': dict(phases=[dict(tasks=['segmentation', 'depth', 'normal'])],
                  method=dict(type='Joint', _delete_=True, task_weights=dict(segmentation=1.0, depth=2.0))),
}


class BadConfig(NamedTuple):
    """A config with one mistake.

    Attributes:
        path: Where, with dots.
        mistake: What is there.
        config: The config.
        valid: Why it can be trained all the same; empty where it cannot.
    """

    path: str
    mistake: str
    config: dict
    valid: str


def bad_configs(base: Mapping, own: Mapping, run: str, sha256: str) -> Iterator[BadConfig]:
    """Spoil a good config, then the options of other methods, and other forms of its sections.

    Args:
        base: Of the tiny stream.
        own: Of one's own images.
        run: A run whose backbone others may start from, or learn from.
        sha256: Of the file of its last phase.
    """
    yield from spoilt(base, base)
    yield from spoilt(own, {section: own[section] for section in _OF_OWN}, 'own: ')
    weights = dict(type='Pretrained', checkpoint=f'{run}/phase3_normal/phase.safetensors', prefix='backbone.',
                   sha256=sha256)
    pretrained = dict(model=dict(backbone=dict(init_cfg=weights)))
    yield from spoilt(merged(base, pretrained), pretrained, 'pretrained: ')
    for name, options in STUDENTS.items():
        good = {**base, 'method': dict(type=name, teacher=run, **options),
                'phases': [dict(tasks=['segmentation', 'depth', 'normal'])]}
        yield from spoilt(good, dict(method=good['method']), f'{name}: ')
    for name, options in METHODS.items():
        good = {**base, 'method': dict(type=name, **options)}
        good['phases'] = [{'task': entry['task']} for entry in base['phases']]
        yield from spoilt(good, dict(method=good['method']), f'{name}: ')
    for name, sections in OTHERS.items():
        good = merged(base, sections)
        if name == 'joint':
            good['method'].pop('_delete_')
            good['method'] = {key: good['method'][key] for key in ('type', 'task_weights')}
        yield from spoilt(good, sections, f'{name}: ')


def spoilt(base: Mapping, part: Mapping, prefix: str = '') -> Iterator[BadConfig]:
    """Spoil each value of a config that a part of it names."""
    for path, value in _values(part):
        name = '.'.join(map(str, path))
        if any(fnmatchcase(name, pattern) for pattern in _SKIPPED) or path[-1] == '_delete_':
            continue
        for mistake, changed in _mistakes(path, value):
            text = f'{name}{"" if mistake.startswith(".") else "="}{mistake}'
            yield BadConfig(f'{prefix}{name}', f'{prefix}{text}', _with(base, path, changed), next(
                (why for pattern, why in VALID.items() if fnmatchcase(text, pattern)
                 or fnmatchcase(f'{prefix}{text}', pattern)), ''))


def merged(base: Any, changes: Any) -> Any:
    """Change some values of nested dictionaries."""
    if not (isinstance(base, Mapping) and isinstance(changes, Mapping)) or 'type' in changes:
        return copy.deepcopy(changes)
    return {**base, **{key: merged(base.get(key), value) for key, value in changes.items()}}


def as_python(config: Mapping) -> str:
    """Write a config as a file that gives it back, NaN and infinity included."""
    return 'inf = float("inf")\nnan = inf - inf\n' + ''.join(
        f'{key} = {value!r}\n' for key, value in config.items()) + 'del inf, nan\n'


def _values(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """List all values with where they are."""
    if path:
        yield path, value
    parts: Iterable = value.items() if isinstance(value, Mapping) else (
        enumerate(value) if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping) else ())
    for key, part in parts:
        yield from _values(part, (*path, key))


def _mistakes(path: tuple, value: Any) -> Iterator[tuple[str, Any]]:
    """Give what a value cannot be, and how that is called."""
    found: list[Any] = []
    if isinstance(value, bool):
        found = ['perhaps', 2.5, [], {}]
    elif isinstance(value, int):
        found = ['many', value + 0.5, math.nan, math.inf, -7, [value], {'a': 1}, None]
    elif isinstance(value, float):
        found = ['many', math.nan, math.inf, -7.0, [value, value], {'a': 1}, None]
    elif isinstance(value, str):
        found = [7, 'no such thing', '', [value], {'a': 1}, None]
    elif isinstance(value, Mapping):
        yield '.colour_=3', {**value, 'colour_': 3}
        for name in list(value)[:3]:
            yield f'.{name}{name[-1]}', {f'{name}{name[-1]}' if k == name else k: v for k, v in value.items()}
        if 'type' in value:
            yield '.type=Missing', {**value, 'type': 'Missing'}
            yield '.type=gone', {k: v for k, v in value.items() if k != 'type'}
            yield '.type=os.getcwd', {**value, 'type': 'os.getcwd'}
        found = ['text', 7, [], [value], math.nan]
    elif isinstance(value, list | tuple):
        found = ['text', 7, {}, [math.nan], ['x'], [[1]], [None]]
        if value and isinstance(value[0], int | float):
            found += [(*value, *value, 1), [-9 for _ in value], [0.5 + entry for entry in value], ()]
    yield from ((repr(wrong), wrong) for wrong in found)
    if '.'.join(map(str, path)) in _NEEDED:
        yield '.gone', _GONE


#: What a config of one's own images has in another form.
_OF_OWN = ('tasks', 'train_dataloader', 'val_dataloader')
#: What a config cannot do without.
_NEEDED = ('model', 'model.backbone', 'model.head', 'model.backbone.depth', 'tasks', 'tasks.depth', 'phases',
           'phases.0.task', 'method', 'method.alpha', 'method.group_threshold', 'train_dataloader', 'val_dataloader',
           'train_dataloader.dataset', 'train_dataloader.batch_size', 'train_dataloader.sampler',
           'train_dataloader.dataset.data_root', 'train_dataloader.dataset.split', 'train_dataloader.dataset.pipeline',
           'val_dataloader.dataset', 'optim_wrapper', 'optim_wrapper.optimizer', 'optim_wrapper.optimizer.lr',
           'train_cfg', 'train_cfg.max_epochs', 'randomness', 'randomness.seed')


def _with(base: Mapping, path: tuple, value: Any) -> dict:
    """Copy a config with another value at a place."""
    config = copy.deepcopy(dict(base))
    part: Any = config
    for key in path[:-1]:
        if isinstance(part[key], tuple):
            part[key] = list(part[key])
        part = part[key]
    if value is _GONE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return config
