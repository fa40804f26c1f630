/* Read samples; write the quantised frames of the front end in fixed point, as their number (uint32)
 * and int8 [frames][coefficients], then each detection of the whole detector, which is primed:
 * uint32 sample low, sample high, keyword, confidence. */
#include "detections.h"
#include "io.h"
#include "kws.h"
#include "kws_model.h"

enum { ROOM = 1 << 16, FRAMES = 700 };

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static int16_t samples[ROOM];
static int8_t frames[FRAMES][128];

int run(void) {
  const size_t count = io_read(samples, sizeof samples) / sizeof *samples;
  const size_t coefficients = kws_model_data.fixed_front_end.coefficients;
  uint32_t completed = 0;
  kws_spotter_init(&spotter, &kws_model_data, memory);
  kws_fixed_mfcc_reset(&spotter.fixed_mfcc);
  for (size_t at = 0; at < count && completed < FRAMES;) {
    bool ready;
    at += kws_fixed_mfcc_push(&spotter.fixed_mfcc, samples + at, count - at, frames[completed],
                              &ready);
    if (ready) ++completed;
  }
  io_write(&completed, sizeof completed);
  for (uint32_t i = 0; i < completed; ++i) io_write(frames[i], coefficients);
  kws_spotter_reset(&spotter);
  write_detections(&spotter, samples, count);
  return 0;
}
