"""The shipped configs: each can run, each has the paper's settings, and every method has one for every stream."""
import ast
import json
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict
from mmengine.registry import Registry
from test_engine.resolved import phase_config, task_names
from test_engine.tiny_stream import CONFIGS, ROOT

import lhl.registry
from lhl.engine import Stream, config_hash, write_checkpoint
from lhl.engine.checkpoint import CHECKPOINT_VERSION
from lhl.engine.runtime.learner_runner import PlainConfig
from lhl.engine.sources.base import Source, SourcePhase
from lhl.engine.sources.extend import extended_config
from lhl.engine.sources.external_teacher import check_external_teachers
from lhl.evaluation import PhaseResults
from lhl.methods import Joint
from lhl.registry import METHODS, MODELS
from lhl.stored_configs import check_stored_config
from lhl.tasks import build_tasks

LEAVES = [path for path in sorted(CONFIGS.rglob('*.py'))
          if path.relative_to(CONFIGS).parts[0] not in ('_base_', 'extend')]
#: Configs of new tasks, which are no streams without the run that they extend.
EXTENSIONS = sorted((CONFIGS / 'extend').glob('*.py'))
#: The folders of the methods.
FOLDERS = [path for path in sorted(CONFIGS.iterdir()) if path.is_dir() and path.name != '_base_']
#: The hash of each config, by its path.
HASHES = Path(__file__).parent / 'data' / 'config_hashes.json'
#: The data sets and backbones of the paper, in the order of the columns of its Table 6.
STREAMS = ('r18_nyuv2', 'r50_nyuv2', 'r18_cityscapes', 'r50_cityscapes', 'r18_taskonomy')
TINY = 'tiny_synthrooms'
#: KDAM's folder: tasks learned at once with a teacher from another run, on the streams of its paper.
KDAM = CONFIGS / 'kdam'

# ---- what the paper states -----------------------------------------------------------------------------------------

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


@cache
def read(path):
    """A config, read once; the tests must not change it."""
    return Config.fromfile(path)


@cache
def stream_of(path):
    """The stream of a config, resolved once: it is what most of the time of these tests goes into."""
    return Stream.from_config(read(path), check=not is_like_others(path))


def config(method, stream):
    """The config of a method, ``'had/had'``, for a stream."""
    return read(CONFIGS / f'{method}_{stream}.py')


def methods_of(stream):
    """The methods, ``'had/had'``, that have a config for a stream; ablations and second readings have their own."""
    return {f'{path.parent.name}/{path.stem.removesuffix("_" + stream)}'
            for path in CONFIGS.glob(f'*/*_{stream}.py')
            if not {'growing', 'literal'} & {*path.stem.split('_')} and path.parent != KDAM}


METHOD_NAMES = sorted(methods_of('r18_nyuv2'))


# ---- every config --------------------------------------------------------------------------------------------------

def with_teacher(cfg, folder):
    """The config with a checkpoint in place of the run that teaches it: the model of the config that the run is named
    after, without its weights.
    """
    if 'teacher' not in cfg.method:
        return cfg
    teacher = Config(read(KDAM / f'{Path(cfg.method.teacher).name}.py').to_dict())
    teacher.work_dir = str(folder)
    model = json.dumps(phase_config(teacher, 1).model.to_dict())
    write_checkpoint(dict(lhl=dict(version=CHECKPOINT_VERSION, model=model)), folder / 'phase.safetensors')
    cfg = Config(cfg.to_dict())
    cfg.method.teacher = str(folder / 'phase.safetensors')
    return cfg


#: Streams of which two methods and what is no plain config of a method stand for all: the slow tests resolve each.
STREAMS_LIKE_OTHERS = ('r18_nyuv2', 'r50_nyuv2', 'r18_cityscapes', 'r50_cityscapes', 'r18_taskonomy', 'split_cifar10',
                       'split_cifar100', 'split_tiny_imagenet', 'synthrooms3', 'synthrooms3_normals_first')
STANDING_FOR_ALL = ('vanilla', 'had', 'hcl', 'joint')


