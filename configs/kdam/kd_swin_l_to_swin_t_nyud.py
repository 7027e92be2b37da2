_base_ = ['./joint_swin_t_nyud.py']
method = dict(type='KD', teacher='work_dirs/joint_swin_l_nyud')
