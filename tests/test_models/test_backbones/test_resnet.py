import mmseg.models
import torch

from .conftest import images, narrow


def test_its_stages_compute_what_those_of_mmsegmentation_do_with_the_same_weights():
    ours = narrow('CIFARResNet').eval()
    theirs = mmseg.models.ResNet(depth=18, stem_channels=8, base_channels=8, style='pytorch')
    theirs.eval()
    stages = torch.nn.Sequential(theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4)
    values = list(ours.stages.state_dict().values())
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in values:
            if value.is_floating_point():  # statistics and norms off 0 and 1, variances above 0
                value.copy_(0.1 + 0.2 * torch.rand(value.shape, generator=generator))
    stages.load_state_dict(dict(zip(stages.state_dict(), values, strict=True)))
    feature = ours.stem(images())
    torch.testing.assert_close(ours.stages(feature), stages(feature))
