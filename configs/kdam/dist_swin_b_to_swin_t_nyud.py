_base_ = ['./joint_swin_t_nyud.py']
method = dict(type='DIST', teacher='work_dirs/joint_swin_b_nyud')
