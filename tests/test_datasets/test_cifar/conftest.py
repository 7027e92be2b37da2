"""Every test of CIFAR reads tiny files."""
import pytest

from ..cifar_archives import KINDS
from ..image_archives import PER_FILE


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of a few images instead of 10000 and 50000."""
    for name, kind in KINDS.items():
        monkeypatch.setattr(kind, 'IMAGES_PER_FILE', PER_FILE[name])
