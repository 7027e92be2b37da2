"""The named suites of the benchmark: which configs are trained and compared with each other, as plain data."""
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One config of a suite.

    Args:
        name: Its name within the group, which is also the name of its folder.
        config: Path of the config, as for :func:`lhl.config_files.find_config`.
        options: Changes of the config, written as for ``--cfg-options``.
    """

    name: str
    config: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Configs that are compared with each other: they learn the same stream with the same backbone.

    Args:
        name: Its name within the suite, which is also the name of its folder; empty where a suite has but one group.
        reference: What improvements and costs are relative to; it is trained first. An improvement over 0 does not
            exist, so where fine-tuning ends with an accuracy of 0 it is joint training.
        members: The methods, which are ranked together with the reference.
        upper_bounds: What is no lifelong learning, and shows how far it could come; not ranked.
    """

    name: str
    reference: Member
    members: tuple[Member, ...]
    upper_bounds: tuple[Member, ...] = ()

    @property
    def all_members(self) -> tuple[Member, ...]:
        """The reference, the members and the upper bounds."""
        return (self.reference, *self.members, *self.upper_bounds)


@dataclass(frozen=True)
class Suite:
    """A named list of groups.

    Args:
        name: Its name on the command line.
        description: What it answers, in one line.
        groups: Its groups, in the order in which they are trained.
        needs: Whose runs, with seed 0 in ``needs_dir/NAME``, its members start from: they are trained first, once.
        needs_dir: Where its members look for them.
    """

    name: str
    description: str
    groups: tuple[Group, ...]
    needs: tuple[Member, ...] = ()
    needs_dir: str = 'work_dirs'


_VANILLA = 'vanilla/vanilla'
_METHODS = (
    'ewc/ewc', 'ewc/online_ewc', 'lwf/lwf', 'icarl/icarl', 'er/er', 'agem/agem', 'der/der', 'der/derpp', 'spg/spg',
    'spg/spg_gradient', 'gpm/gpm', 'sgp/sgp', 'pod/local_pod_fro', 'pod/local_pod_l1', 'pod/local_pod_l2',
    'pod/global_pod_fro', 'pod/global_pod_l1', 'pod/global_pod_l2', 'paradigms/detached_distillation',
    'paradigms/two_stage_distillation', 'paradigms/frozen_encoder', 'lwp/lwp', 'hcl/hcl', 'dis/dis', 'had/had',
    'rcd/rcd', 'rcd/rcd_normalized')
_UPPER_BOUNDS = ('joint/joint', 'joint/joint_split', 'single_task/single_task')
#: What learns classes while the architecture changes (HCL); the first of them is fine-tuning.
_SPLIT_METHODS = (_VANILLA, 'lwf/lwf', 'dis/dis', 'rcd/rcd', 'rcd/rcd_normalized', 'hcl/hcl_kd', 'hcl/hcl',
                  'hcl/hcl_kd_buffer', 'er/er', 'agem/agem', 'der/derpp')
_ABLATIONS = ('no_sg', 'no_db', 'arithmetic', '5_groups', '10_groups', '15_groups', 'prediction_edges',
              'arithmetic_regression', 'class_saliency', 'softened_balance', 'soft_targets', 'evaluation_mode')


def _member(path: str, variant: str, options: tuple[str, ...] = ()) -> Member:
    """The config ``configs/PATH_VARIANT.py``, named as its file without the variant."""
    return Member(path.rpartition('/')[2], f'configs/{path}_{variant}.py', options)


def _members(paths: Iterable[str], variant: str, options: tuple[str, ...] = ()) -> tuple[Member, ...]:
    return tuple(_member(path, variant, options) for path in paths)


def _all_methods(name: str, variant: str, more: tuple[str, ...] = ()) -> Group:
    methods = _members((*_METHODS, *more), variant)
    return Group(name, _member(_VANILLA, variant), methods, _members(_UPPER_BOUNDS, variant))