#: Networks that take seconds to build, where smaller ones stand for them.
LARGE = ('dist_swin_b_to_swin_t_nyud', 'dist_swin_l_to_hrnet18_nyud', 'had_growing_nyuv2', 'hcl_split_cifar100',
         'joint_swin_b_pascal_context', 'joint_swin_l_pascal_context')


def is_like_others(path):
    """Whether other configs of the same stream, method or network stand for this one."""
    separate = path.parent == KDAM and path.stem.startswith('single_task')  # a network for each task
    return separate or path.stem in LARGE or (
        any(path.stem.endswith(f'_{stream}') for stream in STREAMS_LIKE_OTHERS)
        and not any(path.stem == f'{method}_{stream}' for method in STANDING_FOR_ALL for stream in STREAMS_LIKE_OTHERS))


@pytest.mark.parametrize('path', [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if is_like_others(path) else []) for path in LEAVES])
def test_every_shipped_config_passes(path, tmp_path):
    if 'teacher' in read(path).method or is_like_others(path):
        check_external_teachers(Stream.from_config(with_teacher(read(path), tmp_path)))
    else:
        assert stream_of(path).phases


@pytest.mark.parametrize('path', EXTENSIONS, ids=[path.stem for path in EXTENSIONS])
def test_every_config_of_a_new_task_passes_on_top_of_the_quickstart(path):
    old = config('had/had', TINY)
    phases = tuple(SourcePhase(
        dict(task=name, trained_by='HAD'), {name: old.val_dataloader.to_dict()},
        PhaseResults(1, [name], {}, 0, 0, 0, 0, 0, 0, 'hash', ''), {}) for name in task_names(old))
    source = Source(path, phases, old.tasks.to_dict(), old.model.to_dict(), seed=0)
    cfg = extended_config(source, read(path))
    assert task_names(cfg)[:3] == task_names(old) and len(path.read_text().splitlines()) <= 12


@cache
def is_registered(name):
    for registry in vars(lhl.registry).values():
        if isinstance(registry, Registry):
            try:
                if registry.get(name) is not None:
                    return True
            except RuntimeError:  # mmengine's answer to a name that is no importable object either
                pass
    return False


def types_in(value):
    """All names that stand behind the key ``type``, however deep."""
    if isinstance(value, dict):
        return {name for key, part in value.items()
                for name in ([part] if key == 'type' and isinstance(part, str) else types_in(part))}
    if isinstance(value, list | tuple):
        return {name for part in value for name in types_in(part)}
    return set()


def test_the_shipped_configs_name_registered_types_only():
    named = set().union(*(types_in(read(path).to_dict()) for path in LEAVES))
    assert named >= {'Learner', 'HAD', 'DistributionBalancedLoss', 'ASPPHead', 'NYUv2', 'PackSample', 'Adam'}
    assert {name for name in named if not is_registered(name)} == set()
    assert not is_registered('Lerner')


