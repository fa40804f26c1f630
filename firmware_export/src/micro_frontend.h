/* Extract the features of TFLM's microfrontend, which microWakeWord and ESPHome use, in integers;
 * kws/micro_frontend.py says what they are. They depend on all of the stream so far. */
#ifndef KWS_MICRO_FRONTEND_H
#define KWS_MICRO_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold the settings of the front end and their tables. Qn stands for a number times 2^n. */
typedef struct {
  uint16_t window, hop;          /* samples */
  uint16_t points;               /* of the complex FFT, half of the real one's: a power of 4 */
  uint16_t first_bin;            /* that the filters read */
  uint16_t coefficients;         /* bands */
  const uint16_t *hann;          /* [window] Q12 */
  const uint16_t *digit_reversal; /* [points] FFT input index of each pair of samples */
  const int16_t *twiddles;       /* [points * 3 / 4][cosine, sine] Q15 */
  const int16_t *split_twiddles; /* [points / 2][cosine, sine] Q15 */
  const uint8_t *bin_counts;     /* [coefficients + 1] bins that rise to each band */
  const uint16_t *bin_weights;   /* [bins][lower band, upper band] Q12 */
  const int16_t *gains;          /* [125] of 0, 1, and from 2 on of each power of 2 a gain and two
                                    differences, with a 0 between powers */
  const uint16_t *logarithms;    /* [130] binary, of 1 ... 2, less x - 1, Q16; then a 0 */
} kws_micro_frontend_tables;

/* Hold the state of the front end. */
typedef struct {
  const kws_micro_frontend_tables *tables;
  int16_t *work;       /* [points][2] */
  uint32_t *estimates; /* [coefficients] of the noise, Q10 */
  int16_t *pending;    /* [window] the latest samples of the stream, oldest first */
  uint16_t count;      /* samples in it */
} kws_micro_frontend;

/* Bytes of working memory, which outlives no frame, and of what is kept, both 4-byte aligned. */
#define KWS_MICRO_WORK_BYTES(points) (4 * (points))
#define KWS_MICRO_KEPT_BYTES(coefficients, window) (4 * (coefficients) + 2 * (window))

/* Set up the front end on memory of these sizes. */
void kws_micro_frontend_init(kws_micro_frontend *frontend, const kws_micro_frontend_tables *tables,
                             void *work, void *kept);
/* Forget the stream. */
void kws_micro_frontend_reset(kws_micro_frontend *frontend);
/* Take samples up to the one that completes a frame and return how many; *ready says whether the
 * frame [coefficients] was written. Call again while samples are left. */
size_t kws_micro_frontend_push(kws_micro_frontend *frontend, const int16_t *samples, size_t count,
                               float *frame, bool *ready);

#ifdef __cplusplus
}
#endif

#endif