def _split(name: str, images: str) -> Suite:
    """One of HCL's streams: fine-tuning forgets the classes of earlier tasks altogether."""
    joint = Member('joint', f'configs/joint/joint_all_classes_{name}.py')
    group = Group('', joint, _members(_SPLIT_METHODS, name))
    return Suite(name, f'the classes of {images} in tasks, an architecture for each (HCL)', (group, ))


def _order(first: str, second: str, third: str) -> Group:
    """Table 7: one order of the tasks. Every task keeps the options of its phase."""
    variant, tasks = 'tiny_synthrooms', ','.join([first, second, third])
    options = (f'order=[{tasks}]', )
    methods = ('ewc/ewc', 'icarl/icarl', 'lwf/lwf', 'der/der', 'spg/spg', 'sgp/sgp', 'dis/dis', 'had/had')
    joint = _members(['joint/joint'], variant, (f'phases.0.tasks=[{tasks}]', ))
    return Group(f'{first}_{second}_{third}', _member(_VANILLA, variant, options),
                 _members(methods, variant, options), joint)


def _sensitivity() -> Group:
    """Tables 11 and 12: the two thresholds, then alpha; what a table does not vary stays as in HAD's config."""
    config = 'configs/had/had_tiny_synthrooms.py'
    values = ('0.5', '0.6', '0.7', '0.8', '0.9')
    thresholds = [
        Member(f'group_{group}_edge_{edge}', config,
               (f'method.group_threshold={group}', f'method.saliency_guided.edge_threshold={edge}'))
        for group in values for edge in values]
    alphas = [  # in every phase, as the paper has it
        Member(f'alpha_{alpha}', config, tuple(f'phases.{phase}.method.alpha={alpha}' for phase in (1, 2)))
        for alpha in range(1, 7)]
    return Group('', Member('vanilla', 'configs/vanilla/vanilla_tiny_synthrooms.py'),
                 (Member('had', config), *thresholds, *alphas))


_GROWING = ('lwf/lwf', 'dis/dis', 'had/had', 'rcd/rcd', 'rcd/rcd_normalized')


def _growing() -> Group:
    """A backbone per phase, for methods that are not tied to one."""
    variant = 'growing_tiny_synthrooms'
    adapted = Member('had_adapted', 'configs/had/had_growing_adapted_tiny_synthrooms.py')
    return Group('', _member(_VANILLA, variant), (*_members(_GROWING, variant), adapted),
                 _members(['single_task/single_task'], variant))


def _constrained(name: str, variant: str) -> Group:
    """RCD: other bounds and distances, and whether it is the constraint that helps, or only less distillation."""
    config, dis = (f'configs/{method}/{method}_{variant}.py' for method in ('rcd', 'dis'))
    bounds = [Member(f'kappa_{kappa}', config, (f'method.kappa={kappa}', )) for kappa in ('1', '1.25', '2')]
    forms = ('soft', 'had', 'had_softened_balance', 'normalized_searched')
    distances = _members([f'rcd/ablations/rcd_{name}' for name in forms], variant)
    little = ('method.alpha=0.01', *(f'phases.{phase}.method.alpha=0.01' for phase in (1, 2)))
    without_constraint = [
        _member('dis/dis', variant), Member('dis_alpha_0.01', dis, little),
        Member('normalized_constant', f'configs/rcd/rcd_normalized_{variant}.py', ('method.rate=0', )),
        # So large a kappa is never reached: the weight falls by 1 % in each step.
        Member('decaying_weight', config, ('method.kappa=1e9', 'method.rate=1e-11'))]
    methods = _members(['had/had', 'rcd/rcd', 'rcd/rcd_normalized'], variant)
    return Group(name, _member(_VANILLA, variant), (*methods, *bounds, *distances, *without_constraint))


