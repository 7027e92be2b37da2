# Split digits, real images for a CPU: the first two architectures of HCL's Split CIFAR-100 in five sizes. Both are
# without normalisation: in so few iterations the statistics of the others suit the new classes alone, see docs/hcl.md.
_base_ = [
    '../models/cifar_lenet_linear.py', '../datasets/split_digits.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
tasks = {name: dict(label_smoothing=0.1) for name in _base_.tasks}
backbones = [
    dict(type='CIFARLeNet'),
    dict(type='CIFARAlexNet', widen_factor=0.25),
    dict(type='CIFARLeNet', widen_factor=1.5),
    dict(type='CIFARAlexNet', widen_factor=0.375),
    dict(type='CIFARLeNet', widen_factor=2.0),
]
phases = [
    dict(task=name, backbone=backbone, train_cfg=dict(max_epochs=40))
    for name, backbone in zip(_base_.tasks, backbones, strict=True)
]
train_cfg = dict(max_epochs=10)  # of joint training, which has five times as many images
default_hooks = dict(checkpoint=dict(interval=10))  # an epoch takes a fraction of a second