@pytest.mark.parametrize('path', LEAVES[::7], ids=[path.stem for path in LEAVES[::7]])
def test_the_config_that_a_run_keeps_reads_back(path, tmp_path):
    PlainConfig(read(path).to_dict()).dump(tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').to_dict() == read(path).to_dict()


# ---- how they are written --------------------------------------------------------------------------------------------

def bases_of(path):
    """The files that a config inherits from, relative to the folder of the configs."""
    first, *_ = ast.parse(path.read_text()).body
    assert ast.unparse(first.targets[0]) == '_base_'
    return [(path.parent / base).resolve().relative_to(CONFIGS) for base in ast.literal_eval(first.value)]


@pytest.mark.parametrize('path', [*LEAVES, *EXTENSIONS], ids=lambda path: path.stem)
def test_a_config_is_a_stream_and_a_method_or_a_variant_of_another_config(path):
    bases = bases_of(path)
    if len(bases) == 1:
        assert bases[0].parts[0] != '_base_'
        return
    *network, stream, method = bases
    assert (stream.parent, method.parent) == (Path('_base_/streams'), Path('_base_/methods'))
    if path.parent == KDAM:  # which compares networks on one stream
        assert [model.parent for model in network] == [Path('_base_/models')]
    else:
        assert network == []
    assert path.stem.startswith(f'{method.stem}_') and path.stem.endswith(f'_{stream.stem}')


def copies(own, inherited, place):
    """The options that have the value that is inherited anyway."""
    if isinstance(own, Mapping) and isinstance(inherited, Mapping) and '_delete_' not in own:
        return [copy for key in own.keys() & inherited.keys()
                for copy in copies(own[key], inherited[key], f'{place}.{key}')]
    return [place] if own == inherited else []


@pytest.mark.parametrize('path', [*LEAVES, *EXTENSIONS], ids=lambda path: path.stem)
def test_a_config_names_no_option_that_it_inherits(path):
    inherited = {key: value for base in bases_of(path) for key, value in read(CONFIGS / base).to_dict().items()}
    scope = dict(_base_=ConfigDict(deepcopy(inherited)))
    for statement in ast.parse(path.read_text()).body[1:]:
        before = deepcopy(scope['_base_'].to_dict())
        exec(compile(ast.Module([statement], []), str(path), 'exec'), scope)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            assert name not in inherited or copies(scope[name], inherited[name], name) == []
        else:
            assert scope['_base_'].to_dict() != before, ast.unparse(statement)


def identities():
    """The hash of each config, by its path."""
    return {path.relative_to(CONFIGS).as_posix(): config_hash(stream_of(path)) for path in LEAVES}


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_run_of_each_config_can_be_read_from_its_files(path):
    """What a run stores names registered components alone, each of the kind that its place expects."""
    check_stored_config(json.loads(json.dumps(read(path).to_dict())), path)


def test_no_config_has_become_another_by_accident():
    """A run is resumed, and its first phase reused, where the hash of its config is the same.

    Where a config was changed on purpose, or a new one was added: ``python tests/test_configs.py`` rewrites the file,
    and the commit says which configs changed.
    """
    assert identities() == json.loads(HASHES.read_text())


# ---- what the READMEs say --------------------------------------------------------------------------------------------

@pytest.mark.parametrize('folder', FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_the_readme_of_a_method_names_its_configs_and_nothing_that_does_not_exist(folder):
    text = (folder / 'README.md').read_text()
    named = {(ROOT if name.startswith(('configs/', 'lhl/', 'tools/')) else folder) / name
             for name in re.findall(r'[\w./]+\.py\b', text)}
    assert {path for path in named if not path.is_file()} == set()
    assert set(folder.rglob('*.py')) - {path.resolve() for path in named} == set()
    links = {folder / link for link in re.findall(r'\]\(([^)#]+)', text)}
    assert {link for link in links if not link.exists()} == set()


@pytest.mark.parametrize('folder', FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_the_numbers_of_a_readme_are_in_the_pages_and_tables_that_they_are_from(folder):
    sources = [*(ROOT / 'docs').rglob('*.md'), *(ROOT / 'lhl/evaluation/published_tables').glob('*.csv')]
    text = ''.join(source.read_text() for source in sources).replace('**', '')  # where the best are bold
    rows = [line for line in (folder / 'README.md').read_text().splitlines() if line.startswith('| ')]
    numbers = {number for row in rows for number in re.findall(r'(?<![\w.])[+-]?\d+\.\d+(?: ± \d+\.\d+)?', row)}
    assert {number for number in numbers if not re.search(rf'(?<![\d.]){re.escape(number)}(?!\d)', text)} == set()


# ---- every method in every stream ----------------------------------------------------------------------------------

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


# ---- the paper's settings ------------------------------------------------------------------------------------------

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


# ---- the ten tasks on a CPU ----------------------------------------------------------------------------------------

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


# ---- classes that come in tasks, an architecture for each (HCL) -----------------------------------------------------

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


# ---- a teacher from another run ------------------------------------------------------------------------------------

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


if __name__ == '__main__':
    HASHES.write_text(json.dumps(identities(), indent=0) + '\n')
