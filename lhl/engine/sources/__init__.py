"""Phases that were trained elsewhere: runs, checkpoints, segmentors of mmsegmentation."""
