/* Read samples; let years pass when the gate closes for the first time. Write the sample of each
 * detection, uint32 low and high. */
#include "io.h"
#include "kws.h"
#include "kws_model.h"

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static int16_t hop[KWS_MODEL_HOP];

int run(void) {
  bool waited = false;
  kws_spotter_init(&spotter, &kws_model_data, memory);
  while (io_read(hop, sizeof hop) == sizeof hop) {
    kws_detection detection;
    if (kws_spotter_push(&spotter, hop, KWS_MODEL_HOP, &detection, 1) > 0) {
      const uint32_t words[2] = {(uint32_t)detection.sample, (uint32_t)(detection.sample >> 32)};
      io_write(words, sizeof words);
    }
    /* The gate closes for the first time after the first keyword. */
    if (spotter.gate.open || waited || spotter.posterior.sample < 60000) continue;
    spotter.gate.skipped += UINT64_C(5000000000);
    waited = true;
  }
  return 0;
}
