"""Export models: as an Arduino sketch, as a library, for browsers, as C.

formats.py lists the formats. sketch.py, library.py and web_folder.py write files; library_models.py
and library_boards.py say what a library holds, library_zip.py packs it. c_source.py writes a
model's C (c_kinds.py: what of the engine it needs), exported_folder.py a folder of files,
board_report.py the report of what a sketch costs (footprint.py: flash and RAM; cost.py:
instructions, processor time, power).
"""
