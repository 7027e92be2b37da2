import pytest

from lhl.apis.benchmark import plan_benchmark
from lhl.errors import RunError


def test_the_folder_of_another_suite_is_refused(bench):
    bench.run(only=['vanilla'])
    with pytest.raises(RunError, match='belongs to the suite mine, not tiny_synthrooms; choose another `work_dir`'):
        plan_benchmark('tiny_synthrooms', [0], bench.work_dir)
    (bench.work_dir / 'benchmark.json').write_text('[]')
    with pytest.raises(RunError, match='is not the state of a benchmark'):
        bench.plan()
