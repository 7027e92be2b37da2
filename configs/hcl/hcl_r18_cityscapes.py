_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/hcl.py']
method = dict(weight=0.01, num_images=50)  # LwF's weight (Table 6), as many images as replay methods store
