# Paradigm 1 of Table 3 on NYUv2 with ResNet-50: the encoder does not feel the distillation. The paper gives it no
# alpha; this is HAD's (Appendix C.4).
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
method = dict(type='DetachedDistillation', alpha=20.0)
