"""Registries of lhl, children of mmsegmentation's, so that a config can name components of lhl, mmseg and mmengine.

The scope is ``lhl``: a name is looked up here first, then in mmsegmentation, then in mmengine. ``mmseg.ASPPHead``
still names mmsegmentation's own class where both have one. Tasks and methods exist in lhl alone.
"""
import mmseg.registry as mmseg_registry
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import Registry

MODELS = Registry('model', parent=mmseg_registry.MODELS, scope='lhl', locations=['lhl.models', 'lhl.losses'])
DATASETS = Registry('dataset', parent=mmseg_registry.DATASETS, scope='lhl', locations=['lhl.datasets'])
DATA_SAMPLERS = Registry('data sampler', parent=mmseg_registry.DATA_SAMPLERS, scope='lhl', locations=['lhl.datasets'])
FUNCTIONS = Registry('function', parent=MMENGINE_FUNCTIONS, scope='lhl', locations=['lhl.datasets'])
TRANSFORMS = Registry(
    'transform', parent=mmseg_registry.TRANSFORMS, scope='lhl', locations=['lhl.datasets.transforms'])
METRICS = Registry('metric', parent=mmseg_registry.METRICS, scope='lhl', locations=['lhl.evaluation'])
HOOKS = Registry('hook', parent=mmseg_registry.HOOKS, scope='lhl', locations=['lhl.engine'])
RUNNERS = Registry('runner', parent=mmseg_registry.RUNNERS, scope='lhl', locations=['lhl.engine'])
OPTIMIZERS = mmseg_registry.OPTIMIZERS
OPTIM_WRAPPERS = Registry(
    'optim_wrapper', parent=mmseg_registry.OPTIM_WRAPPERS, scope='lhl', locations=['lhl.engine'])
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor', parent=mmseg_registry.OPTIM_WRAPPER_CONSTRUCTORS, scope='lhl',
    locations=['lhl.engine'])
PARAM_SCHEDULERS = Registry(
    'parameter scheduler', parent=mmseg_registry.PARAM_SCHEDULERS, scope='lhl', locations=['lhl.engine'])

TASKS = Registry('task', scope='lhl', locations=['lhl.tasks'])
METHODS = Registry('method', scope='lhl', locations=['lhl.methods'])
