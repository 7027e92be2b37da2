# CIFAR-10 cut into five tasks of two classes.
# data/ holds cifar-10-binary.tar.gz or cifar-10-python.tar.gz, or what one of them unpacks to.
data_root = 'data'
_classes = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']
tasks = {
    f'classes_{first}_{first + 1}': dict(
        type='ImageClassification',
        num_classes=10,
        labels=[first, first + 1],
        head='classes',
        classes=_classes)
    for first in range(0, 10, 2)
}
phases = [dict(task=name) for name in tasks]

train_dataloader = dict(
    batch_size=32,  # HCL
    num_workers=2,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='CIFAR10',
        data_root=data_root,
        split='train',
        part=None,  # the classes of a task divide the images
        pipeline=[  # that of HCL, SimSiam's for tiny images; the jitter is mmsegmentation's with SimSiam's strengths
            dict(type='RandomPaddedCrop', padding=4),
            dict(type='RandomHorizontalFlip', probability=0.5),
            dict(type='PhotometricDistortion', contrast=0.4, saturation=0.4, hue=36.0),
            dict(type='RandomGrayscale', probability=0.2),
            dict(type='PackSample')
        ]))
val_dataloader = dict(
    batch_size=250,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='CIFAR10', data_root=data_root, split='val', pipeline=[dict(type='PackSample')]))
