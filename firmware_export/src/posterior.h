/* Scores to detections, in integers alone; kws/posterior.py states the definition. */
#ifndef KWS_POSTERIOR_H
#define KWS_POSTERIOR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  uint8_t keywords;              /* the network has one class more: 0 is background */
  uint8_t smooth_steps, max_steps;
  uint16_t refractory_steps;
  uint16_t step_samples;         /* from one step to the next */
  uint32_t first_samples;        /* that the first step rests on */
  const uint16_t *levels;        /* [keywords] thresholds, 32768 being 1.0 */
  const uint32_t *exponentials;  /* [256] by distance from the greatest score, 65536 being 1.0 */
} kws_posterior_settings;

/* Bytes of memory, 4-byte aligned. */
#define KWS_POSTERIOR_BYTES(keywords, smooth_steps, max_steps) \
  (4 * (keywords) + 2 * (keywords) * ((smooth_steps) + (max_steps) + 2))

/* A keyword was heard. */
typedef struct {
  uint64_t sample;     /* end of the audio that the decision rests on, from the stream's start */
  uint16_t confidence; /* 32768 being 1.0 */
  uint8_t keyword;     /* index into the model's keywords */
} kws_detection;

typedef struct {
  const kws_posterior_settings *settings;
  uint32_t *sums;        /* [keywords] of the posteriors kept */
  uint16_t *posteriors;  /* [smooth_steps][keywords], a ring */
  uint16_t *averages;    /* [max_steps][keywords], a ring */
  uint16_t *confidences; /* [keywords] at the latest step */
  uint16_t *peaks;       /* [keywords] greatest confidences of the block; of an empty one the latest */
  uint8_t next_posterior, next_average;
  bool block_is_empty;
  uint16_t silent;       /* steps that may not fire yet */
  uint64_t sample;       /* end of the next step's audio */
} kws_posterior;

void kws_posterior_init(kws_posterior *posterior, const kws_posterior_settings *settings,
                        void *memory);
/* Forget the stream. */
void kws_posterior_reset(kws_posterior *posterior);
/* Begin the block of steps that `peaks` is taken over. */
void kws_posterior_begin_block(kws_posterior *posterior);
/* Let the time of steps go by that were cut out; the smoothing knows nothing of them. */
void kws_posterior_skip(kws_posterior *posterior, uint64_t steps);
/* Take one step's scores [keywords + 1]; true when a keyword was heard. */
bool kws_posterior_push(kws_posterior *posterior, const int8_t *scores, kws_detection *detection);

#endif
