_base_ = ['../_base_/synth_rooms_tiny.py']
phases = [dict(tasks=['segmentation', 'depth', 'normal'])]
train_cfg = dict(max_epochs=20)  # of 600 images: a quarter more image-steps than the stream's 48 epochs of 200
# Found with tools/search.py on other rooms, see docs/benchmarks.md.
method = dict(type='Joint', task_weights=dict(normal=24))
