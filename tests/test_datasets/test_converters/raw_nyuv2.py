"""Four images of the raw NYUv2, of random content."""
import h5py
import numpy as np
from scipy.io import savemat

from lhl.datasets.converters.nyuv2 import CAMERA

#: Images of each split, counted from 1 as in MATLAB.
SPLITS = dict(trainNdxs=[4, 2], testNdxs=[1])
MAPPING = np.random.default_rng(5).integers(1, 41, 894)
#: Half of the part of 426 x 560 pixels that shows something, so that a new pixel covers 2 x 2 old ones.
SIZE = 213, 280
NORMAL = np.array([0.6, 0.0, -0.8])


def truth(number):
    """What an image shows: picture, labels and depth, as 480 rows and 640 columns."""
    generator = np.random.default_rng(number)
    image, labels = generator.integers(0, 256, (480, 640, 3), np.uint8), generator.integers(0, 895, (480, 640))
    rows, columns = np.mgrid[:480, :640]
    wall = -2.5 / (NORMAL[0] * (columns - CAMERA.cx) / CAMERA.fx + NORMAL[2])
    floor = 0.9 / np.maximum((rows - CAMERA.cy) / CAMERA.fy, 1e-6)
    return dict(images=image, labels=labels.astype(np.uint16), depths=np.minimum(wall, floor).astype(np.float32))


def write_raw(root, count=4, **changes):
    """Write the three files of the raw data set; MATLAB's axes are reversed in HDF5."""
    root.mkdir(exist_ok=True)
    with h5py.File(root / 'nyu_depth_v2_labeled.mat', 'w') as file:
        for name in ('images', 'labels', 'depths'):
            arrays = np.stack([truth(number)[name].T for number in range(1, count + 1)])
            file.create_dataset(name, data=changes.get(name, lambda array: array)(arrays), compression='lzf')
    savemat(root / 'splits.mat', {key: np.array(numbers, np.uint16)[:, None] for key, numbers in SPLITS.items()})
    savemat(root / 'classMapping40.mat', dict(mapClass=MAPPING[None].astype(np.uint8)))
    return root
