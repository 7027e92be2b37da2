"""The tables that can be trained again: what of the paper stands in which config, as plain data."""
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lhl.apis.benchmark.suites import SUITES, Group, Member
from lhl.errors import ConfigError, suggest
from lhl.evaluation import published_table


@dataclass(frozen=True)
class Part:
    """A part of a table: the rows that share a reference.

    Args:
        published: Its name among :func:`~lhl.evaluation.published_tables`.
        group: What is trained for it; members without a printed row only where they are asked for.
    """

    published: str
    group: Group


@dataclass(frozen=True)
class Table:
    """A table of a paper.

    Args:
        name: Its name on the command line.
        parts: Its parts in printed order.
        needs: Whose runs its members start from.
    """

    name: str
    parts: tuple[Part, ...]
    needs: tuple[Member, ...] = ()


#: The printed row of each member; others are called as their row.
_ROWS = {
    'vanilla': 'Vanilla', 'joint': 'Joint', 'ewc': 'EWC', 'icarl': 'iCaRL', 'lwf': 'LwF', 'der': 'DER', 'spg': 'SPG',
    'sgp': 'SGP', 'had': 'HAD', 'local_pod_fro': 'Local POD fro', 'local_pod_l1': 'Local POD L1',
    'local_pod_l2': 'Local POD L2', 'global_pod_fro': 'Global POD fro', 'global_pod_l1': 'Global POD L1',
    'single_task': 'Single-task', 'multi_task': 'Multi-task', 'kdam': 'KDAM', 'intra': 'KDAM intra only',
    'inter': 'KDAM inter only', **{f'{method}_from_{teacher}': f'{row} from {network}'
                                    for method, row in (('kd', 'Plain KD'), ('dist', 'DIST'), ('kdam', 'KDAM'))
                                    for teacher, network in (('swin_l', 'Swin-L'), ('swin_b', 'Swin-B'))},
    'hcl_kd': 'KD', 'hcl': 'HCL', 'agem': 'A-GEM', 'er': 'ER', 'derpp': 'DER++', 'hcl_kd_buffer': 'KD with buffer'}


def row_of(member: Member) -> str:
    """Give the printed row of a member, or else its name."""
    return _ROWS.get(member.name, member.name.replace('_', ' '))


def _group(suite: str, backbone: str = '') -> Group:
    return next(group for group in SUITES[suite].groups if group.name == backbone)


def _part(published: str, group: Group, name: str = '', order: Sequence[str] = ()) -> Part:
    """Take a group of a suite; its tasks in another order, where joint training knows none."""
    def ordered(member: Member) -> Member:
        one_phase = member.name.startswith('joint')
        return replace(member, options=(*member.options, f'order=[{",".join(order)}]')) if order and not one_phase \
            else member
    return Part(published, Group(name, ordered(group.reference), tuple(map(ordered, group.members)),
                                 tuple(map(ordered, group.upper_bounds))))


def _kdam(name: str, **options: str) -> Member:
    """The config ``configs/kdam/NAME.py`` with other options."""
    return Member(name, f'configs/kdam/{name}.py', tuple(f'{key.replace("__", ".")}={value}'
                                                         for key, value in options.items()))


def _student(network: str, stream: str, *students: Member) -> Group:
    """A network alone, with a model for each task and for all, and what it learns from teachers."""
    alone = [replace(_kdam(f'{name}_{network}_{stream}'), name=called)
             for name, called in (('single_task', 'single_task'), ('joint', 'multi_task'))]
    return Group(network, alone[0], (alone[1], *students))


def _taught(network: str, stream: str) -> Part:
    """A part of Tables 1 and 3."""
    student = replace(_kdam(f'kdam_swin_l_to_{network}_{stream}'), name='kdam')
    table = dict(nyud=1, pascal_context=3)[stream]
    return Part(f'kdam_table_{table}_{network}', _student(network, stream, student))


def _distilled(network: str, *teachers: str) -> Part:
    """A part of Table 4."""
    students = [replace(_kdam(f'{method}_{teacher}_to_{network}_nyud'), name=f'{method}_from_{teacher}')
                for teacher in teachers for method in ('kd', 'dist', 'kdam')]
    return Part(f'kdam_table_4_{network}', _student(network, 'nyud', *students))


def _ablation(published: str, name: str, method: str, option: str, values: Sequence[str], default: str,
              row: str) -> Part:
    """A part of Tables 5 and 7: values of one option of Swin-T that learns from Swin-L."""
    members = {value: replace(_kdam(f'{method}_swin_l_to_swin_t_nyud', **{option: value}),
                              name=row.format(value).replace(' ', '_')) for value in values}
    return Part(published, Group(name, members.pop(default), tuple(members.values())))


