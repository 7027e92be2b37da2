"""What pyproject.toml cannot say: a wheel carries the configs as lhl/.mim/configs, as OpenMMLab's packages do."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path(__file__).parent / 'configs'


class BuildWithConfigs(build_py):
    """Copy configs/ into the built package; an editable install reads the checkout's own."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            packaged = Path(self.build_lib) / 'lhl/.mim/configs'
            shutil.rmtree(packaged, ignore_errors=True)  # build/ may hold files of an earlier build
            shutil.copytree(CONFIGS, packaged, ignore=shutil.ignore_patterns('__pycache__'))


setup(cmdclass={'build_py': BuildWithConfigs})
