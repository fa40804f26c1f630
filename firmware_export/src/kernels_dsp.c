#include "kernels.h"

#include <string.h>

#include "arithmetic.h"

#if KWS_DSP

static inline uint32_t four_bytes(const int8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

/* Patches of `cells` neighbouring cells as 16-bit values, in fours: [depth / 4][cells][4].
 * Each four is in the order that sxtb16 gives: 0, 2, 1, 3; the weights' come out alike. */
static void gather(const kws_layer *layer, kws_columns in, int first, int cells, int16_t *patches) {
  const int chunk = layer->kernel * layer->channels; /* of a patch, from one column */
  const int step = layer->stride * layer->channels;
  int depth = 0;
  for (int tap = 0; tap < layer->time_kernel; ++tap, depth += chunk) {
    const int8_t *from = kws_column(layer, in, tap) + first * step;
    for (int cell = 0; cell < cells; ++cell, from += step) {
      if (chunk % 4 == 0) {
        uint32_t *to = (uint32_t *)(void *)patches + (depth / 4 * cells + cell) * 2;
        for (const int8_t *at = from; at < from + chunk; at += 4, to += 2 * cells) {
          const uint32_t word = four_bytes(at);
          to[0] = kws_sxtb16(word);
          to[1] = kws_sxtb16_ror8(word);
        }
      } else {
        static const uint8_t place[4] = {0, 2, 1, 3};
        for (int i = 0; i < chunk; ++i) {
          const int at = depth + i;
          patches[(at / 4 * cells + cell) * 4 + place[at % 4]] = from[i];
        }
      }
    }
  }
  /* What pads the depth to a multiple of four meets weights of 0. */
}

/* All output channels of n cells: a group of four weights is unpacked once and used n times. */
#define SUM(i) int32_t sum##i = bias;
#define ACCUMULATE(i)                         \
  sum##i = kws_smlad(x[2 * i], w02, sum##i); \
  sum##i = kws_smlad(x[2 * i + 1], w13, sum##i);
#define STORE(i) out[i * channels] = kws_requantise(sum##i, multiplier, shift, zero);
#define FOR_1(DO) DO(0)
#define FOR_2(DO) FOR_1(DO) DO(1)
#define FOR_3(DO) FOR_2(DO) DO(2)
#define FOR_4(DO) FOR_3(DO) DO(3)
#define FOR_5(DO) FOR_4(DO) DO(4)

#define DEFINE_CELLS(n)                                                            \
  static void cells_##n(const kws_layer *layer, const void *patches, int groups,  \
                        int8_t *out) {                                            \
    const int channels = layer->output_channels;                                  \
    const int32_t zero = layer->output_zero;                                      \
    const int8_t *weights = layer->weights;                                       \
    for (int o = 0; o < channels; ++o, ++out) {                                   \
      const int32_t bias = layer->bias[o];                                        \
      const uint32_t *x = patches;                                                \
      FOR_##n(SUM) for (const int8_t *end = weights + 4 * groups; weights < end;) { \
        const uint32_t four = four_bytes(weights);                                \
        const uint32_t w02 = kws_sxtb16(four), w13 = kws_sxtb16_ror8(four);       \
        FOR_##n(ACCUMULATE) x += 2 * n;                                           \
        weights += 4;                                                             \
      }                                                                           \
      const int32_t multiplier = layer->multiplier[o];                            \
      const int shift = layer->shift[o];                                          \
      FOR_##n(STORE)                                                              \
    }                                                                             \
  }

DEFINE_CELLS(1)
DEFINE_CELLS(2)
DEFINE_CELLS(3)
DEFINE_CELLS(4)
DEFINE_CELLS(5)

void kws_convolution(const kws_layer *layer, kws_columns in, int16_t *scratch, int8_t *out) {
  const int groups = (layer->time_kernel * layer->kernel * layer->channels + 3) / 4;
  int8_t *result = out;
  for (int first = 0; first < layer->output_cells; first += KWS_CELLS_AT_ONCE) {
    const int left = layer->output_cells - first;
    const int cells = left < KWS_CELLS_AT_ONCE ? left : KWS_CELLS_AT_ONCE;
    gather(layer, in, first, cells, scratch);
    switch (cells) {
      case 1: cells_1(layer, scratch, groups, result); break;
      case 2: cells_2(layer, scratch, groups, result); break;
      case 3: cells_3(layer, scratch, groups, result); break;
      case 4: cells_4(layer, scratch, groups, result); break;
      default: cells_5(layer, scratch, groups, result); break;
    }
    result += cells * layer->output_channels;
  }
  kws_activate(layer, out);
}

/* Four channels of one cell. */
static void depthwise_4(const kws_layer *layer, kws_columns in, int cell, int c, int8_t *out) {
  const int channels = layer->channels;
  const int8_t *weights = layer->weights + c;
  int32_t sum0 = layer->bias[c], sum1 = layer->bias[c + 1];
  int32_t sum2 = layer->bias[c + 2], sum3 = layer->bias[c + 3];
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_column(layer, in, tap) + cell * layer->stride * channels + c;
    for (int k = 0; k < layer->kernel; ++k, values += channels, weights += channels) {
      const uint32_t x = four_bytes(values), w = four_bytes(weights);
      const uint32_t x02 = kws_sxtb16(x), x13 = kws_sxtb16_ror8(x);
      const uint32_t w02 = kws_sxtb16(w), w13 = kws_sxtb16_ror8(w);
      sum0 = kws_smlabb(x02, w02, sum0);
      sum1 = kws_smlabb(x13, w13, sum1);
      sum2 = kws_smlatt(x02, w02, sum2);
      sum3 = kws_smlatt(x13, w13, sum3);
    }
  }
  const int32_t *multiplier = layer->multiplier + c, zero = layer->output_zero;
  const int8_t *shift = layer->shift + c;
  out[0] = kws_requantise(sum0, multiplier[0], shift[0], zero);
  out[1] = kws_requantise(sum1, multiplier[1], shift[1], zero);
  out[2] = kws_requantise(sum2, multiplier[2], shift[2], zero);
  out[3] = kws_requantise(sum3, multiplier[3], shift[3], zero);
}

static void depthwise_1(const kws_layer *layer, kws_columns in, int cell, int c, int8_t *out) {
  const int channels = layer->channels;
  const int8_t *weights = layer->weights + c;
  int32_t sum = layer->bias[c];
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_column(layer, in, tap) + cell * layer->stride * channels + c;
    for (int k = 0; k < layer->kernel; ++k, values += channels, weights += channels)
      sum += *values * *weights;
  }
  *out = kws_requantise(sum, layer->multiplier[c], layer->shift[c], layer->output_zero);
}

void kws_depthwise(const kws_layer *layer, kws_columns in, int8_t *out) {
  const int channels = layer->channels, fours = channels & ~3;
  for (int cell = 0; cell < layer->output_cells; ++cell) {
    int8_t *at = out + cell * channels;
    for (int c = 0; c < fours; c += 4) depthwise_4(layer, in, cell, c, at + c);
    for (int c = fours; c < channels; ++c) depthwise_1(layer, in, cell, c, at + c);
  }
  kws_activate(layer, out);
}

#endif
