#include "spotter.h"

void kws_spotter_init(kws_spotter *spotter, const kws_model *model, void *memory) {
  char *bytes = memory;
  spotter->model = model;
  spotter->row = (float *)(void *)(bytes + model->row_at);
  spotter->scores = (int8_t *)(bytes + model->scores_at);
  kws_gate_init(&spotter->gate, &model->gate, (int16_t *)(void *)(bytes + model->gate_at));
  /* The front end's working memory and the network's are the same: never both are in use. */
  kws_mfcc_init(&spotter->mfcc, &model->front_end, memory,
                (int16_t *)(void *)(bytes + model->pending_at));
  kws_ds_cnn_init(&spotter->ds_cnn, &model->network, memory);
  kws_posterior_init(&spotter->posterior, &model->posterior, bytes + model->posterior_at);
}

void kws_spotter_reset(kws_spotter *spotter) {
  kws_gate_reset(&spotter->gate);
  kws_mfcc_reset(&spotter->mfcc);
  kws_ds_cnn_reset(&spotter->ds_cnn);
  kws_posterior_reset(&spotter->posterior);
}

/* Samples that passed the gate. */
static int hear(kws_spotter *spotter, const int16_t *samples, size_t count,
                kws_detection *detections) {
  int heard = 0;
  while (count > 0) {
    bool ready;
    const size_t taken = kws_mfcc_push(&spotter->mfcc, samples, count, spotter->row, &ready);
    samples += taken;
    count -= taken;
    if (ready && kws_ds_cnn_push(&spotter->ds_cnn, spotter->row, spotter->scores) &&
        kws_posterior_push(&spotter->posterior, spotter->scores, &detections[heard]))
      ++heard;
  }
  return heard;
}

int kws_spotter_push(kws_spotter *spotter, const int16_t *samples, size_t count,
                     kws_detection *detections) {
  int heard = 0;
  while (count > 0) {
    kws_passage passage;
    const size_t taken = kws_gate_push(&spotter->gate, samples, count);
    samples += taken;
    count -= taken;
    while (kws_gate_next(&spotter->gate, &passage)) {
      kws_posterior_skip(&spotter->posterior, passage.cut);
      heard += hear(spotter, passage.samples, passage.count, &detections[heard]);
    }
  }
  return heard;
}
