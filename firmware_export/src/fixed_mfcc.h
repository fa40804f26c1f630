/* Extract MFCC features from a stream in integers, for processors without a floating-point unit;
 * kws/fixed_mfcc.py states the definition and the arithmetic. */
#ifndef KWS_FIXED_MFCC_H
#define KWS_FIXED_MFCC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold the settings of the front end, their tables and the quantisation of the network's input.
 * Qn stands for a number times 2^n. */
typedef struct {
  uint16_t window, hop;           /* samples; 0: the model has the front end of mfcc.h */
  uint16_t points;                /* of the complex FFT, half of the real one's */
  uint16_t first_bin, bin_count;  /* that the mel filters read */
  uint16_t log_limit;             /* of a logarithm, Q9 */
  int16_t log_start;              /* binary logarithm of log_offset, Q9 */
  uint8_t mel_filters, coefficients;
  uint32_t log_offset;            /* Q31 */
  const uint16_t *hann;           /* [window / 2 + 2] Q15; the rest mirrors it */
  const uint16_t *digit_reversal; /* [points] FFT input index of each pair of samples */
  const int16_t *twiddles;        /* as kws_fixed_fft takes them, Q13 */
  const int16_t *split_twiddles;  /* [points / 2][cosine, sine] Q14 */
  const uint16_t *filter_bins;    /* [mel_filters + 1] bins where each filter rises; the last: none */
  const uint16_t *bin_weights;    /* [bin_count][falling, rising] Q11 */
  const int16_t *dct;             /* [coefficients][mel_filters / 2] */
  const int32_t *bias;            /* [coefficients] */
  const uint8_t *shifts;          /* [coefficients] */
  const uint32_t *roots;          /* [96] lines a * 2^16 - b between those of 1/4 ... 1 */
  const uint16_t *logarithms;     /* [65] of 1 ... 2, Q15 */
} kws_fixed_mfcc_tables;

/* Hold the state of the front end. */
typedef struct {
  const kws_fixed_mfcc_tables *tables;
  int32_t *work;    /* KWS_MFCC_WORK_BYTES */
  int16_t *pending; /* [window] the latest samples of the stream, oldest first */
  uint16_t count;   /* samples in it */
} kws_fixed_mfcc;

/* Set up the front end on working memory and room for a window of samples. */
void kws_fixed_mfcc_init(kws_fixed_mfcc *mfcc, const kws_fixed_mfcc_tables *tables, int32_t *work,
                         int16_t *pending);
/* Forget the stream. */
void kws_fixed_mfcc_reset(kws_fixed_mfcc *mfcc);
/* Take samples up to the one that completes a frame and return how many; *ready says whether the
 * quantised frame [coefficients] was written. Call again while samples are left. */
size_t kws_fixed_mfcc_push(kws_fixed_mfcc *mfcc, const int16_t *samples, size_t count,
                           int8_t *frame, bool *ready);

#ifdef __cplusplus
}
#endif

#endif
