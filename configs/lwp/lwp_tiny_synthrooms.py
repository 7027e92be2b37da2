_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(
    type='LwP',
    alpha=1.0,  # as for DIS
    distance_weight=1.0,  # measured to make the term as large as those of the distillation, not tuned
    group_threshold=0.9)  # as for HAD
