/* Run the detector of a WebAssembly instance, for kws/web/detector.js.
 *
 * The caller lays out the memory after __heap_base: the image of a model (kws/engine/image.py), the
 * detector's working memory, samples, detections. tools/build_wasm.py compiles this. */
#include "spotter.h"

#define EXPORT __attribute__((visibility("default"), used))

static kws_spotter spotter;

/* Return a number of the layout of the structs, which an image must have been made for. */
EXPORT uint32_t kws_layout(void) { return KWS_LAYOUT; }

/* Set up the detector and prime it; memory: [model->memory_bytes], 4-byte aligned. */
EXPORT void kws_open(const kws_model *model, void *memory) {
  kws_spotter_init(&spotter, model, memory);
  spotter.committee.every_average = true; /* the page shows them */
  kws_spotter_reset(&spotter);
}

EXPORT void kws_reset(void) { kws_spotter_reset(&spotter); }

EXPORT int kws_push(const int16_t *samples, size_t count, kws_detection *detections,
                    int capacity) {
  return kws_spotter_push(&spotter, samples, count, detections, capacity);
}

EXPORT int kws_score(int keyword) { return kws_spotter_score(&spotter, keyword); }

/* Use thresholds [keywords] from the next step on; they stay the caller's. */
EXPORT void kws_use_thresholds(const uint16_t *thresholds) {
  spotter.posterior.thresholds = thresholds;
}
