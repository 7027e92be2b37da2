"""Methods: one file per method; ``base.py`` is the whole contract."""
from .agem import AGEM
from .base import ExternalTeacher, Method, Phase, Requirements
from .combined import Combined
from .der import DER, DERpp
from .detached_distillation import DetachedDistillation
from .dis import DIS
from .ewc import EWC, OnlineEWC
from .experience_replay import ER
from .frozen_encoder import FrozenEncoder
from .gpm import GPM
from .had import HAD
from .hcl import HCL
from .icarl import ICaRL
from .joint import Joint
from .kd import KD
from .kdam import KDAM
from .lwf import LwF
from .lwp import LwP
from .pod import GlobalPOD, LocalPOD
from .rcd import RCD
from .sgp import SGP
from .single_task import SingleTask
from .spg import SPG
from .stronger_teacher import DIST
from .student import Student
from .teacher import Teacher, TeacherOptions
from .two_stage_distillation import TwoStageDistillation
from .vanilla import Vanilla

__all__ = [
    'AGEM', 'Combined', 'DER', 'DERpp', 'DIS', 'DIST', 'DetachedDistillation', 'ER', 'EWC', 'ExternalTeacher',
    'FrozenEncoder', 'GPM', 'GlobalPOD', 'HAD', 'HCL', 'ICaRL', 'Joint', 'KD', 'KDAM', 'LocalPOD', 'LwF', 'LwP',
    'Method', 'OnlineEWC', 'Phase', 'RCD', 'Requirements', 'SGP', 'SPG', 'SingleTask', 'Student', 'Teacher',
    'TeacherOptions', 'TwoStageDistillation', 'Vanilla'
]
