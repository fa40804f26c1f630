/* Run a stage of the engine over a block, for the Python extension: one call, not one per hop. */
#ifndef KWS_BLOCKS_H
#define KWS_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "ds_cnn.h"
#include "fixed_mfcc.h"
#include "mfcc.h"
#include "micro_frontend.h"

/* Push samples [count], write the frames that they complete, [frames][coefficients], of which there
 * are count / hop + 1 at most, and return how many. */
size_t kws_mfcc_push_block(kws_mfcc *mfcc, const int16_t *samples, size_t count, float *frames);
/* Do so in fixed point; the frames are quantised. */
size_t kws_fixed_mfcc_push_block(kws_fixed_mfcc *mfcc, const int16_t *samples, size_t count,
                                 int8_t *frames);
/* Do so with TFLM's microfrontend. */
size_t kws_micro_frontend_push_block(kws_micro_frontend *frontend, const int16_t *samples,
                                     size_t count, float *frames);
/* Push frames [count][frame_values], write the scores that they complete, [steps][classes], of
 * which there are `count` at most, and return the number of steps. */
size_t kws_ds_cnn_push_block(kws_ds_cnn *ds_cnn, const float *frames, size_t count,
                             int8_t *scores);

#endif
