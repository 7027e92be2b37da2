_base_ = ['./joint_hrnet18_nyud.py']
method = dict(type='KDAM', teacher='work_dirs/joint_swin_l_nyud')
