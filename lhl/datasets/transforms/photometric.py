"""Change the brightness and the colours of an image; its targets stay."""
import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from lhl.errors import ConfigError
from lhl.options import Fraction, NotNegative
from lhl.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PhotometricDistortion(BaseTransform):
    """Change brightness, contrast, saturation and hue at random, each with probability 0.5, as mmsegmentation does.

    Contrast comes before or after saturation and hue, at random. The image stays in [0, 1].

    Args:
        brightness: The largest amount that is added or subtracted, from 0 to 1.
        contrast: The largest relative change: values are multiplied by 1 - contrast to 1 + contrast.
        saturation: Likewise.
        hue: The largest rotation of the hue, in degrees, from 0 to 180.
    """

    is_random, moves_pixels = True, False

    def __init__(self, brightness: Fraction = 32 / 255, contrast: Fraction = 0.5, saturation: Fraction = 0.5,
                 hue: NotNegative = 36.0) -> None:
        for name, value, most in (('brightness', brightness, 1), ('contrast', contrast, 1),
                                  ('saturation', saturation, 1), ('hue', hue, 180)):
            if not 0 <= value <= most:
                raise ConfigError(f'PhotometricDistortion got {name}={value}, expected a number from 0 to {most}')
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue

    def transform(self, sample: dict) -> dict:
        """Distort the image of the sample."""
        steps = [self._contrast, self._saturation, self._hue]
        if np.random.randint(2):
            steps = [*steps[1:], steps[0]]
        image = sample['image']
        for step in (self._brightness, *steps):
            if np.random.randint(2):
                image = np.clip(step(image), 0, 1, dtype=np.float32)
        return dict(sample, image=image)

    def _brightness(self, image: np.ndarray) -> np.ndarray:
        return image + np.float32(np.random.uniform(-self.brightness, self.brightness))

    def _contrast(self, image: np.ndarray) -> np.ndarray:
        return image * np.float32(1 + np.random.uniform(-self.contrast, self.contrast))

    def _saturation(self, image: np.ndarray) -> np.ndarray:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[..., 1] = np.minimum(hsv[..., 1] * (1 + np.random.uniform(-self.saturation, self.saturation)), 1)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    def _hue(self, image: np.ndarray) -> np.ndarray:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + np.random.uniform(-self.hue, self.hue)) % 360
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, '
                f'saturation={self.saturation}, hue={self.hue})')
