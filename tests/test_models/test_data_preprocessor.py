import torch

from lhl.models import DensePreprocessor


def batch():
    return dict(inputs=torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)),
                targets=dict(depth=torch.ones(2, 1, 4, 5)), meta=[dict(image_path='a'), dict(image_path='b')])


def test_images_are_normalised_channel_by_channel():
    inputs = torch.tensor([1.0, 0.5, 0.25]).reshape(1, 3, 1, 1)
    normalised = DensePreprocessor(mean=(0.5, 0.5, 0.0), std=(0.25, 1.0, 0.5))(dict(inputs=inputs))['inputs']
    assert normalised.flatten().tolist() == [2, 0, 0.5]


def test_the_default_maps_the_mean_of_imagenet_to_0():
    inputs = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    assert DensePreprocessor()(dict(inputs=inputs))['inputs'].flatten().tolist() == [0, 0, 0]


def test_the_other_entries_are_passed_on_unchanged():
    data = batch()
    processed = DensePreprocessor()(data)
    assert set(processed) == set(data) and processed['meta'] == data['meta']
    assert torch.equal(processed['targets']['depth'], data['targets']['depth'])


def test_the_given_batch_is_left_alone():
    data = batch()
    DensePreprocessor()(data)
    assert torch.equal(data['inputs'], batch()['inputs'])


def test_the_layout_follows_the_option_and_the_values_do_not():
    last = DensePreprocessor(channels_last=True)(batch())['inputs']
    first = DensePreprocessor(channels_last=False)(batch())['inputs']
    assert last.is_contiguous(memory_format=torch.channels_last) and first.is_contiguous()
    assert torch.equal(last, first)


def test_mean_and_std_are_no_part_of_a_checkpoint():
    assert DensePreprocessor().state_dict() == {}


def test_bgr_is_normalised_in_its_own_order():
    inputs = torch.tensor([1.0, 0.5, 0.25]).reshape(1, 3, 1, 1)  # red, green, blue
    preprocessor = DensePreprocessor(mean=(0.25, 0.5, 0.0), std=(0.5, 1.0, 0.25), to_bgr=True)
    assert preprocessor(dict(inputs=inputs))['inputs'].flatten().tolist() == [0, 0, 4]  # blue, green, red
