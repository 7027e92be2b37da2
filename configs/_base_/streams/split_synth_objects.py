# Split SynthObjects, a benchmark for a CPU: the five architectures of HCL's Split CIFAR-10, narrow ones, in few epochs.
# In so few, SGD at a constant rate hardly moves the deep ones: the optimizer is that of SynthRooms.
_base_ = [
    '../models/cifar_lenet_linear.py', '../datasets/split_synth_objects.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
tasks = {name: dict(label_smoothing=0.1) for name in _base_.tasks}
backbones = [
    dict(type='CIFARLeNet'),
    dict(type='CIFARResNet', widen_factor=0.25, stem_stride=2),
    dict(type='CIFARDenseNet', widen_factor=0.125, stem_stride=2),
    dict(type='CIFARSENet', widen_factor=0.25, stem_stride=2),
    dict(type='CIFARRegNet', widen_factor=0.5),  # whose classes have too fine a texture for a strided stem
]
phases = [  # deep networks take longer to follow their teacher
    dict(task=name, backbone=backbone, train_cfg=dict(max_epochs=max_epochs))
    for name, backbone, max_epochs in zip(_base_.tasks, backbones, [6, 6, 16, 10, 12], strict=True)
]
train_dataloader = dict(dataset=dict(images_per_class=500))
train_cfg = dict(max_epochs=6)  # of joint training, whose last network is the dearest
default_hooks = dict(checkpoint=dict(interval=2))  # an epoch takes a few seconds
