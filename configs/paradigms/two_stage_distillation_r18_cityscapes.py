# Paradigm 2 of Table 3, here on CityScapes with ResNet-18: the old heads learn after the new task. The paper gives it
# no alpha; this is HAD's (Appendix C.4).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='TwoStageDistillation', alpha=100.0, optimizer=dict(type='Adam', lr=1e-4, weight_decay=1e-5, fused=True))
