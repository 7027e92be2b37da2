_base_ = ['../_base_/models/swin_large_aspp.py', '../_base_/streams/pascal_context.py', '../_base_/methods/joint.py']
method = dict(task_weights='learned')  # KDAM, Sec. 4.1
