# Self-distillation (Eq. 3) on Taskonomy with ResNet-18. The paper gives DIS no alpha; this is HAD's (Appendix C.4).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(type='DIS', alpha=1.0)
