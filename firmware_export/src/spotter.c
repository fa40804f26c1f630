/* Detect keywords in a stream: gate -> mfcc -> ds_cnn or committee -> posterior. */
#include "spotter.h"

#ifndef KWS_KINDS
#include "kws_kinds.h"
#endif
#ifndef KWS_FRONT_ENDS
#define KWS_FRONT_ENDS 7u
#endif
#ifndef KWS_COMMITTEE
#define KWS_COMMITTEE 1
#endif

/* Return whether the front end is TFLM's microfrontend. */
static bool is_micro(const kws_spotter *spotter) {
  if (!(KWS_FRONT_ENDS & 4u)) return false; /* so that it is not linked */
  return spotter->model->micro_front_end != NULL;
}

void kws_spotter_init(kws_spotter *spotter, const kws_model *model, void *memory) {
  char *bytes = memory;
  spotter->model = model;
  spotter->frame = (float *)(void *)(bytes + model->frame_at);
  spotter->scores = (int8_t *)(bytes + model->scores_at);
  kws_gate_init(&spotter->gate, &model->gate, (int16_t *)(void *)(bytes + model->gate_at));
  /* Front ends and network share working memory: they are never in use at the same time. */
  int16_t *pending = (int16_t *)(void *)(bytes + model->pending_at);
  kws_mfcc_init(&spotter->mfcc, &model->front_end, memory, pending);
  kws_fixed_mfcc_init(&spotter->fixed_mfcc, &model->fixed_front_end, memory, pending);
  if (is_micro(spotter))
    kws_micro_frontend_init(&spotter->micro_frontend, model->micro_front_end, memory, pending);
  kws_ds_cnn_init(&spotter->ds_cnn, &model->network, memory);
  if (KWS_COMMITTEE) kws_committee_init(&spotter->committee, &model->committee, memory);
  kws_posterior_init(&spotter->posterior, &model->posterior, bytes + model->posterior_at);
  kws_spotter_reset(spotter);
}

/* Hold the detections of a push as it finds them. */
typedef struct {
  kws_detection *detections;
  int found, capacity;
} results;

static void keep(kws_spotter *spotter, results *results, const kws_detection *detection) {
  if (results->found < results->capacity)
    results->detections[results->found++] = *detection;
  else
    ++spotter->dropped;
}

/* Return whether the front end is the one in fixed point. */
static bool is_fixed(const kws_spotter *spotter) {
  if (!(KWS_FRONT_ENDS & 2u)) return false; /* so that the other one is not linked */
  return KWS_FRONT_ENDS == 2u || spotter->model->fixed_front_end.window > 0;
}

/* Take samples up to the one that completes a frame; return how many. */
static size_t push_front_end(kws_spotter *spotter, const int16_t *samples, size_t count,
                             bool *ready) {
  if (KWS_FRONT_ENDS == 4u || is_micro(spotter))
    return kws_micro_frontend_push(&spotter->micro_frontend, samples, count, spotter->frame, ready);
  if (is_fixed(spotter)) {
    int8_t *frame = (int8_t *)(void *)spotter->frame;
    return kws_fixed_mfcc_push(&spotter->fixed_mfcc, samples, count, frame, ready);
  }
  return kws_mfcc_push(&spotter->mfcc, samples, count, spotter->frame, ready);
}

/* Return whether the model is a committee. */
static bool is_committee(const kws_spotter *spotter) {
  if (!KWS_COMMITTEE) return false; /* so that committees are not linked */
  return spotter->model->committee.member_count > 0;
}

/* Let the committee take the next frame; return true if it completes a step. */
static bool push_committee(kws_spotter *spotter) {
  if (is_fixed(spotter))
    return kws_committee_push_quantised(&spotter->committee, (const int8_t *)spotter->frame);
  return kws_committee_push(&spotter->committee, spotter->frame);
}

/* Let the one network take the next frame; return true if it completes a step. */
static bool push_network(kws_spotter *spotter) {
  if (is_fixed(spotter))
    return kws_ds_cnn_push_quantised(&spotter->ds_cnn, (const int8_t *)spotter->frame,
                                     spotter->scores);
  return kws_ds_cnn_push(&spotter->ds_cnn, spotter->frame, spotter->scores);
}

/* Advance the committee, or the one network, and the posterior by the next frame. */
static void step(kws_spotter *spotter, results *results) {
  kws_committee *committee = &spotter->committee;
  kws_detection detection;
  bool found;
  if (is_committee(spotter)) {
    if (!push_committee(spotter)) return;
    kws_committee_decide(committee, spotter->posterior.thresholds);
    found = kws_posterior_decide(&spotter->posterior, committee->averages, committee->shown,
                                 &detection);
  } else {
    if (!push_network(spotter)) return;
    found = kws_posterior_push(&spotter->posterior, spotter->scores, &detection);
  }
  if (found) keep(spotter, results, &detection);
}

/* Push samples that passed the gate. */
static void push_passage(kws_spotter *spotter, const int16_t *samples, size_t count,
                         results *results) {
  while (count > 0) {
    bool ready;
    const size_t taken = push_front_end(spotter, samples, count, &ready);
    samples += taken;
    count -= taken;
    if (ready) step(spotter, results);
  }
}

int kws_spotter_push(kws_spotter *spotter, const int16_t *samples, size_t count,
                     kws_detection *detections, int capacity) {
  results results = {detections, 0, capacity};
  kws_posterior_begin_block(&spotter->posterior);
  while (count > 0) {
    kws_passage passage;
    const size_t taken = kws_gate_push(&spotter->gate, samples, count);
    samples += taken;
    count -= taken;
    while (kws_gate_next(&spotter->gate, &passage)) {
      kws_posterior_skip(&spotter->posterior, passage.skipped);
      push_passage(spotter, passage.samples, passage.count, &results);
    }
  }
  return results.found;
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
  kws_fixed_mfcc_reset(&spotter->fixed_mfcc);
  if (is_micro(spotter)) kws_micro_frontend_reset(&spotter->micro_frontend);
  kws_ds_cnn_reset(&spotter->ds_cnn);
  if (KWS_COMMITTEE) kws_committee_reset(&spotter->committee);
  kws_posterior_reset(&spotter->posterior);
  prime(spotter);
}

uint16_t kws_spotter_score(const kws_spotter *spotter, int keyword) {
  return spotter->gate.open ? spotter->posterior.peaks[keyword] : 0;
}
