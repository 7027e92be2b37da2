_base_ = ['../_base_/streams/split_cifar10.py', '../_base_/methods/er.py']
method = dict(weight=1.0, memory_size=200, replay_batch_size=32)  # the weight is the original's
stored_images = 200
