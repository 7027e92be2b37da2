"""Registries of lhl, children of mmsegmentation's, so that a config can name components of lhl, mmseg and mmengine.

The scope is ``lhl``: a name is looked up here first, then in mmsegmentation, then in mmengine. ``mmseg.ASPPHead``
still names mmsegmentation's own class where both have one. Tasks and methods exist in lhl alone.
"""
import mmseg.registry as mmseg_registry
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import Registry

#: Where the components of lhl are defined, imported when a name is first looked up.
_LOCATIONS = {
    'MODELS': ['lhl.models', 'lhl.losses', 'lhl.inversion'],
    'DATASETS': ['lhl.datasets'],
    'DATA_SAMPLERS': ['lhl.datasets'],
    'TRANSFORMS': ['lhl.datasets.transforms'],
    'METRICS': ['lhl.evaluation'],
    'HOOKS': ['lhl.engine'],
    'RUNNERS': ['lhl.engine'],
    'OPTIM_WRAPPERS': ['lhl.engine'],
    'OPTIM_WRAPPER_CONSTRUCTORS': ['lhl.engine'],
    'PARAM_SCHEDULERS': ['lhl.engine'],
    'WEIGHT_INITIALIZERS': ['lhl.models'],
}


def _child_of_mmseg(name: str) -> Registry:
    parent = getattr(mmseg_registry, name)
    return Registry(parent.name, parent=parent, scope='lhl', locations=_LOCATIONS.get(name, []))


MODELS = _child_of_mmseg('MODELS')
DATASETS = _child_of_mmseg('DATASETS')
DATA_SAMPLERS = _child_of_mmseg('DATA_SAMPLERS')
TRANSFORMS = _child_of_mmseg('TRANSFORMS')
METRICS = _child_of_mmseg('METRICS')
HOOKS = _child_of_mmseg('HOOKS')
RUNNERS = _child_of_mmseg('RUNNERS')
OPTIM_WRAPPERS = _child_of_mmseg('OPTIM_WRAPPERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child_of_mmseg('OPTIM_WRAPPER_CONSTRUCTORS')
PARAM_SCHEDULERS = _child_of_mmseg('PARAM_SCHEDULERS')
WEIGHT_INITIALIZERS = _child_of_mmseg('WEIGHT_INITIALIZERS')
FUNCTIONS = Registry('function', parent=MMENGINE_FUNCTIONS, scope='lhl', locations=['lhl.datasets'])

# lhl has no components of these kinds, but mmengine looks for the scope in each of them.
LOOPS = _child_of_mmseg('LOOPS')
OPTIMIZERS = _child_of_mmseg('OPTIMIZERS')
MODEL_WRAPPERS = _child_of_mmseg('MODEL_WRAPPERS')
EVALUATOR = _child_of_mmseg('EVALUATOR')
LOG_PROCESSORS = _child_of_mmseg('LOG_PROCESSORS')
VISUALIZERS = _child_of_mmseg('VISUALIZERS')
VISBACKENDS = _child_of_mmseg('VISBACKENDS')
TASK_UTILS = _child_of_mmseg('TASK_UTILS')

TASKS = Registry('task', scope='lhl', locations=['lhl.tasks'])
METHODS = Registry('method', scope='lhl', locations=['lhl.methods'])
