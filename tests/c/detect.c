/* Push samples through a detector, as an application does.
 *
 * Read int16 hops per push, refractory steps and uint16 thresholds of all keywords, which replace
 * the model's unless 0, then samples.
 * Write each detection: uint32 sample low, sample high, keyword, confidence; then how many were
 * dropped, the maximum number of detections of a push, and 0xffffffff. */
#include "io.h"
#include "kws.h"
#include "kws_model.h"

enum { ROOM = 2 };

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static kws_model model;
static uint16_t thresholds[KWS_MODEL_KEYWORDS];
static int16_t block[64 * KWS_MODEL_HOP];

int run(void) {
  int16_t settings[3]; /* hops, refractory steps, threshold */
  kws_detection detections[ROOM];
  uint32_t maximum = 0;
  io_read(settings, sizeof settings);
  model = kws_model_data;
  if (settings[1] > 0) model.posterior.refractory_steps = (uint16_t)settings[1];
  kws_spotter_init(&spotter, &model, memory);
  for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i) thresholds[i] = (uint16_t)settings[2];
  if (settings[2] != 0) spotter.posterior.thresholds = thresholds;
  const size_t block_bytes = (size_t)settings[0] * KWS_MODEL_HOP * sizeof *block;
  for (size_t bytes; (bytes = io_read(block, block_bytes)) > 0;) {
    const uint32_t dropped_before = spotter.dropped;
    const int found = kws_spotter_push(&spotter, block, bytes / sizeof *block, detections, ROOM);
    const uint32_t all = (uint32_t)found + spotter.dropped - dropped_before;
    if (all > maximum) maximum = all;
    for (int i = 0; i < found; ++i) {
      const uint32_t words[4] = {(uint32_t)detections[i].sample,
                                 (uint32_t)(detections[i].sample >> 32), detections[i].keyword,
                                 detections[i].confidence};
      io_write(words, sizeof words);
    }
  }
  const uint32_t end[3] = {spotter.dropped, maximum, UINT32_MAX};
  io_write(end, sizeof end);
  return 0;
}
