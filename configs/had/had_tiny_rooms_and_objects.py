# A mixed stream for a CPU: segmentation and depth of the tiny rooms, then which shape a drawn image shows.
_base_ = ['./had_tiny_synthrooms.py']
tasks = dict(objects=dict(type='ImageClassification', num_classes=10))
model = dict(heads=dict(objects=dict(type='LinearHead', in_channels=None)))
_objects = dict(_delete_=True, type='SynthObjects', pipeline=[dict(type='PackSample')])
_base_.phases[2] = dict(
    task='objects',
    train_dataloader=dict(batch_size=32, dataset=dict(**_objects, split='train', images_per_class=100)),
    val_dataloader=dict(batch_size=250, dataset=dict(**_objects, split='val', images_per_class=20)))
