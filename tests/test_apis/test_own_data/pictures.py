"""Folders as people have them: 40 pictures, a depth of 16 bits for each, masks for every second one."""
import cv2
import numpy as np

SIZE = 32, 48


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def write_rooms(root, count=40):
    generator = np.random.default_rng(0)
    for number in range(count):
        write(root / f'images/{number:03}.png', generator.integers(0, 256, (*SIZE, 3), np.uint8))
        depth = generator.integers(1000, 5001, SIZE).astype(np.uint16)
        depth[0] = 0
        write(root / f'depth/{number:03}.png', depth)
        if number % 2:
            mask = generator.integers(0, 3, SIZE).astype(np.uint8)
            mask[0] = 255
            write(root / f'masks/{number:03}.png', mask)
    return root
