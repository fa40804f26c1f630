/* The least program with a network, to be weighed. */
#include "kws_model.h"

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_ds_cnn ds_cnn;
static volatile int8_t window[KWS_MODEL_WINDOW_ROWS * KWS_MODEL_ROW_VALUES];

int main(void) {
  kws_ds_cnn_init(&ds_cnn, &kws_model_network, memory);
  for (;;) {
    int8_t scores[KWS_MODEL_CLASSES];
    kws_ds_cnn_window(&ds_cnn, (const int8_t *)window, scores);
    window[0] = scores[0];
  }
}
