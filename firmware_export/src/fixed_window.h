/* Window and emphasise the samples of a frame for the transform of fixed_fft.h. */
#ifndef KWS_FIXED_WINDOW_H
#define KWS_FIXED_WINDOW_H

#include <stdint.h>

#include "fixed_fft.h"
#include "fixed_mfcc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* State by how many bits windowed samples are shifted at least before the transform. */
enum { KWS_LEAST_SHIFT = 2 };

/* Load samples [window] into z [points] in digit-reversed order, in pairs even + i * odd; pad them with
 * zeros to the FFT's size. Return the spread, which is exact where more than the least shift is due. */
uint32_t kws_fixed_load(const kws_fixed_mfcc_tables *tables, const int16_t *samples,
                        kws_fixed_complex *z);

#ifdef __cplusplus
}
#endif

#endif
