/* Samples in; the detector's stages, each a phase of its own. */
#include "io.h"
#include "kws.h"
#include "kws_model.h"
#include "phases.h"

PHASE(front_end)
PHASE(network)
PHASE(posterior)
PHASE(none)

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static int16_t hop[KWS_MODEL_HOP];

int run(void) {
  kws_spotter_init(&spotter, &kws_model_data, memory);
  while (io_read(hop, sizeof hop) == sizeof hop) {
    bool ready;
    const int16_t *samples = hop;
    size_t left = KWS_MODEL_HOP;
    while (left > 0) {
      phase_front_end();
      const size_t taken = kws_mfcc_push(&spotter.mfcc, samples, left, spotter.row, &ready);
      phase_network();
      samples += taken;
      left -= taken;
      if (ready && kws_ds_cnn_push(&spotter.ds_cnn, spotter.row, spotter.scores)) {
        kws_detection heard;
        phase_posterior();
        kws_posterior_push(&spotter.posterior, spotter.scores, &heard);
      }
      phase_none();
    }
  }
  return 0;
}
