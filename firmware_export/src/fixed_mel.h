/* Sum the magnitudes of the spectrum of a frame over the mel filters. */
#ifndef KWS_FIXED_MEL_H
#define KWS_FIXED_MEL_H

#include <stdint.h>

#include "fixed_fft.h"
#include "fixed_mfcc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* State how many bits the largest input of the split into bins has, and the twiddles after the
 * point. */
enum { KWS_SPLIT_BITS = 14, KWS_SPLIT_TWIDDLE_BITS = 14 };

/* Shift the packed transform z [points], which is overwritten, and split it into the bins of the real
 * FFT; write mel sums [mel_filters + 2] of their magnitudes: filter i is sum i + 1, the first and the
 * last are none. A bin between two corners falls in one filter and rises in the next. */
void kws_fixed_mel(const kws_fixed_mfcc_tables *tables, kws_fixed_complex *z, int shift,
                   uint32_t *sums);

#ifdef __cplusplus
}
#endif

#endif