def _parts_of_the_loss() -> Part:
    name = 'kdam_swin_l_to_swin_t_nyud'
    members = [replace(_kdam(name, method__inter_weight='0'), name='intra'),
               replace(_kdam(name, method__intra_weight='0'), name='inter'), replace(_kdam(name), name='kdam')]
    return Part('kdam_table_6', Group('', replace(_kdam('joint_swin_t_nyud'), name='multi_task'), tuple(members)))


_NYUV2, _NYUV2_R50 = _group('nyuv2', 'r18'), _group('nyuv2', 'r50')
_CITYSCAPES, _CITYSCAPES_R50 = _group('cityscapes', 'r18'), _group('cityscapes', 'r50')
_SWIN_L = _kdam('joint_swin_l_nyud')
_STUDENTS = ('hrnet18', 'swin_t', 'swin_s')
TABLES = {table.name: table for table in (
    Table('had-table1', (_part('had_table_1_resnet18', _NYUV2, 'r18'),
                         _part('had_table_1_resnet50', _NYUV2_R50, 'r50'))),
    Table('had-table2', (_part('had_table_2', _group('taskonomy')), )),
    Table('had-table7', (_part('had_table_7_sequence2', _NYUV2, 'sequence2', ('normal', 'depth', 'segmentation')),
                         _part('had_table_7_sequence3', _NYUV2, 'sequence3', ('depth', 'segmentation', 'normal')))),
    Table('had-table8', (_part('had_table_8_segmentation_depth', _CITYSCAPES, 'segmentation_depth'),
                         _part('had_table_8_depth_segmentation', _CITYSCAPES, 'depth_segmentation',
                               ('depth', 'segmentation')))),
    Table('had-table9', (_part('had_table_9', _CITYSCAPES_R50), )),
    Table('had-table10', (_part('had_table_10', _NYUV2), )),
    Table('kdam-table1', tuple(_taught(network, 'nyud') for network in _STUDENTS), (_SWIN_L, )),
    Table('kdam-table3', tuple(_taught(network, 'pascal_context') for network in _STUDENTS),
          (_kdam('joint_swin_l_pascal_context'), )),
    Table('kdam-table4', (_distilled('swin_t', 'swin_l', 'swin_b'), _distilled('swin_s', 'swin_l')),
          (_SWIN_L, _kdam('joint_swin_b_nyud'))),
    Table('kdam-table5', (
        _ablation('kdam_table_5_beta', 'beta', 'kd', 'method__weight', ('0.1', '0.5', '1', '2', '4', '8', '16'), '1',
                  'beta {}'),
        _ablation('kdam_table_5_temperature', 'temperature', 'kd', 'method__temperature',
                  ('0.1', '0.5', '1', '3', '4', '8', '16'), '3', 'T {}')), (_SWIN_L, )),
    Table('kdam-table6', (_parts_of_the_loss(), ), (_SWIN_L, )),
    Table('kdam-table7', (_ablation('kdam_table_7', '', 'kdam', 'train_cfg__max_epochs',
                                    ('100', '200', '300', '400', '600'), '400', '{} epochs'), ), (_SWIN_L, )),
    *(Table(f'hcl-{name.replace("_", "-")}', (Part(f'hcl_split_{name}', _group(f'split_{name}')), ))
      for name in ('cifar10', 'cifar100', 'tiny_imagenet')),
)}
#: Tables of which no row can be trained, and why.
NOT_HERE = {'kdam-table2': 'its students are InvPT and DeMT, architectures that lhl does not have'}


def find_table(name: str) -> Table:
    """Look up a table.

    Raises:
        ConfigError: If no table has that name, or none of its rows can be trained.
    """
    if name in NOT_HERE:
        raise ConfigError(f'{name} cannot be trained: {NOT_HERE[name]}; {suggest("", TABLES)}')
    if name not in TABLES:
        raise ConfigError(f'there is no table {name!r}; {suggest(name, TABLES)}')
    return TABLES[name]


def printed_members(part: Part) -> list[Member]:
    """List the members that have a row in the printed table, the reference first."""
    printed = published_table(part.published).rows
    return [member for member in part.group.all_members if row_of(member) in printed]


def describe_tables() -> str:
    """List the tables, what they are of, and their rows, for a person."""
    lines = []
    for table in TABLES.values():
        lines.append(f'{table.name}:')
        for part in table.parts:
            published = published_table(part.published)
            lines += [f'  {published.table}: {published.dataset}, {published.backbone}, {", ".join(published.stream)}',
                      f'    {", ".join(row for row in published.rows if row not in published.not_here)}']
            lines += [f'    not here: {", ".join(published.not_here)}'] if published.not_here else []
        lines += [f'  starts from: {", ".join(member.name for member in table.needs)}'] if table.needs else []
    lines += [f'{name}: not here, {why}' for name, why in NOT_HERE.items()]
    return '\n'.join(lines)
