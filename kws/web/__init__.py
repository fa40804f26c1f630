"""Hold the detector for browsers: the engine as WebAssembly, its JavaScript module, a page.

`kws export --format web` copies these files next to a model. detector.js runs the engine, kws.js
listens to a microphone by worklet.js and resampler.js, kws.d.ts has their types; page.js and
page.css belong to index.html, offline.js keeps the page for use without a network.
tools/build_wasm.py builds kws.wasm.
"""
