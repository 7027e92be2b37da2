# The handwritten digits that come with scikit-learn, cut into five tasks of two classes: pip install 'lhl[digits]'.
tasks = {
    f'digits_{first}_{first + 1}': dict(
        type='ImageClassification',
        num_classes=10,
        labels=[first, first + 1],
        head='classes',
        classes=[str(digit) for digit in range(10)])
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
        type='Digits',
        split='train',
        size=32,
        part=None,  # the classes of a task divide the images
        pipeline=[dict(type='RandomPaddedCrop', padding=4), dict(type='PackSample')]))
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='Digits', split='val', size=32, pipeline=[dict(type='PackSample')]))
