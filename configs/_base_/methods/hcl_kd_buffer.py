# HCL's "KD with buffer" (Madaan et al., CVPR 2023): a reservoir of images with their labels, beside the distillation on
# the new images. A config adds the weight of the distillation and how many images are kept and replayed.
method = dict(type='Combined', methods=[dict(type='HCL'), dict(type='DERpp', weight=0.0, label_weight=0.3)])
