_base_ = ['./joint_swin_t_pascal_context.py']
method = dict(type='KDAM', teacher='work_dirs/joint_swin_b_pascal_context')
