"""Takes a trained model out of lhl: ONNX, torch.export, mmsegmentation, weights alone; each is compared with it."""
from .export import FORMATS, Exported, export_model

__all__ = ['FORMATS', 'Exported', 'export_model']
