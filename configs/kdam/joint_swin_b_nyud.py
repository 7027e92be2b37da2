_base_ = ['../_base_/models/swin_base_aspp.py', '../_base_/streams/nyud.py', '../_base_/methods/joint.py']
method = dict(task_weights='learned')  # KDAM, Sec. 4.1
