"""Export a model as an Arduino sketch, or its network as C.

sketch.py writes the folder, c_source.py the model's C, board_report.py the report of what it costs
(footprint.py: flash and RAM; cost.py: instructions, processor time, power).
"""
