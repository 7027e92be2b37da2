# A fourth task for the quickstart's run, on new rooms. It has no learner: that is the run's, see docs/extend.md.
_base_ = ['../datasets/synth_rooms_reshading.py', '../schedules/adam_synth_rooms.py', '../default_runtime.py']
phases = [dict(task='reshading', lr_factors=dict(new_head=3))]
optim_wrapper = dict(optimizer=dict(lr=6e-4))  # what is trained already should move less
train_cfg = dict(max_epochs=16)
