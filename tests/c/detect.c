/* Push samples through a spotter in blocks of a number of hops, the first input word, as an
 * application does. Out come its detections: uint32 sample low, sample high, keyword, confidence;
 * last the number of detections that found no room, and the word 0xffffffff. */
#include "io.h"
#include "kws.h"
#include "kws_model.h"

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static int16_t block[64 * KWS_MODEL_HOP];

int run(void) {
  int16_t hops;
  kws_detection detections[2];
  io_read(&hops, sizeof hops);
  kws_spotter_init(&spotter, &kws_model_data, memory);
  for (size_t bytes; (bytes = io_read(block, (size_t)hops * KWS_MODEL_HOP * 2)) > 0;) {
    const int found = kws_spotter_push(&spotter, block, bytes / 2, detections, 2);
    for (int i = 0; i < found; ++i) {
      const uint32_t words[4] = {(uint32_t)detections[i].sample,
                                 (uint32_t)(detections[i].sample >> 32), detections[i].keyword,
                                 detections[i].confidence};
      io_write(words, sizeof words);
    }
  }
  const uint32_t end[2] = {spotter.dropped, UINT32_MAX};
  io_write(end, sizeof end);
  return 0;
}
