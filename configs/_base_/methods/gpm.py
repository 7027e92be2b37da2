# Gradient projection memory (Saha et al., ICLR 2021), which HAD does not run: the original's options for CIFAR-100.
method = dict(type='GPM', threshold=0.97, threshold_step=0.003, num_images=125)
