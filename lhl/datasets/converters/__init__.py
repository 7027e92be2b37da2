"""Converters: from a data set as its authors publish it to the files that lhl reads."""
