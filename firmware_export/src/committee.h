/* Confirm what one network suspects by a committee; kws/committee.py states the definition.
 *
 * The first member always runs. Where it suspects a keyword, the others take the kept frames, one
 * member after another while the mean can still reach the threshold, in the working memory of
 * the kernels that all networks share: each step is decided when its last frame comes, and nothing
 * waits for a later one, whatever the gate does. So a step may take as long as all frames of the
 * smoothing window take all others; whoever records meanwhile needs a buffer for that time (the
 * report of kws export states it, and the sketch has it). */
#ifndef KWS_COMMITTEE_H
#define KWS_COMMITTEE_H

#include <stdbool.h>
#include <stdint.h>

#include "ds_cnn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* State the limits of a committee. */
enum { KWS_MAX_MEMBERS = 9 };

/* Describe a member: the phases of one network that run together. */
typedef struct {
  kws_network network;
  uint16_t exponential_count;
  const uint32_t *exponentials; /* [exponential_count], as those of kws_posterior_settings */
  uint8_t every;                /* steps from one score to the next, 1 or 2 */
  uint8_t offset;               /* step of the first score */
  uint8_t count;                /* scores within the smoothing window */
  uint32_t sums_at;             /* where in memory [keywords] sums and [count][keywords] posteriors
                                   lie, bytes */
} kws_member;

/* Describe a committee and where in memory its parts lie, bytes. */
typedef struct {
  const kws_member *members;    /* [member_count], the first always runs */
  uint8_t member_count;         /* 0: the model has one network and no committee */
  uint8_t keywords;
  uint8_t stride;               /* frames from one step to the next */
  uint8_t smooth_steps;         /* smoothing window */
  uint8_t first_stage;          /* 1: the first member wakes the others and has no part in the mean */
  uint16_t window_frames;       /* longest receptive field of a member */
  uint16_t kept_frames;         /* room for frames */
  uint16_t posteriors;          /* that the mean is of, within the smoothing window */
  const uint16_t *bounds;       /* [keywords] of the first member's average, 32768 being 1.0 */
  const uint16_t *least_thresholds; /* [keywords] that the bounds are for; at lower ones the bounds
                                       are lower, too */
  uint32_t kept_at;             /* [kept_frames][frame_values] quantised frames */
  uint32_t members_at;          /* [member_count] kws_member_state */
  uint32_t averages_at;         /* [2][keywords] */
  uint32_t scores_at;           /* [keywords + 1] of a member */
} kws_committee_settings;

/* Hold the state of a member besides that of its network. */
typedef struct {
  uint16_t lag; /* frames that it has not taken, UINT16_MAX: more than are kept; the first has none */
  uint8_t next; /* slot of its posteriors */
} kws_member_state;

/* Hold the state of a committee. */
typedef struct {
  const kws_committee_settings *settings;
  int8_t *memory;
  const uint16_t *averages; /* [keywords] the mean at the latest step; 0: not suspected */
  const uint16_t *shown;    /* [keywords] of those members that the keyword needed at that step */
  uint16_t next;            /* slot for the next frame */
  uint16_t skip;            /* frames that the first member leaves out at the start */
  uint16_t wait;            /* frames until the next step */
  uint8_t parity;           /* of the next step's index */
  uint8_t steps;            /* before the next one, up to smooth_steps - 1 */
  bool every_average;       /* whether those below the thresholds are wanted, too, for displays: set it
                               after the start */
} kws_committee;

/* Set up a committee on the memory of a detector. */
void kws_committee_init(kws_committee *committee, const kws_committee_settings *settings,
                        void *memory);
/* Forget the stream. */
void kws_committee_reset(kws_committee *committee);
/* Take a feature frame; return true if it completes a step, which is then to be decided. */
bool kws_committee_push(kws_committee *committee, const float *frame);
/* Take a frame of quantised values; return as kws_committee_push. */
bool kws_committee_push_quantised(kws_committee *committee, const int8_t *frame);
/* Decide the step by the bounds at the thresholds [keywords] that are in use: its averages are in
 * place until the next one. */
void kws_committee_decide(kws_committee *committee, const uint16_t *thresholds);

#ifdef __cplusplus
}
#endif

#endif
