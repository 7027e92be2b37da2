# Split digits, real images for a CPU: the five architectures of HCL's Split CIFAR-10, narrow ones.
_base_ = [
    '../models/cifar_lenet_linear.py', '../datasets/split_digits.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
tasks = {name: dict(label_smoothing=0.1) for name in _base_.tasks}
backbones = [  # strides of 4, the size of a pixel of a digit
    dict(type='CIFARLeNet'),
    dict(type='CIFARAlexNet', widen_factor=0.25),
    dict(type='CIFARResNet', widen_factor=0.125, stem_stride=4),
    dict(type='CIFARSENet', widen_factor=0.125, stem_stride=4),
    dict(type='CIFARRegNet', widen_factor=0.25, stem_stride=4),
]
phases = [
    dict(task=name, backbone=backbone) for name, backbone in zip(_base_.tasks, backbones, strict=True)
]
train_cfg = dict(max_epochs=30)
default_hooks = dict(checkpoint=dict(interval=30))
