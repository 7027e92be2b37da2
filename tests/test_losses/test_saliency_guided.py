import torch

from lhl.losses import edge_set, saliency_guided_loss
from lhl.registry import MODELS

#: Columns 0, 0, 0, 1, 1: a step whose edge set is the columns 2 (loss 0) and 3 (loss 1).
STEP = torch.tensor([0., 0., 0., 1., 1.]).expand(1, 5, 5).contiguous()


def random_maps(shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_step_has_half_its_edge_pixels_at_1():
    assert saliency_guided_loss(STEP, 0.5).tolist() == [0.5]


def test_it_is_the_plain_mean_over_the_edge_set():
    maps = random_maps((3, 8, 9))
    expected = [image[edges].mean() for image, edges in zip(maps, edge_set(maps, 0.6), strict=True)]
    torch.testing.assert_close(saliency_guided_loss(maps, 0.6), torch.stack(expected))


def test_the_gradient_is_one_over_the_edge_set_on_it_and_0_elsewhere():
    maps = STEP.clone().requires_grad_()
    saliency_guided_loss(maps, 0.5).sum().backward()
    torch.testing.assert_close(maps.grad, torch.tensor([0., 0., 0.1, 0.1, 0.]).expand(1, 5, 5))


def test_no_gradient_flows_through_the_edge_set():
    source = STEP.clone().requires_grad_()
    maps = random_maps((1, 5, 5)).requires_grad_()
    saliency_guided_loss(maps, 0.5, edge_source=source).sum().backward()
    assert source.grad is None and maps.grad.count_nonzero() == 10


def test_gradients_agree_with_finite_differences_for_a_given_edge_set():
    source = random_maps((2, 4, 5), seed=1)
    maps = random_maps((2, 4, 5)).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: saliency_guided_loss(m, 0.4, edge_source=source), maps)


def test_an_empty_edge_set_gives_0_with_a_graph_and_zero_gradients():
    maps = torch.full((2, 4, 4), 0.7, requires_grad=True)
    loss = saliency_guided_loss(maps)
    assert loss.tolist() == [0, 0] and loss.requires_grad
    loss.sum().backward()
    assert maps.grad.tolist() == torch.zeros(2, 4, 4).tolist()


def test_a_map_without_any_loss_is_finite_in_float32_and_under_bfloat16_autocast():
    for dtype in (torch.float32, torch.bfloat16):
        maps = torch.zeros(1, 4, 4, dtype=dtype, requires_grad=True)
        with torch.autocast('cpu', torch.bfloat16):
            loss = saliency_guided_loss(maps)
        loss.sum().backward()
        assert loss.dtype == torch.float32 and loss.tolist() == [0]
        assert (maps.grad == 0).all()


def test_an_image_without_edges_does_not_disturb_its_neighbour():
    maps = torch.cat([torch.full((1, 5, 5), 3.0), STEP])
    assert saliency_guided_loss(maps, 0.5).tolist() == [0, 0.5]


def test_edges_of_another_map_choose_the_pixels():
    maps = torch.arange(25.).reshape(1, 5, 5)  # a ramp, whose own edges lie elsewhere
    expected = maps[0, :, 2:4].mean().item()
    assert saliency_guided_loss(maps, 0.5, edge_source=STEP).tolist() == [expected] == [12.5]
    assert saliency_guided_loss(maps, 0.5, edge_source=STEP.expand(2, 5, 5)[None]).tolist() == [12.5]


def test_the_raw_threshold_depends_on_the_unit_and_the_normalised_does_not():
    assert saliency_guided_loss(0.1 * STEP, 3.9, normalize=False).tolist() == [0]
    torch.testing.assert_close(saliency_guided_loss(0.1 * STEP, 0.5), torch.tensor([0.05]))


def test_moving_a_pixel_changes_the_loss_unlike_the_distribution_balanced_loss():
    moved = STEP.clone()
    moved[0, 2, 0], moved[0, 2, 4] = 1, 0
    assert moved.sum() == STEP.sum()
    assert saliency_guided_loss(moved, 0.5).item() != 0.5


def test_a_batch_gives_exactly_what_each_image_gives_alone():
    maps = random_maps((4, 9, 7)).float()
    maps[1] *= 100  # a strong edge elsewhere must not hide an image's own
    alone = torch.cat([saliency_guided_loss(maps[i:i + 1], 0.6) for i in range(4)])
    assert saliency_guided_loss(maps, 0.6).tolist() == alone.tolist()


def test_scaling_the_map_scales_the_loss():
    maps = random_maps((2, 9, 7))
    torch.testing.assert_close(saliency_guided_loss(8 * maps, 0.6), 8 * saliency_guided_loss(maps, 0.6))


def test_half_precision_losses_are_averaged_in_float32():
    maps = (1000 + 10 * random_maps((1, 64, 64))).bfloat16()
    loss = saliency_guided_loss(maps, 0.1)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, saliency_guided_loss(maps.float(), 0.1), rtol=0, atol=0)


def test_the_module_passes_its_options_on():
    strict = MODELS.build(dict(type='SaliencyGuidedLoss', edge_threshold=3.9, normalize=False))
    assert strict(STEP).tolist() == [0.5] and strict(0.1 * STEP).tolist() == [0]
    ramp = torch.arange(25.).reshape(1, 5, 5)
    assert strict(ramp, STEP).tolist() == [12.5]
