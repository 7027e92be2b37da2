# ResNet-18 with 16 instead of 64 channels, 0.7 M parameters: the quickstart's learner, from random weights.
_base_ = ['./resnet18_aspp.py']
# PyTorch's own initialisation of convolutions. mmsegmentation's is 2.4 times larger, and as normalisation makes the
# scale of a weight irrelevant, larger weights only turn more slowly.
torch_default = dict(
    type='Kaiming', layer='Conv2d', a=5**0.5, distribution='uniform', mode='fan_in', nonlinearity='leaky_relu')
model = dict(
    backbone=dict(stem_channels=16, base_channels=16, init_cfg=dict(_delete_=True, **torch_default)),
    # The dilations fit the 9x12 feature map of a 72x96 image; 12 and more would be 1x1 convolutions there.
    head=dict(in_channels=128, channels=32, dilations=(2, 4, 6), dropout=0.1, init_cfg=torch_default))
