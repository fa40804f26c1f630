/* The least program with a detector, to be weighed. */
#include "kws.h"
#include "kws_model.h"

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static kws_spotter spotter;
static volatile int16_t microphone;

int main(void) {
  kws_spotter_init(&spotter, &kws_model_data, memory);
  for (;;) {
    const int16_t sample = microphone;
    kws_detection heard;
    microphone = (int16_t)kws_spotter_push(&spotter, &sample, 1, &heard);
  }
}