#: Other forms of HAD and RCD on the larger rooms.
_FORMS = ('had/had_literal', 'had/ablations/had_class_saliency', 'rcd/ablations/rcd_soft')
_TEN_TASKS = 'tiny_synthtaskonomy'
_PRETEXT = (Member('pretext_synthrooms3', 'configs/pretext/pretext_synthrooms3.py'), )
_SUITES = (
    Suite('synthrooms3', 'every method on rooms, from a pretext checkpoint, in two orders of the tasks',
          (_all_methods('segmentation_first', 'synthrooms3', _FORMS),
           _all_methods('normals_first', 'synthrooms3_normals_first', _FORMS)), _PRETEXT),
    Suite('synthrooms3_pretrained', 'the rooms of synthrooms3 from ImageNet weights, against a frozen encoder',
          (Group('', _member(_VANILLA, 'synthrooms3_pretrained'),
                 _members(['paradigms/frozen_encoder', 'dis/dis', 'had/had', 'rcd/rcd', 'rcd/rcd_normalized'],
                          'synthrooms3_pretrained')), )),
    Suite('tiny_synthrooms', 'every method on the tiny rooms: segmentation, depth, normals',
          (_all_methods('', 'tiny_synthrooms'), )),
    Suite('ablation', 'the parts of HAD (Table 4, Fig. 5) and other forms of its terms on the tiny rooms',
          (Group('', _member(_VANILLA, 'tiny_synthrooms'),
                 _members(['had/had', 'had/had_literal', *(f'had/ablations/had_{name}' for name in _ABLATIONS)],
                          'tiny_synthrooms')), )),
    Suite('tiny_synthtaskonomy', 'ten tasks, one after the other, on small rooms',
          (Group('', _member(_VANILLA, _TEN_TASKS),
                 _members(['lwf/lwf', 'dis/dis', 'had/had', 'had/ablations/had_soft_targets', 'rcd/rcd',
                           'rcd/rcd_normalized', 'rcd/ablations/rcd_soft', 'paradigms/frozen_encoder'], _TEN_TASKS),
                 _members(['joint/joint_split'], _TEN_TASKS)), )),
    Suite('distillation', 'KD, DIST and KDAM from a teacher with ImageNet weights, on the rooms of synthrooms3',
          (Group('', Member('alone', 'configs/kdam/joint_narrow_synthrooms3.py'),
                 _members(['kdam/kd', 'kdam/dist', 'kdam/kdam'], 'mobilenet_v2_to_narrow_synthrooms3')), ),
          (Member('joint_mobilenet_v2_synthrooms3', 'configs/kdam/joint_mobilenet_v2_synthrooms3.py'), )),
    Suite('rcd', 'RCD with other bounds and distances, and without its constraint, on the rooms of synthrooms3',
          (_constrained('segmentation_first', 'synthrooms3'),
           _constrained('normals_first', 'synthrooms3_normals_first')), _PRETEXT),
    Suite('orders', 'the three orders of the tasks of Table 7 on the tiny rooms, each with a reference of its own',
          (_order('segmentation', 'depth', 'normal'), _order('normal', 'depth', 'segmentation'),
           _order('depth', 'segmentation', 'normal'))),
    Suite('sensitivity', 'the thresholds and the weight of HAD (Tables 11 and 12) on the tiny rooms',
          (_sensitivity(), )),
    Suite('growing', 'a ResNet-18, a ResNet-50 and a Swin, a phase each, on the tiny rooms', (_growing(), )),
    Suite('nyuv2', 'every method on NYUv2 with ResNet-18 and ResNet-50',
          (_all_methods('r18', 'r18_nyuv2'), _all_methods('r50', 'r50_nyuv2'))),
    Suite('cityscapes', 'every method on CityScapes with ResNet-18 and ResNet-50',
          (_all_methods('r18', 'r18_cityscapes'), _all_methods('r50', 'r50_cityscapes'))),
    Suite('taskonomy', 'every method on the ten tasks of Taskonomy with ResNet-18',
          (_all_methods('', 'r18_taskonomy'), )),
    _split('split_synth_objects', 'drawn objects, on a CPU,'),
    _split('split_digits', 'handwritten digits, on a CPU,'),
    _split('split_cifar10', 'CIFAR-10'),
    _split('split_cifar100', 'CIFAR-100'),
    _split('split_tiny_imagenet', 'Tiny ImageNet'),
)
SUITES = {suite.name: suite for suite in _SUITES}
