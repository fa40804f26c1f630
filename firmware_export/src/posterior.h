/* Turn network scores into detections, in integers; kws/posterior.py states the definition. */
#ifndef KWS_POSTERIOR_H
#define KWS_POSTERIOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold the settings of the posterior stage. */
typedef struct {
  uint8_t keywords;              /* the network has one class more: 0 is background */
  uint8_t smooth_steps;          /* a posterior is averaged over so many steps */
  uint8_t max_steps;             /* a confidence is the maximum average of so many steps */
  bool sigmoid;                  /* scores are probabilities in 1/256, from -128 on, one for each
                                    keyword; averages are 0 before smooth_steps of them */
  uint16_t refractory_steps;     /* no detection for so many steps after one */
  uint16_t step_samples;         /* from one step to the next */
  uint32_t first_samples;        /* end of the audio of the first step */
  const uint16_t *thresholds;    /* [keywords], 32768 being 1.0 */
  uint16_t exponential_count;
  const uint32_t *exponentials;  /* [exponential_count] by distance from the highest score, 65536
                                    being 1.0; 0 beyond them */
} kws_posterior_settings;

/* Bytes of memory, 4-byte aligned. */
#define KWS_POSTERIOR_BYTES(keywords, smooth_steps, max_steps) \
  (4 * (keywords) + 2 * (keywords) * ((size_t)(smooth_steps) + (max_steps) + 3))

/* Describe a detected keyword. */
typedef struct {
  uint64_t sample;     /* end of the audio that the decision rests on, from the stream's start */
  uint16_t confidence; /* 32768 being 1.0 */
  uint8_t keyword;     /* index into the model's keywords */
} kws_detection;

/* Hold the state of the posterior stage. */
typedef struct {
  const kws_posterior_settings *settings;
  const uint16_t *thresholds; /* [keywords] in use: those of the settings, or the caller's choice */
  uint32_t *sums;         /* [keywords] of the posteriors in the ring */
  uint16_t *posteriors;   /* [smooth_steps][keywords], a ring */
  uint16_t *averages;     /* [max_steps][keywords], a ring */
  uint16_t *confidences;  /* [keywords] at the latest step */
  uint16_t *peaks;        /* [keywords] maximum of `shown` in a block; the latest if it is empty */
  uint16_t *shown;        /* [keywords] at the latest step: confidences, or what stands for 0 */
  uint8_t next_posterior, next_average; /* slots of the rings */
  bool block_is_empty;
  bool begins;            /* whether the ring of posteriors was not yet full */
  uint16_t refractory;    /* steps until the next detection is possible */
  uint64_t sample;        /* end of the next step's audio */
} kws_posterior;

/* Set up the stage on memory of KWS_POSTERIOR_BYTES. */
void kws_posterior_init(kws_posterior *posterior, const kws_posterior_settings *settings,
                        void *memory);
/* Forget the stream. */
void kws_posterior_reset(kws_posterior *posterior);
/* Begin the block of steps that `peaks` is the maximum of. */
void kws_posterior_begin_block(kws_posterior *posterior);
/* Advance the time by steps that were cut out; they do not enter the smoothing. */
void kws_posterior_skip(kws_posterior *posterior, uint64_t steps);
/* Take the averages [keywords] of a step; return as kws_posterior_push. `peaks` has `shown` of the
 * keywords whose confidence is 0. */
bool kws_posterior_decide(kws_posterior *posterior, const uint16_t *averages,
                          const uint16_t *shown, kws_detection *detection);
/* Turn scores [keywords + 1] into posteriors [keywords], 32768 being 1.0; count: of exponentials. */
void kws_posteriors(const uint32_t *exponentials, int count, int keywords, const int8_t *scores,
                    uint16_t *posteriors);
/* Take the scores [keywords + 1] of a step; return true if it completes a detection. */
bool kws_posterior_push(kws_posterior *posterior, const int8_t *scores, kws_detection *detection);

#ifdef __cplusplus
}
#endif

#endif
