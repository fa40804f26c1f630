/* The layers' arithmetic: one output column from the last columns of the input.
 *
 * Convolution and depthwise convolution have two versions, equal bit for bit: kernels.c is portable
 * C, kernels_dsp.c and kernels_m4.S are for the Cortex-M4; the preprocessor takes one. */
#ifndef KWS_KERNELS_H
#define KWS_KERNELS_H

#include <stdint.h>

#include "arithmetic.h"
#include "ds_cnn.h"

/* A ring of input columns [time_kernel][cells][channels]. */
typedef struct {
  const int8_t *memory;
  int oldest; /* slot */
} kws_columns;

/* scratch: see Layer.scratch_bytes in kws/network.py. */
void kws_convolution(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out);
void kws_depthwise(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out);
/* One channel of all cells, in portable C. */
void kws_depthwise_channel(const kws_layer *layer, kws_columns in, int channel, int8_t *out);
/* A convolution that gives one cell. Weights are 16-bit pairs 256 * a + b of two neighbouring
 * outputs: [outputs / 4][depth / 4][outputs 0 and 1, 2 and 3][inputs 0, 2, 1, 3 of a four]. One
 * product then serves both outputs: sum(x * b) is taken off sum(x * (256 * a + b)). */
void kws_dense(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out);
/* One output of it, in portable C. */
void kws_dense_output(const kws_layer *layer, kws_columns in, int output, int8_t *out);
void kws_average(const kws_layer *layer, kws_columns in, int8_t *out);
void kws_softmax(const kws_layer *layer, kws_columns in, int8_t *out);

/* Values from all taps that one output value of a convolution sees. */
static inline int kws_depth(const kws_layer *layer) {
  return layer->time_kernel * layer->kernel * layer->channels;
}

/* The same padded: how far apart the weights of two output channels lie. */
static inline int kws_row(const kws_layer *layer) { return (kws_depth(layer) + 7) & ~7; }

/* A sum of one output channel as int8. */
static inline int8_t kws_requantise_channel(const kws_layer *layer, int channel, int32_t sum) {
  const uint8_t *shifts = layer->shifts + 2 * channel;
  return kws_requantise(sum, layer->multiplier[channel], shifts[0], shifts[1],
                        layer->output_zero);
}

/* Column `tap` of a ring, 0 being the oldest. */
static inline const int8_t *kws_column(const kws_layer *layer, kws_columns in, int tap) {
  int slot = in.oldest + tap;
  if (slot >= layer->time_kernel) slot -= layer->time_kernel;
  return in.memory + slot * layer->cells * layer->channels;
}

/* Values of an output column brought into the activation's range. */
static inline void kws_activate(const kws_layer *layer, int8_t *out) {
  if (layer->least == -128 && layer->greatest == 127) return;
  for (int i = 0; i < layer->output_cells * layer->output_channels; ++i) {
    if (out[i] < layer->least) out[i] = layer->least;
    if (out[i] > layer->greatest) out[i] = layer->greatest;
  }
}

#endif
