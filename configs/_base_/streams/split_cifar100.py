# Split CIFAR-100 as HCL learns it: nine architectures for twenty tasks. A task with the architecture of the one before
# continues with its weights.
_base_ = [
    '../models/cifar_lenet_linear.py', '../datasets/split_cifar100.py', '../schedules/sgd_hcl.py',
    '../default_runtime.py'
]
tasks = {name: dict(label_smoothing=0.1) for name in _base_.tasks}
architectures = [
    'CIFARLeNet', 'CIFARLeNet', 'CIFARAlexNet', 'CIFARAlexNet', 'CIFARVGG', 'CIFARVGG', 'CIFARInception',
    'CIFARInception', 'CIFARResNet', 'CIFARResNet', 'CIFARResNeXt', 'CIFARResNeXt', 'CIFARDenseNet', 'CIFARDenseNet',
    'CIFARSENet', 'CIFARSENet', 'CIFARRegNet', 'CIFARRegNet', 'CIFARRegNet', 'CIFARRegNet'
]
phases = [dict(task=name, backbone=dict(type=kind)) for name, kind in zip(_base_.tasks, architectures, strict=True)]
