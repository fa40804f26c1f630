"""Prepare models for the C engine and run it on this machine.

tflite_reader reads a .tflite file, operator_chain puts its operators in line, lowering turns it
into a network of the engine's layers, with requantisation's multipliers; network plans its memory.
c_headers reads the layout of the engine's structs from its headers, c_layout gives their values,
native runs them by the extension that build_native defines.
"""
