"""Pixels: decode, encode, render. The only package that knows arrays and codecs; its work is done in worker processes.

`adapter` fulfils `ports.Pixels` and is all that `main` sees; `pool` keeps the workers; `worker` is what runs in one of them; `jobs` names
what it can do.
"""
