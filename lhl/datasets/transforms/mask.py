"""Hide blocks of an image at random; its targets stay."""
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Count, Fraction
from lhl.registry import TRANSFORMS

_HIDDEN = 0.5  # mid-grey


@TRANSFORMS.register_module()
class RandomMask(BaseTransform):
    """Replace blocks of a grid by mid-grey, for a learner that learns to fill them in (masked image modelling).

    Args:
        block: Height and width of a block in pixels; those at the right and lower border may be cut.
        share: How many of the blocks are hidden, from 0 to 1; which ones is drawn for each image.
    """

    is_random, moves_pixels = True, False

    def __init__(self, block: Count = 12, share: Fraction = 0.3) -> None:
        if not isinstance(block, int) or block < 1:
            raise ConfigError(f'RandomMask got block={block}, expected a whole number of at least 1')
        if not 0 <= share <= 1:
            raise ConfigError(f'RandomMask got share={share}, expected a number from 0 to 1')
        self.block, self.share = block, share

    def transform(self, sample: dict) -> dict:
        """Hide blocks of the image of the sample."""
        height, width = sample['image'].shape[:2]
        rows, columns = -(-height // self.block), -(-width // self.block)
        hidden = np.zeros(rows * columns, bool)
        hidden[np.random.permutation(hidden.size)[:round(self.share * hidden.size)]] = True
        pixels = hidden.reshape(rows, columns).repeat(self.block, 0).repeat(self.block, 1)[:height, :width]
        return dict(sample, image=np.where(pixels[..., None], np.float32(_HIDDEN), sample['image']))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(block={self.block}, share={self.share})'
