"""Give kws the call shapes of other wake word engines, so that their callers change an import.

Each engine is one module, `porcupine`, `openwakeword` and `ovos`; `keyword_paths` finds the
keywords that they ask for, `spotter_group` listens for them.
"""
