_base_ = ['./joint_narrow_synthrooms3.py']
method = dict(type='DIST', teacher='work_dirs/joint_mobilenet_v2_synthrooms3')
