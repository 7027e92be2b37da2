"""A tiny CityScapes of random content, as its authors publish it."""
import json

import cv2
import numpy as np

CAMERA = dict(extrinsic=dict(baseline=0.209313), intrinsic=dict(fx=2262.52))
IMAGES = dict(train=['aachen/aachen_000000_000019', 'aachen/aachen_000001_000019', 'bremen/bremen_000000_000019'],
              val=['ulm/ulm_000000_000019'])


def write_official(root, size=(16, 32)):
    """Write the official layout with random content."""
    generator = np.random.default_rng(0)
    for split, names in IMAGES.items():
        for name in names:
            pictures = dict(
                leftImg8bit=('leftImg8bit.png', generator.integers(0, 256, (*size, 3), np.uint8)),
                gtFine=('gtFine_labelIds.png', generator.integers(0, 34, size).astype(np.uint8)),
                disparity=('disparity.png', (generator.integers(0, 32258, size)
                                             * (generator.random(size) > 0.2)).astype(np.uint16)))
            for kind, (ending, picture) in pictures.items():
                path = root / kind / split / f'{name}_{ending}'
                path.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(path), picture)
            path = root / 'camera' / split / f'{name}_camera.json'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(CAMERA))
    return root
