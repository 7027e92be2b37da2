"""Pictures inside a page."""
import base64
from html import escape

import cv2
import numpy as np

#: Bytes up to which a picture is embedded without loss.
_LARGEST_PNG = 24_000
_LARGEST_WIDTH = 480


def picture_html(picture: np.ndarray, label: str) -> str:
    """Embed a picture ``(H, W, 3)``, uint8 or float in [0, 1]."""
    if picture.dtype != np.uint8:
        picture = (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
    if picture.shape[1] > _LARGEST_WIDTH:
        height = max(1, round(picture.shape[0] * _LARGEST_WIDTH / picture.shape[1]))
        picture = cv2.resize(picture, (_LARGEST_WIDTH, height), interpolation=cv2.INTER_AREA)
    kind, data = 'png', cv2.imencode('.png', picture[..., ::-1])[1]
    if data.size > _LARGEST_PNG:
        kind, data = 'jpeg', cv2.imencode('.jpg', picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return (f'<img alt="{escape(label)}" width="{picture.shape[1]}" height="{picture.shape[0]}" '
            f'src="data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}">')
