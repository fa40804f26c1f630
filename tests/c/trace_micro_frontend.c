/* Read samples; write the frames of TFLM's microfrontend, float [frames][coefficients], then each
 * detection of the whole detector, as uint32 sample low, sample high, keyword, confidence, at last
 * the number of frames (uint32). */
#include "io.h"
#include "kws.h"
#include "kws_model.h"

enum { ROOM = 1 << 16 };

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static int16_t samples[ROOM];

int run(void) {
  const size_t count = io_read(samples, sizeof samples) / sizeof *samples;
  const size_t size = kws_model_data.micro_front_end->coefficients * sizeof(float);
  uint32_t completed = 0;
  kws_spotter_init(&spotter, &kws_model_data, memory);
  kws_micro_frontend_reset(&spotter.micro_frontend);
  for (size_t at = 0; at < count;) {
    bool ready;
    at += kws_micro_frontend_push(&spotter.micro_frontend, samples + at, count - at, spotter.frame,
                                  &ready);
    if (ready) io_write(spotter.frame, size);
    completed += ready;
  }
  kws_spotter_reset(&spotter);
  for (size_t at = 0; at < count; at += 100) {
    kws_detection detection;
    const size_t block = count - at < 100 ? count - at : 100;
    if (kws_spotter_push(&spotter, samples + at, block, &detection, 1) == 0) continue;
    const uint32_t words[4] = {(uint32_t)detection.sample, (uint32_t)(detection.sample >> 32),
                               detection.keyword, detection.confidence};
    io_write(words, sizeof words);
  }
  io_write(&completed, sizeof completed);
  return 0;
}
