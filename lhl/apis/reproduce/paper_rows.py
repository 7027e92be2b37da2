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
    """

    name: str
    parts: tuple[Part, ...]


#: The printed row of each member.
ROWS = {
    'vanilla': 'Vanilla', 'joint': 'Joint', 'ewc': 'EWC', 'icarl': 'iCaRL', 'lwf': 'LwF', 'der': 'DER', 'spg': 'SPG',
    'sgp': 'SGP', 'had': 'HAD', 'local_pod_fro': 'Local POD fro', 'local_pod_l1': 'Local POD L1',
    'local_pod_l2': 'Local POD L2', 'global_pod_fro': 'Global POD fro', 'global_pod_l1': 'Global POD L1'}


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


_NYUV2, _NYUV2_R50 = _group('nyuv2', 'r18'), _group('nyuv2', 'r50')
_CITYSCAPES, _CITYSCAPES_R50 = _group('cityscapes', 'r18'), _group('cityscapes', 'r50')
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
)}


def find_table(name: str) -> Table:
    """Look up a table.

    Raises:
        ConfigError: If no table has that name.
    """
    if name not in TABLES:
        raise ConfigError(f'there is no table {name!r}; {suggest(name, TABLES)}')
    return TABLES[name]


def printed_members(part: Part) -> list[Member]:
    """List the members that have a row in the printed table, the reference first."""
    printed = published_table(part.published).rows
    return [member for member in part.group.all_members if ROWS.get(member.name) in printed]


def describe_tables() -> str:
    """List the tables, what they are of, and their rows, for a person."""
    lines = []
    for table in TABLES.values():
        lines.append(f'{table.name}:')
        for part in table.parts:
            published = published_table(part.published)
            lines += [f'  {published.table}: {published.dataset}, {published.backbone}, {", ".join(published.stream)}',
                      f'    {", ".join(published.rows)}']
    return '\n'.join(lines)
