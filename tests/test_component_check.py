import pytest
from mmengine.registry import Registry

from lhl.component_check import component_problems, option_problems

THINGS = Registry('thing')


@THINGS.register_module()
class Base:
    def __init__(self, width, depth=1):
        pass


@THINGS.register_module()
class Wide(Base):
    def __init__(self, scale, **kwargs):
        super().__init__(1, **kwargs)


@THINGS.register_module()
class Plain:
    pass


@THINGS.register_module()
def anything(size, **kwargs):
    pass


@pytest.mark.parametrize('config, sentences', [
    (dict(type='Base', width=1, depth=2), []),
    (dict(type=Base, width=1), []),
    (None, ['here is None, expected dict(type=NAME, ...)']),
    (dict(width=1), ["here is {'width': 1}, expected dict(type=NAME, ...)"]),
    (dict(type='Bse'), ["here names the unknown thing 'Bse'; did you mean 'Base'?"]),
    (dict(type='Base', width=1, dept=2, deep=3), ["here: Base has no option 'dept'; did you mean 'depth'?",
                                                  "here: Base has no option 'deep'; did you mean 'depth'?"]),
    # A misspelt option is not missing, too.
    (dict(type='Base', wdth=1), ["here: Base has no option 'wdth'; did you mean 'width' or 'depth'?"]),
    (dict(type='Base'), ["here: Base needs the option 'width'; give it in the config"]),
    (dict(type='Wide', scale=1, depth=3), []),  # handed on to the base class
    (dict(type='Wide', scale=1, dept=3), ["here: Wide has no option 'dept'; did you mean 'depth'?"]),
    (dict(type='Plain', size=1), ["here: Plain has no option 'size'; it has none"]),
    (dict(type='anything', size=1, whatever=2), []),
    (dict(type='anything'), ["here: anything needs the option 'size'; give it in the config"]),
])
def test_a_component_is_looked_up_with_its_options(config, sentences):
    assert list(component_problems(THINGS, config, 'here')) == sentences


def test_what_the_engine_fills_in_is_neither_needed_nor_taken():
    def task(name, channels=1):
        pass
    assert list(option_problems(task, {}, 'here', 'task')) == []
    assert list(option_problems(task, dict(name='depth'), 'here', 'task')) == [
        "here: task has no option 'name'; known: channels"]


def test_what_mmengine_takes_out_is_taken_and_the_end_of_a_schedule_may_be_left_to_it():
    def hook(interval=1):
        pass

    def schedule(optimizer, end):
        pass
    assert list(option_problems(hook, dict(priority=49), 'here', 'hook')) == []
    assert list(option_problems(schedule, {}, 'here', 'scheduler')) == []
