"""The files of the viewer OHIF for Radiolucent, in the folder `dist` beside this file; made by `viewer/build.py`."""
