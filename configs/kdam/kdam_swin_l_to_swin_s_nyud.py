_base_ = ['./joint_swin_s_nyud.py']
method = dict(type='KDAM', teacher='work_dirs/joint_swin_l_nyud')
