/* Detect keywords in a stream of samples: gate -> mfcc -> ds_cnn -> posterior. A committee, where
 * the model has one, takes the place of the one network, and fixed_mfcc or micro_frontend that of
 * mfcc. */
#ifndef KWS_SPOTTER_H
#define KWS_SPOTTER_H

#include <stddef.h>
#include <stdint.h>

#include "committee.h"
#include "ds_cnn.h"
#include "fixed_mfcc.h"
#include "gate.h"
#include "mfcc.h"
#include "micro_frontend.h"
#include "posterior.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Name the operating points of a model, from few false alarms to few misses. */
enum { KWS_LOW, KWS_NORMAL, KWS_HIGH, KWS_SENSITIVITIES };

/* Hold a model as `kws export` writes it. */
typedef struct {
  const char *name;
  const char *const *keywords; /* [posterior.keywords] names, UTF-8 */
  kws_gate_settings gate;
  kws_mfcc_tables front_end;             /* this one or a next; the others have a window of 0 */
  kws_fixed_mfcc_tables fixed_front_end;
  const kws_micro_frontend_tables *micro_front_end; /* or NULL */
  kws_network network;
  kws_committee_settings committee;
  kws_posterior_settings posterior;
  /* [KWS_SENSITIVITIES][posterior.keywords] thresholds, 32768 being 1.0; 0 where the model has none.
   * To use some, let posterior.thresholds of the detector point to them. */
  const uint16_t *sensitivities;
  uint32_t priming_samples;    /* of silence that a reset pushes: the receptive field */
  /* Where in memory each part lies, bytes. */
  uint32_t frame_at, posterior_at, pending_at, gate_at, scores_at;
  uint32_t memory_bytes;       /* total */
} kws_model;

/* Hold the state of a detector. */
typedef struct {
  const kws_model *model;
  kws_gate gate; /* gate.open: whether the stages after it run */
  kws_mfcc mfcc;
  kws_fixed_mfcc fixed_mfcc;
  kws_micro_frontend micro_frontend;
  kws_ds_cnn ds_cnn;
  kws_committee committee;
  kws_posterior posterior;
  float *frame;     /* [coefficients] the latest feature frame; int8_t of the fixed front end */
  int8_t *scores;   /* [keywords + 1] of the latest step */
  uint32_t dropped; /* detections since the reset that found no room */
} kws_spotter;

/* Set up a detector and prime it; memory: [model->memory_bytes], 4-byte aligned, which stays the
 * caller's and must live as long as the detector. */
void kws_spotter_init(kws_spotter *spotter, const kws_model *model, void *memory);
/* Forget the stream and prime the stages with silence: a keyword at the very start of the next
 * stream is detected, and the times of detections count from its first sample. */
void kws_spotter_reset(kws_spotter *spotter);
/* Take mono int16 samples at 16 kHz, write the detections that they complete, `capacity` at most,
 * and return how many were written. The division of a stream into pushes changes no detection: each
 * comes with the push that completes its step. A committee that is woken takes the longer for it. */
int kws_spotter_push(kws_spotter *spotter, const int16_t *samples, size_t count,
                     kws_detection *detections, int capacity);
/* Return the maximum confidence of a keyword among the steps that the latest push completed, 32768
 * being 1.0; if it completed none, that of the latest step; 0 while the gate is closed. */
uint16_t kws_spotter_score(const kws_spotter *spotter, int keyword);

#ifdef __cplusplus
}
#endif

#endif
