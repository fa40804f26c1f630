/* Run a network on windows of noise. */
#include "kws_model.h"

enum { WINDOWS = 4, VALUES = KWS_MODEL_WINDOW_FRAMES * KWS_MODEL_FRAME_VALUES };

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static int8_t window[VALUES], scores[KWS_MODEL_CLASSES];
static kws_ds_cnn ds_cnn;

/* Counting begins here. */
__attribute__((noinline)) void count_from_here(void) { __asm__ volatile(""); }

/* Make the next window; entering this function ends the stage before. */
__attribute__((noinline)) void next_window(void) {
  static uint32_t state = 1;
  for (int i = 0; i < VALUES; ++i) {
    state = state * 1664525u + 1013904223u;
    window[i] = (int8_t)(state >> 24);
  }
}

int main(void) {
  kws_ds_cnn_init(&ds_cnn, &kws_model_network, memory);
  count_from_here();
  for (int i = 0; i < WINDOWS; ++i) {
    next_window();
    kws_ds_cnn_window(&ds_cnn, window, scores);
  }
  next_window();
  return 0;
}
