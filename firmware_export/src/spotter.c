/* Detect keywords in a stream: gate -> mfcc -> ds_cnn -> posterior. */
#include "spotter.h"

void kws_spotter_init(kws_spotter *spotter, const kws_model *model, void *memory) {
  char *bytes = memory;
  spotter->model = model;
  spotter->frame = (float *)(void *)(bytes + model->frame_at);
  spotter->scores = (int8_t *)(bytes + model->scores_at);
  kws_gate_init(&spotter->gate, &model->gate, (int16_t *)(void *)(bytes + model->gate_at));
  /* Front end and network share working memory: they are never in use at the same time. */
  kws_mfcc_init(&spotter->mfcc, &model->front_end, memory,
                (int16_t *)(void *)(bytes + model->pending_at));
  kws_ds_cnn_init(&spotter->ds_cnn, &model->network, memory);
  kws_posterior_init(&spotter->posterior, &model->posterior, bytes + model->posterior_at);
  kws_spotter_reset(spotter);
}

/* Push the silence of a receptive field; times count from its end. */
static void prime(kws_spotter *spotter) {
  static const int16_t silence[80];
  const uint32_t most = sizeof silence / sizeof *silence;
  for (uint32_t left = spotter->model->priming_samples; left > 0;) {
    const uint32_t count = left < most ? left : most;
    kws_spotter_push(spotter, silence, count, NULL, 0);
    left -= count;
  }
  spotter->posterior.sample -= spotter->model->priming_samples;
  spotter->dropped = 0;
}

void kws_spotter_reset(kws_spotter *spotter) {
  kws_gate_reset(&spotter->gate);
  kws_mfcc_reset(&spotter->mfcc);
  kws_ds_cnn_reset(&spotter->ds_cnn);
  kws_posterior_reset(&spotter->posterior);
  prime(spotter);
}

/* Advance network and posterior by the next frame; return true if that completes a detection. */
static bool step(kws_spotter *spotter, kws_detection *detection) {
  return kws_ds_cnn_push(&spotter->ds_cnn, spotter->frame, spotter->scores) &&
         kws_posterior_push(&spotter->posterior, spotter->scores, detection);
}

/* Push samples that passed the gate; return `found` plus the number of detections written. */
static int push_passage(kws_spotter *spotter, const int16_t *samples, size_t count,
                        kws_detection *detections, int found, int capacity) {
  while (count > 0) {
    bool ready;
    kws_detection detection;
    const size_t taken = kws_mfcc_push(&spotter->mfcc, samples, count, spotter->frame, &ready);
    samples += taken;
    count -= taken;
    if (!ready || !step(spotter, &detection)) continue;
    if (found < capacity)
      detections[found++] = detection;
    else
      ++spotter->dropped;
  }
  return found;
}

int kws_spotter_push(kws_spotter *spotter, const int16_t *samples, size_t count,
                     kws_detection *detections, int capacity) {
  int found = 0;
  kws_posterior_begin_block(&spotter->posterior);
  while (count > 0) {
    kws_passage passage;
    const size_t taken = kws_gate_push(&spotter->gate, samples, count);
    samples += taken;
    count -= taken;
    while (kws_gate_next(&spotter->gate, &passage)) {
      kws_posterior_skip(&spotter->posterior, passage.skipped);
      found = push_passage(spotter, passage.samples, passage.count, detections, found, capacity);
    }
  }
  return found;
}

uint16_t kws_spotter_score(const kws_spotter *spotter, int keyword) {
  return spotter->gate.open ? spotter->posterior.peaks[keyword] : 0;
}
