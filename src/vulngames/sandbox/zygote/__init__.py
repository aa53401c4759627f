"""The zygote: a clean interpreter that locks itself down and forks one child for each run of submitted code.

It is started by exec (`python -P -s -S -B -m zygote`, this folder's parent being on the path until it is up), uses the
standard library only, and its modules import each other relatively: it must not load the package it is part of.
"""
