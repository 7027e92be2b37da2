# HCL's "KD" (Madaan et al., CVPR 2023): distillation on the new images alone. A config adds weight.
method = dict(type='HCL')
