_base_ = ['./joint_narrow_tiny_synthrooms.py']
method = dict(type='KD', teacher='work_dirs/joint_wide_tiny_synthrooms')
