/* Run a stage over a block; see blocks.h. */
#include "blocks.h"

size_t kws_mfcc_push_block(kws_mfcc *mfcc, const int16_t *samples, size_t count, float *frames) {
  size_t completed = 0;
  while (count > 0) {
    bool ready;
    float *frame = frames + completed * mfcc->tables->coefficients;
    const size_t taken = kws_mfcc_push(mfcc, samples, count, frame, &ready);
    samples += taken;
    count -= taken;
    if (ready) ++completed;
  }
  return completed;
}

size_t kws_fixed_mfcc_push_block(kws_fixed_mfcc *mfcc, const int16_t *samples, size_t count,
                                 int8_t *frames) {
  size_t completed = 0;
  while (count > 0) {
    bool ready;
    int8_t *frame = frames + completed * mfcc->tables->coefficients;
    const size_t taken = kws_fixed_mfcc_push(mfcc, samples, count, frame, &ready);
    samples += taken;
    count -= taken;
    if (ready) ++completed;
  }
  return completed;
}

size_t kws_micro_frontend_push_block(kws_micro_frontend *frontend, const int16_t *samples,
                                     size_t count, float *frames) {
  size_t completed = 0;
  while (count > 0) {
    bool ready;
    float *frame = frames + completed * frontend->tables->coefficients;
    const size_t taken = kws_micro_frontend_push(frontend, samples, count, frame, &ready);
    samples += taken;
    count -= taken;
    if (ready) ++completed;
  }
  return completed;
}

size_t kws_ds_cnn_push_block(kws_ds_cnn *ds_cnn, const float *frames, size_t count,
                             int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  size_t steps = 0;
  for (; count > 0; --count, frames += network->frame_values)
    if (kws_ds_cnn_push(ds_cnn, frames, scores + steps * network->classes)) ++steps;
  return steps;
}
