"""Draw the pictures of docs/idea.md beside this file: python docs/images/idea.py.

The rooms are rendered, and what is computed from them is computed by lhl. The student of the last picture is one that
blurs what its teacher says: its loss is the cross-entropy of the blurred classes.
"""
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from scipy.ndimage import gaussian_filter

from lhl.losses import edge_set
from lhl.synthetic.rooms import CLASSES, RoomView, render
from lhl.tasks import build_tasks

NETWORK, FROZEN, HEADS = '#dbe7f5', '#e8e8e8', dict(segmentation='#f5eac9', depth='#dcefdc', normal='#ead9ef')
TASKS = build_tasks(dict(segmentation=dict(type='SemanticSegmentation', num_classes=len(CLASSES)),
                         depth=dict(type='DepthEstimation'), normal=dict(type='SurfaceNormalEstimation')))
ROOMS = (6, 11, 23)
HERE = Path(__file__).parent


def drawn(view: RoomView, task: str) -> np.ndarray:
    """Draw the truth of a task."""
    target = dict(segmentation=view.label.astype(np.int64), depth=view.depth[None],
                  normal=view.normal.transpose(2, 0, 1))[task]
    return TASKS[task].draw(target)


class Board:
    """A figure in units of its own, from (0, 0) at the bottom left."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height))
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
        self.axes.set_axis_off()

    def picture(self, pixels: np.ndarray, left: float, bottom: float, width: float = 1.2, **how: object) -> None:
        """Show an image."""
        height = width * pixels.shape[0] / pixels.shape[1]
        self.axes.imshow(pixels, extent=(left, left + width, bottom, bottom + height), interpolation='nearest',
                         zorder=2, **how)
        self.axes.set(xlim=(0, self.figure.get_figwidth()), ylim=(0, self.figure.get_figheight()))

    def box(self, text: str, left: float, bottom: float, width: float, height: float, colour: str,
            **how: object) -> None:
        """Draw a part of a network."""
        self.axes.add_patch(FancyBboxPatch((left + 0.05, bottom + 0.05), width - 0.1, height - 0.1, facecolor=colour,
                                           edgecolor='#666666', boxstyle='round,pad=0,rounding_size=0.06'))
        self.text(text, left + width / 2, bottom + height / 2, **how)

    def text(self, text: str, x: float, y: float, **how: object) -> None:
        """Write at the centre of a place."""
        self.axes.text(x, y, text, **{**dict(ha='center', va='center', fontsize=9), **how})

    def arrow(self, start: tuple[float, float], end: tuple[float, float], **how: object) -> None:
        """Draw an arrow."""
        self.axes.add_patch(FancyArrowPatch(start, end, **{**dict(
            arrowstyle='-|>', mutation_scale=10, color='#555555', shrinkA=1, shrinkB=1), **how}))

    def save(self, name: str) -> None:
        """Write it as SVG."""
        self.figure.savefig(HERE / f'{name}.svg', metadata=dict(Date=None), facecolor='white')


def stream(views: list[RoomView]) -> None:
    """Three phases: other images, one more head."""
    board = Board(9, 3.5)
    for i, (view, task) in enumerate(zip(views, TASKS, strict=True)):
        left = 3 * i + 0.15
        board.text(f'phase {i + 1}: {task}', left + 1.3, 3.3, weight='bold', fontsize=10)
        board.picture(view.image, left + 0.05, 2.1)
        board.picture(drawn(view, task), left + 1.35, 2.1)
        board.text('new images', left + 0.65, 1.98, fontsize=8)
        board.text('their labels', left + 1.95, 1.98, fontsize=8)
        board.box('backbone', left, 0.75, 2.6, 0.55, NETWORK)
        board.arrow((left + 1.3, 1.85), (left + 1.3, 1.28))
        for j, name in enumerate(list(TASKS)[:i + 1]):
            board.box(name, left + 0.87 * j, 0.1, 0.86, 0.5, HEADS[name], fontsize=7.5)
        if i:
            board.arrow((left - 0.42, 1.0), (left + 0.02, 1.0))
    board.save('idea_stream')


def teacher(view: RoomView) -> None:
    """The frozen network of the phase before labels the new images for the old tasks."""
    board = Board(9, 4.5)
    board.picture(view.image, 0.15, 1.75, 1.5)
    board.text('a new image\n(phase 3)', 0.9, 1.45)
    for bottom, what, colour in ((3.5, 'teacher: the network\nafter phase 2, frozen', FROZEN),
                                 (1.3, 'student: the same network,\nwhich learns', NETWORK)):
        board.box(what, 2.2, bottom, 2.1, 0.85, colour)
        board.arrow((1.7, 2.3), (2.22, bottom + 0.42))
    for i, task in enumerate(TASKS):
        bottom = 2.35 - 1.12 * i
        is_new = task == 'normal'
        board.picture(drawn(view, task), 7.2, bottom, 1.25)
        board.box(task, 4.75, bottom + 0.22, 1.15, 0.5, HEADS[task])
        board.arrow((4.27, 1.72), (4.77, bottom + 0.47))
        board.arrow((5.9, bottom + 0.47), (7.17, bottom + 0.47), arrowstyle='<->')
        board.text('$L_{new}$' if is_new else 'distillation', 6.53, bottom + 0.6, fontsize=8)
        board.text('its label' if is_new else 'pseudo-label', 6.53, bottom + 0.32, fontsize=8)
    blue = dict(color='#0072B2', shrinkA=0)
    board.axes.set_autoscale_on(False)
    board.axes.plot([4.27, 8.75, 8.75], [3.93, 3.93, 1.7], color='#0072B2', linewidth=1)
    board.arrow((7.82, 3.93), (7.82, 3.3), **blue)
    board.arrow((8.75, 1.7), (8.45, 1.7), **blue)
    board.text('what it says about the new image', 6.3, 4.08, fontsize=8)
    board.save('idea_teacher')


def losses(view: RoomView) -> None:
    """What the two losses of HAD look at, on one image."""
    classes = view.label.astype(np.int64)
    one_hot = np.eye(len(CLASSES))[classes]
    student = gaussian_filter(one_hot, (2.5, 2.5, 0)) * 0.94 + 0.06 / len(CLASSES)
    loss = -np.log(np.take_along_axis(student, classes[..., None], 2)[..., 0])
    edges = edge_set(torch.from_numpy(loss)[None], 0.3)[0].numpy()
    board = Board(9, 3.9)
    for left, title, pixels, how in (
            (0.2, 'pseudo-label', drawn(view, 'segmentation'), {}),
            (2.2, 'loss of each pixel', loss, dict(cmap='magma'))):
        board.text(title, left + 0.9, 3.6, weight='bold')
        board.picture(pixels, left, 2.15, 1.8, **how)
    present = sorted(set(classes.ravel()), key=lambda label: -(classes == label).sum())
    means = [np.exp(np.log(loss[classes == label]).mean()) for label in present]
    shares = [(classes == label).mean() for label in present]
    palette = np.asarray(TASKS['segmentation'].palette)[present] / 255
    bars = board.figure.add_axes((0.56, 0.58, 0.4, 0.32))
    bars.barh(range(len(present)), means, color=palette, edgecolor='#666666', linewidth=0.5)
    names = [f'{CLASSES[label]} ({share:.0%})' if share >= 0.01 else f'{CLASSES[label]} (< 1%)'
             for label, share in zip(present, shares, strict=True)]
    bars.set_yticks(range(len(present)), names, fontsize=7)
    bars.invert_yaxis()
    bars.tick_params(axis='x', labelsize=7)
    bars.spines[['top', 'right']].set_visible(False)
    bars.set_title('distribution-balanced: one number per class,\nand every class counts equally', fontsize=9,
                   weight='bold')
    board.text('mean over all pixels', 1.1, 1.65, weight='bold')
    board.text(f'{loss.mean():.2f}', 1.1, 1.2, fontsize=15)
    board.text('large surfaces decide', 1.1, 0.8, fontsize=8)
    board.text('mean over the classes', 3.1, 1.65, weight='bold')
    board.text(f'{np.mean(means):.2f}', 3.1, 1.2, fontsize=15)
    board.text('small things count as much', 3.1, 0.8, fontsize=8)
    marked = np.where(edges[..., None], [213, 94, 0], view.image // 2 + 110).astype(np.uint8)
    board.picture(marked, 4.9, 0.3, 1.8)
    board.text('saliency-guided: the pixels\nwhere the loss has edges\ncount once more\n'
               f'({edges.mean():.0%} of them, mean loss {loss[edges].mean():.2f})', 7.85, 0.95, weight='bold')
    board.save('idea_losses')


def main() -> None:
    """Write the pictures."""
    mpl.rcParams.update({'svg.fonttype': 'none', 'svg.hashsalt': 'lhl', 'font.family': 'sans-serif'})
    views = [render(seed, 72, 96) for seed in ROOMS]
    stream(views)
    teacher(views[2])
    losses(views[0])


if __name__ == '__main__':
    main()
