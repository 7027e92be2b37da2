_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/joint.py']
phases = [dict(tasks=list(_base_.tasks))]
train_cfg = dict(max_epochs=20)  # of 600 images: a quarter more image-steps than the stream's 48 epochs of 200
# Found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
method = dict(task_weights=dict(normal=24))
