import torch

from lhl.models.backbones.inception import STAGES, InceptionModule

from .conftest import images


def test_the_branches_are_concatenated_in_the_order_of_the_table():
    module = InceptionModule(3, (2, 3, 4, 5, 6, 7)).eval()
    output = module(images())
    assert output.shape == (2, 2 + 4 + 6 + 7, 32, 32) and module.out_channels == 19
    assert torch.equal(output[:, :2], module.branches[0](images()))
    assert torch.equal(output[:, -7:], module.branches[3](images()))


def test_the_widest_branch_sees_5x5_pixels():
    branch = InceptionModule(3, (2, 3, 4, 5, 6, 7)).eval().branches[2]
    image = images(1).requires_grad_()
    branch(image)[0, :, 16, 16].sum().backward()
    rows, columns = image.grad.abs().sum(dim=(0, 1)).nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (14, 18, 14, 18)


def test_the_modules_have_the_output_channels_of_table_1():
    outputs = [[single + out3 + out5 + projection for single, _, out3, _, out5, projection in stage]
               for stage in STAGES]
    assert outputs == [[256, 480], [512, 512, 512, 528, 832], [832, 1024]]
