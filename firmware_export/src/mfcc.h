/* Extract MFCC features from a stream; kws/mfcc.py states the definition and the order of
 * arithmetic. */
#ifndef KWS_MFCC_H
#define KWS_MFCC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold the settings of the front end and their tables. */
typedef struct {
  uint16_t window, hop;           /* samples */
  uint16_t points;                /* of the complex FFT, half of the real one's */
  uint16_t last_bin;              /* highest bin that a mel filter reads */
  uint8_t mel_filters, coefficients;
  float log_offset;
  const float *hann;              /* [window / 2 + 2], scaled; the rest mirrors it */
  const uint16_t *digit_reversal; /* [points] FFT input index of each pair of samples */
  const float *twiddles;          /* [points * 3 / 4][cosine, sine] */
  const float *split_twiddles;    /* [points / 2][cosine, sine] */
  const uint16_t *mel_first;      /* [mel_filters] first bin */
  const uint16_t *mel_count;      /* [mel_filters] bins */
  const float *mel_weights;       /* [sum of mel_count] */
  const float *dct;               /* [coefficients][mel_filters / 2] */
  const float *bias;              /* [coefficients] */
} kws_mfcc_tables;

/* Bytes of working memory, whose content is used during a push only. */
#define KWS_MFCC_WORK_BYTES(points, mel_filters) (4 * (2 * (points) + 2 + (mel_filters)))

/* Hold the state of the front end. */
typedef struct {
  const kws_mfcc_tables *tables;
  float *work;      /* KWS_MFCC_WORK_BYTES */
  int16_t *pending; /* [window] the latest samples of the stream, oldest first */
  uint16_t count;   /* samples in it */
} kws_mfcc;

/* Set up the front end on working memory and room for a window of samples. */
void kws_mfcc_init(kws_mfcc *mfcc, const kws_mfcc_tables *tables, float *work, int16_t *pending);
/* Forget the stream. */
void kws_mfcc_reset(kws_mfcc *mfcc);
/* Take samples up to the one that completes a frame and return how many; *ready says whether the
 * frame [coefficients] was written. Call again while samples are left. */
size_t kws_mfcc_push(kws_mfcc *mfcc, const int16_t *samples, size_t count, float *frame,
                     bool *ready);

#ifdef __cplusplus
}
#endif

#endif
