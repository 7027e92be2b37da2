_base_ = ['../_base_/streams/split_cifar100.py', '../_base_/methods/agem.py']
method = dict(memory_size=200, replay_batch_size=32)
stored_images = 200
