# Scaled gradient projection (Saha and Roy, AAAI 2023). A config adds scale (its alpha). HAD gives no threshold:
# these are the original's options for CIFAR-100.
method = dict(type='SGP', threshold=0.97, threshold_step=0.003, num_images=125)
