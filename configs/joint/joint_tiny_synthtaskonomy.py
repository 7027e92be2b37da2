_base_ = ['../_base_/streams/tiny_synthtaskonomy.py', '../_base_/methods/joint.py']
phases = [dict(tasks=list(_base_.tasks))]  # 8 epochs of all 1000 images: as many image-steps as the stream
