# Without labels: the colours of the training rooms from grey images with hidden blocks. The benchmark synthrooms3
# starts from what it learns, work_dirs/pretext_synthrooms3/phase1_colour/phase.safetensors.
_base_ = ['../vanilla/vanilla_r18_synthrooms.py']
tasks = dict(_delete_=True, colour=dict(type='ImageReconstruction'))
phases = [dict(task='colour')]
_hidden = [dict(type='RandomGrayscale', probability=1.0), dict(type='RandomMask', block=12, share=0.3)]
train_dataloader = dict(
    dataset=dict(
        folders=dict(colour='image'),
        pipeline=[dict(type='RandomHorizontalFlip', probability=0.5), *_hidden, dict(type='PackSample')]))
val_dataloader = dict(dataset=dict(folders=dict(colour='image'), pipeline=[*_hidden, dict(type='PackSample')]))
train_cfg = dict(max_epochs=10)
