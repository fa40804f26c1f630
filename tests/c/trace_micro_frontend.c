/* Read samples; write the frames of TFLM's microfrontend, float [frames][coefficients], then each
 * detection of the whole detector, as uint32 sample low, sample high, keyword, confidence, at last
 * the number of frames (uint32). */
#include "detections.h"
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
  write_detections(&spotter, samples, count);
  io_write(&completed, sizeof completed);
  return 0;
}
