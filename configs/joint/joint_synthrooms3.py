_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/joint.py']
phases = [dict(tasks=['segmentation', 'depth', 'normal'])]
train_cfg = dict(max_epochs=16)  # of 900 images: about the stream's 14,700 image-steps
method = dict(task_weights=dict(normal=24))  # that of the tiny rooms; not searched here yet
