/* Print the keywords in audio from standard input: int16 of this machine, mono, 16 kHz. */
#include <stdio.h>

#include "kws.h"
@C_INCLUDES@

static const kws_model *const models[] = {@C_MODELS@};
enum { MODELS = sizeof models / sizeof *models, MAX_DETECTIONS = 4 };
@C_MEMORIES@
static uint32_t *const memories[] = {@C_MEMORY_NAMES@};
static kws_spotter spotters[MODELS];

static void print(const kws_model *model, const kws_detection *found) {
  printf("%.2f s  %s  %s  %.2f\n", (double)found->sample / 16000, model->name,
         model->keywords[found->keyword], found->confidence / 32768.0);
}

int main(void) {
  int16_t samples[160];
  size_t count;
  for (int i = 0; i < MODELS; ++i) kws_spotter_init(&spotters[i], models[i], memories[i]);
  while ((count = fread(samples, sizeof *samples, 160, stdin)) > 0)
    for (int i = 0; i < MODELS; ++i) {
      kws_detection found[MAX_DETECTIONS];
      const int detections =
          kws_spotter_push(&spotters[i], samples, count, found, MAX_DETECTIONS);
      for (int k = 0; k < detections; ++k) print(models[i], &found[k]);
    }
  return 0;
}
