# SynthObjects cut into five tasks of two classes, drawn when asked for: no file, and a process keeps what it has drawn.
_classes = ['disc', 'star', 'square', 'crescent', 'ring', 'cross', 'triangle', 'checkerboard', 'stripes', 'dots']
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
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='SynthObjects',
        split='train',
        images_per_class=500,
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
    num_workers=0,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='SynthObjects', split='val', images_per_class=100, pipeline=[dict(type='PackSample')]))
