# Paradigm 1 of Table 3, here on Taskonomy with ResNet-18: the encoder does not feel the distillation. The paper gives
# it no alpha; this is HAD's (Appendix C.4).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(type='DetachedDistillation', alpha=1.0)
