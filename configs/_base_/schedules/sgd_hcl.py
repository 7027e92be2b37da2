# HCL (Madaan et al., CVPR 2023), as its released code trains: plain SGD at a constant rate, 200 epochs for every task.
optim_wrapper = dict(
    type='MethodOptimWrapper', optimizer=dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=5e-4))
train_cfg = dict(by_epoch=True, max_epochs=200)
