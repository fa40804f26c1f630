/* Compute one output time step of a layer from the latest time steps of its input.
 *
 * Convolution and depthwise convolution have three versions, equal bit for bit: kernels.c is
 * portable C, kernels_dsp.c and kernels_m4.S are for the Cortex-M4, kernels_mve.c is for the
 * Cortex-M55; the preprocessor selects one. */
#ifndef KWS_KERNELS_H
#define KWS_KERNELS_H

#include <stdint.h>

#include "arithmetic.h"
#include "ds_cnn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Describe a ring of input time steps [time_kernel][bins][channels]. */
typedef struct {
  const int8_t *memory;
  int oldest; /* slot */
} kws_input;

/* Compute a convolution; scratch: see Layer.scratch_bytes in kws/engine/network.py. */
void kws_convolution(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out);
/* Compute a depthwise convolution; scratch as above. */
void kws_depthwise(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out);
/* Compute one channel of all bins of a depthwise convolution, in portable C. */
void kws_depthwise_channel(const kws_layer *layer, kws_input in, int channel, int8_t *out);
/* Compute a convolution with one output bin. Weights are 16-bit pairs 256 * a + b of two adjacent
 * outputs: [outputs / 4][depth / 4][outputs 0 and 1, 2 and 3][inputs 0, 2, 1, 3 of a four]. One
 * product then serves both outputs: sum(x * b) is subtracted from sum(x * (256 * a + b)). */
void kws_dense(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out);
/* Compute one output of it, in portable C. */
void kws_dense_output(const kws_layer *layer, kws_input in, int output, int8_t *out);
/* Average over a kernel. */
void kws_average(const kws_layer *layer, kws_input in, int8_t *out);
/* Turn scores into probabilities. */
void kws_softmax(const kws_layer *layer, kws_input in, int8_t *out);
/* Take the maximum over a kernel. */
void kws_maximum(const kws_layer *layer, kws_input in, int8_t *out);
/* Average over a kernel, to another scale. */
void kws_mean(const kws_layer *layer, kws_input in, int8_t *out);
/* Look each value up. */
void kws_table(const kws_layer *layer, kws_input in, int8_t *out);
/* Pass a time step on. */
void kws_copy(const kws_layer *layer, const int8_t *values, int8_t *out);
/* Add the newest time step and another one. */
void kws_add(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out);
/* Multiply the newest time steps, which become bins, by another one. */
void kws_multiply(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out);
/* Join the channels of the newest time step and those of another one. */
void kws_join(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out);

/* Return how many input values an output value of a convolution depends on. */
static inline int kws_depth(const kws_layer *layer) {
  return layer->time_kernel * layer->frequency_kernel * layer->channels;
}

/* Return the depth with its padding: how far apart the weights of two output channels lie. */
static inline int kws_padded_depth(const kws_layer *layer) { return (kws_depth(layer) + 7) & ~7; }

/* Requantise a sum of an output channel. */
static inline int8_t kws_requantise_channel(const kws_layer *layer, int channel, int32_t sum) {
  return kws_requantise(sum, layer->multiplier[channel], layer->shifts[channel],
                        layer->output_zero_point);
}

/* Return input time step `tap` of a ring, 0 being the oldest. */
static inline const int8_t *kws_time_step(const kws_layer *layer, kws_input in, int tap) {
  int slot = in.oldest + tap;
  if (slot >= layer->time_kernel) slot -= layer->time_kernel;
  return in.memory + slot * layer->bins * layer->channels;
}

/* Return the newest time step of a ring. */
static inline const int8_t *kws_newest(const kws_layer *layer, kws_input in) {
  return kws_time_step(layer, in, layer->time_kernel - 1);
}

/* Clamp an output time step to the range of the activation. */
static inline void kws_activate(const kws_layer *layer, int8_t *out) {
  if (layer->activation_min == -128 && layer->activation_max == 127) return;
  for (int i = 0; i < layer->output_bins * layer->output_channels; ++i) {
    if (out[i] < layer->activation_min) out[i] = layer->activation_min;
    if (out[i] > layer->activation_max) out[i] = layer->activation_max;
  }
}

#ifdef __cplusplus
}
#endif

#endif
