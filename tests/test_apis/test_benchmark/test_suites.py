import copy
import functools

import pytest
from mmengine.config import Config
from test_engine.resolved import phase_config
from test_engine.tiny_stream import CONFIGS, ROOT

from lhl.apis.benchmark.suites import SUITES
from lhl.config_files import parse_options
from lhl.engine import Stream, plan
from lhl.registry import METHODS

#: Made as other suites are, of configs that tests/test_configs resolves, too.
LIKE_OTHERS = ('cityscapes', 'nyuv2', 'taskonomy', 'split_cifar10', 'split_cifar100', 'split_tiny_imagenet')


def marks(suite, group):
    return [pytest.mark.slow] if suite.name in LIKE_OTHERS or group.name == 'normals_first' else []


#: Whose configs have options: tests/test_configs resolves the others.
MEMBERS = [pytest.param(suite, group, member, id='-'.join(filter(None, [suite.name, group.name, member.name])),
                        marks=marks(suite, group))
           for suite in SUITES.values() for group in suite.groups for member in group.all_members if member.options]
#: Configs that are no member: the other readings of the paper, the ablations on NYUv2, the growing backbones that
#: need ImageNet weights, and what a teacher from another run teaches on the data of the paper.
NOT_IN_A_SUITE = ('*/*_literal_*_nyuv2.py', '*/*_appendix_f.py', '*/*_long_warmup.py', '*/ablations/*_nyuv2.py',
                  '*/*_growing_nyuv2.py', 'kdam/*.py', 'joint/joint_tiny_synthtaskonomy.py')


@functools.cache
def read(path):
    return Config.fromfile(ROOT / path)


@functools.cache
def stream(member):
    cfg = Config(read(member.config).to_dict())
    cfg.merge_from_dict(parse_options(member.options))
    return Stream.from_config(cfg)


def config(member):
    return copy.deepcopy(stream(member).cfg)


def method_of(member, phase):
    """The method as this phase gets it."""
    cfg = config(member)
    cfg.work_dir = 'run'
    return phase_config(cfg, phase).method


@pytest.mark.parametrize('suite, group, member', MEMBERS)
def test_the_config_of_every_member_can_run_with_its_options(suite, group, member):
    assert stream(member).phases


@pytest.mark.parametrize('suite, group', [pytest.param(suite, group, id=f'{suite.name}-{group.name}',
                                                       marks=marks(suite, group))
                                          for suite in SUITES.values() for group in suite.groups])
def test_a_group_can_be_compared(suite, group):
    assert len({member.name for member in group.all_members}) == len(group.all_members)
    streams = {tuple(stream(member).tasks) for member in group.all_members}
    assert len(streams) == 1
    for member in group.upper_bounds:
        requires = METHODS.build(config(member).method.to_dict()).requires
        assert requires.single_phase or requires.separate_models
    if suite.name == 'distillation':  # of a student from a larger network, over the student alone
        assert config(group.reference).method.type == 'Joint'
        return
    is_joint = config(group.reference).method.type == 'Joint'
    assert is_joint == suite.name.startswith('split_')
    vanilla = group.members[0] if is_joint else group.reference
    assert config(vanilla).method.type == 'Vanilla'  # joint training is the reference where Vanilla's accuracies are 0
    reference = plan.first_phase_hash(stream(vanilla))
    own = {member.name for member in group.all_members
           if plan.first_phase_hash(stream(member)) not in (reference, None)}
    assert reference and all('pod' in name for name in own)  # POD taps more feature maps


def test_names_of_suites_and_groups_are_folders():
    assert all(name == suite.name for name, suite in SUITES.items())
    for suite in SUITES.values():
        names = [group.name for group in suite.groups]
        assert len(set(names)) == len(names) and (len(names) == 1 or all(names))
        for name in names + [member.name for group in suite.groups for member in group.all_members]:
            assert '/' not in name and ' ' not in name


def test_every_config_of_a_stream_is_in_a_suite():
    used = {ROOT / member.config for suite in SUITES.values() for group in suite.groups
            for member in group.all_members}
    endings = ('_tiny_synthrooms', '_nyuv2', '_cityscapes', '_taskonomy', '_split_synth_objects', '_split_digits',
               '_split_cifar10', '_split_cifar100', '_split_tiny_imagenet')
    shipped = {path for ending in endings for path in CONFIGS.glob(f'*/**/*{ending}*.py') if '_base_' not in path.parts}
    left_out = {path for pattern in NOT_IN_A_SUITE for path in CONFIGS.glob(pattern)}
    assert shipped - used - left_out == set()


def test_the_orders_are_those_of_table_7():
    orders = [tuple(phase['task'] for phase in config(group.reference).to_dict()['phases'])
              for group in SUITES['orders'].groups]
    assert orders == [('segmentation', 'depth', 'normal'), ('normal', 'depth', 'segmentation'),
                      ('depth', 'segmentation', 'normal')]
    assert [group.name for group in SUITES['orders'].groups] == ['_'.join(order) for order in orders]


def test_the_values_are_those_of_tables_11_and_12():
    group, = SUITES['sensitivity'].groups
    by_name = {member.name: [method_of(member, phase) for phase in (2, 3)] for member in group.members}
    had = by_name.pop('had')
    thresholds = [[(method.group_threshold, method.saliency_guided.edge_threshold) for method in methods]
                  for name, methods in by_name.items() if name.startswith('group_')]
    assert thresholds == [[(k / 10, tau / 10)] * 2 for k in range(5, 10) for tau in range(5, 10)]
    alphas = [[method.alpha for method in methods] for name, methods in by_name.items() if name.startswith('alpha_')]
    assert alphas == [[alpha] * 2 for alpha in range(1, 7)]
    assert len(by_name) == 25 + 6
    for name, methods in by_name.items():
        kept = ['alpha'] if name.startswith('group_') else ['group_threshold', 'saliency_guided']
        assert all(method[key] == own[key] for method, own in zip(methods, had, strict=True) for key in kept)
    assert by_name['group_0.7_edge_0.9'][0].group_threshold == 0.7
