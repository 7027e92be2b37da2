# Tiny ImageNet cut into ten tasks of twenty classes, in the order of wnids.txt.
# data/ holds tiny-imagenet-200.zip, or what it unpacks to.
data_root = 'data'
tasks = {
    f'classes_{first}_{first + 19}': dict(
        type='ImageClassification', num_classes=200, labels=list(range(first, first + 20)), head='classes')
    for first in range(0, 200, 20)
}
phases = [dict(task=name) for name in tasks]

train_dataloader = dict(
    batch_size=32,  # HCL
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='TinyImageNet',
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
    batch_size=100,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='TinyImageNet', data_root=data_root, split='val', pipeline=[dict(type='PackSample')]))
