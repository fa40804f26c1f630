/* Read windows of quantised values and write the scores of each. */
#include "io.h"
#include "kws_model.h"

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static int8_t window[KWS_MODEL_WINDOW_FRAMES * KWS_MODEL_FRAME_VALUES], scores[KWS_MODEL_CLASSES];
static kws_ds_cnn ds_cnn;

int run(void) {
  kws_ds_cnn_init(&ds_cnn, &kws_model_network, memory);
  while (io_read(window, sizeof window) == sizeof window) {
    kws_ds_cnn_window(&ds_cnn, window, scores);
    io_write(scores, sizeof scores);
  }
  return 0;
}
