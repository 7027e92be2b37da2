# Split Tiny ImageNet as HCL learns it: five architectures, each for two of the ten tasks.
_base_ = [
    '../models/cifar_lenet_linear.py', '../datasets/split_tiny_imagenet.py', '../schedules/sgd_hcl.py',
    '../default_runtime.py'
]
tasks = {name: dict(label_smoothing=0.1) for name in _base_.tasks}
architectures = [
    'CIFARLeNet', 'CIFARLeNet', 'CIFARResNet', 'CIFARResNet', 'CIFARResNeXt', 'CIFARResNeXt', 'CIFARSENet',
    'CIFARSENet', 'CIFARRegNet', 'CIFARRegNet'
]
phases = [dict(task=name, backbone=dict(type=kind)) for name, kind in zip(_base_.tasks, architectures, strict=True)]
