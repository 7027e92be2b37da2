"""Packaging of lhl. Install torch first; see the README."""
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

setup(
    name='lhl',
    version=re.search(r"__version__ = '(.+)'", (HERE / 'lhl/__init__.py').read_text())[1],
    description='Lifelong heterogeneous learning on dense prediction',
    long_description=(HERE / 'README.md').read_text() if (HERE / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['lhl', 'lhl.*']),
    package_data={'lhl.evaluation': ['published_tables/*.csv']},
    python_requires='>=3.11',
    install_requires=[
        'torch>=2.4',
        'numpy>=2',
        'opencv-python',
        'matplotlib',
        'rich',
        'scikit-image',
        'scipy',
        'onedl-mmengine>=0.10.12,<0.11',
        'onedl-mmcv>=2.3.6,<2.4',
        'onedl-mmsegmentation>=1.4.2,<1.5',
    ],
    extras_require={
        'converters': ['h5py'],  # the raw NYUv2
        'test': ['pytest', 'pytest-xdist', 'hypothesis', 'ruff', 'h5py'],
    },
)
