/* Compute convolutions with the Cortex-M4's DSP instructions, around the loops of kernels_m4.S. */
#include "kernels.h"

#include <stddef.h>
#include <string.h>

#include "arithmetic.h"
#include "kernels_m4.h"

#if KWS_DSP && !KWS_MVE

/* kernels_m4.S finds the fields of kws_m4_loop at these offsets, bytes. */
#define IS_AT(field, offset) \
  typedef char field##_is_at_##offset[offsetof(kws_m4_loop, field) == (offset) ? 1 : -1]
IS_AT(bias, 0);
IS_AT(x, 4);
IS_AT(weights_step, 8);
IS_AT(multiplier, 12);
IS_AT(shifts, 16);
IS_AT(rounding, 20);
IS_AT(out, 24);
IS_AT(output_step, 28);
IS_AT(count, 32);
IS_AT(weights, 36);
IS_AT(taps_end, 40);
IS_AT(odd_taps, 44);
IS_AT(input_offset, 48);
IS_AT(input_step, 52);

/* Return four bytes as a word. */
KWS_INLINE uint32_t four_bytes(const int8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

/* Write the fours of bytes up to `end` as 16-bit values, each four `step` bytes after the one before.
 * In assembly, as the compiler keeps neither `end` nor `step` in a register. */
KWS_INLINE void spread_fours(const int8_t *from, const int8_t *end, uint32_t *to, int step) {
  uint32_t even, odd;
  __asm__ volatile("1:\n\t"
                   "ldr %[even], [%[from]], #4\n\t"
                   "sxtb16 %[odd], %[even], ror #8\n\t"
                   "sxtb16 %[even], %[even]\n\t"
                   "strd %[even], %[odd], [%[to]]\n\t"
                   "add %[to], %[step]\n\t"
                   "cmp %[from], %[end]\n\t"
                   "bne 1b"
                   : [from] "+r"(from), [to] "+r"(to), [even] "=&r"(even), [odd] "=&r"(odd)
                   : [end] "r"(end), [step] "r"(step)
                   : "cc", "memory");
}

/* Write patches of `bins` adjacent bins as 16-bit values, in fours: [depth / 4][bins][4]. Each four
 * is in the order that sxtb16 gives: 0, 2, 1, 3; those of the weights come out in the same one. The
 * padding of the depth has weights of 0. */
static void gather(const kws_layer *layer, kws_input in, int first, int bins, int16_t *patches) {
  const int chunk = layer->frequency_kernel * layer->channels; /* of a patch, from one time step */
  const int step = layer->frequency_stride * layer->channels;
  int depth = 0;
  for (int tap = 0; tap < layer->time_kernel; ++tap, depth += chunk) {
    const int8_t *from = kws_time_step(layer, in, tap) + first * step;
    for (int bin = 0; bin < bins; ++bin, from += step) {
      if (chunk % 4 == 0) {
        uint32_t *to = (uint32_t *)(void *)patches + (depth / 4 * bins + bin) * 2;
        spread_fours(from, from + chunk, to, 8 * bins);
      } else {
        static const uint8_t order[4] = {0, 2, 1, 3};
        for (int i = 0; i < chunk; ++i) {
          const int at = depth + i;
          patches[(at / 4 * bins + bin) * 4 + order[at % 4]] = from[i];
        }
      }
    }
  }
}

/* Return what the loops need of a layer. */
static kws_m4_loop loop_of(const kws_layer *layer, const void *x, int8_t *out) {
  kws_m4_loop loop = {0};
  loop.bias = layer->bias;
  loop.x = x;
  loop.multiplier = layer->multiplier;
  loop.shifts = layer->shifts;
  loop.rounding = 2 * layer->output_zero_point + 1;
  loop.out = out;
  loop.output_step = layer->output_channels;
  loop.weights = layer->weights;
  return loop;
}

/* Compute all output channels of one bin of a layer that has fewer than five. */
static void one_bin(const kws_layer *layer, const uint32_t *patch, int8_t *out) {
  const int groups = kws_padded_depth(layer) / 4;
  const int8_t *weights = layer->weights;
  for (int o = 0; o < layer->output_channels; ++o) {
    const uint32_t *x = patch;
    int32_t sum = layer->bias[o];
    for (int i = 0; i < groups; ++i, weights += 4) {
      const uint32_t four = four_bytes(weights);
      sum = kws_smlad(*x++, kws_sxtb16(four), sum);
      sum = kws_smlad(*x++, kws_sxtb16_ror8(four), sum);
    }
    out[o] = kws_requantise_channel(layer, o, sum);
  }
}

void kws_convolution(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  const int channels = layer->output_channels, last = layer->output_bins - KWS_BINS_AT_ONCE;
  for (int bin = 0; last < 0 && bin < layer->output_bins; ++bin) {
    gather(layer, in, bin, 1, scratch);
    one_bin(layer, (const uint32_t *)(const void *)scratch, out + bin * channels);
  }
  for (int first = 0; last >= 0 && first < layer->output_bins; first += KWS_BINS_AT_ONCE) {
    const int bin = first < last ? first : last; /* the last five may compute some bins again */
    gather(layer, in, bin, KWS_BINS_AT_ONCE, scratch);
    kws_m4_loop loop = loop_of(layer, scratch, out + bin * channels);
    loop.weights_step = kws_padded_depth(layer);
    loop.count = channels;
    kws_m4_five_bins(&loop);
  }
  kws_activate(layer, out);
}

/* Compute the last one to three outputs of a dense layer as a four. */
static void last_outputs(const kws_layer *layer, kws_m4_loop *loop, int8_t *out) {
  const int first = layer->output_channels & ~3;
  const size_t count = layer->output_channels - (size_t)first;
  int32_t bias[4] = {0}, multiplier[4] = {0};
  int8_t shifts[4] = {0}, outputs[4];
  memcpy(bias, layer->bias + first, count * sizeof *bias);
  memcpy(multiplier, layer->multiplier + first, count * sizeof *multiplier);
  memcpy(shifts, layer->shifts + first, count);
  loop->bias = bias;
  loop->multiplier = multiplier;
  loop->shifts = shifts;
  loop->out = outputs;
  loop->weights = layer->weights + first * kws_padded_depth(layer);
  loop->count = 1;
  kws_m4_dense(loop);
  memcpy(out + first, outputs, count);
}

void kws_dense(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  const int channels = layer->output_channels;
  gather(layer, in, 0, 1, scratch);
  kws_m4_loop loop = loop_of(layer, scratch, out);
  loop.weights_step = 4 * kws_padded_depth(layer);
  loop.count = channels / 4;
  if (loop.count > 0) kws_m4_dense(&loop);
  if (channels % 4 > 0) last_outputs(layer, &loop, out);
  kws_activate(layer, out);
}

/* Compute the fours of channels of a depthwise layer with one output bin. */
static void depthwise_one_bin(const kws_layer *layer, kws_input in, int16_t *scratch,
                               int8_t *out) {
  const int8_t **taps = (const int8_t **)(void *)scratch, **end = taps;
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_time_step(layer, in, tap);
    for (int k = layer->frequency_kernel; k > 0; --k, values += layer->channels) *end++ = values;
  }
  kws_m4_loop loop = loop_of(layer, taps, out);
  loop.taps_end = end;
  loop.odd_taps = (end - taps) % 2;
  loop.count = layer->channels / 4;
  if (loop.count > 0) kws_m4_one_bin(&loop);
}

/* Hold what four channels of many bins need, in the order of use. */
typedef struct {
  int32_t bias[4];
  struct {
    const int8_t *values; /* of the first bin */
    uint32_t w02, w13;
  } taps[];
  /* after the last tap, four of quantised_t */
} channels_t;

/* Hold the requantisation of a channel. */
typedef struct {
  int32_t multiplier, left, rounding, right;
} quantised_t;

/* kernels_m4.S steps through both as lists of words. */
typedef char channels_are_packed[offsetof(channels_t, taps) == 16 &&
                                         sizeof(((channels_t *)0)->taps[0]) == 12
                                     ? 1
                                     : -1];
typedef char quantised_is_packed[sizeof(quantised_t) == 16 ? 1 : -1];

/* Compute the fours of channels of a depthwise layer with several output bins. */
static void depthwise_many_bins(const kws_layer *layer, kws_input in, int16_t *scratch,
                                 int8_t *out) {
  const int channels = layer->channels, taps = layer->time_kernel * layer->frequency_kernel;
  channels_t *table = (channels_t *)(void *)scratch;
  quantised_t *quantised = (quantised_t *)(void *)&table->taps[taps];
  const int8_t *weights = layer->weights;
  kws_m4_loop loop = loop_of(layer, table, out);
  loop.taps_end = quantised;
  loop.odd_taps = taps % 2;
  loop.input_step = layer->frequency_stride * channels;
  for (int tap = 0, n = 0; tap < layer->time_kernel; ++tap)
    for (int k = 0; k < layer->frequency_kernel; ++k)
      table->taps[n++].values = kws_time_step(layer, in, tap) + k * channels;
  for (int c = 0; c < (channels & ~3); c += 4) {
    for (int n = 0; n < taps; ++n, weights += 4) {
      const uint32_t four = four_bytes(weights);
      table->taps[n].w02 = kws_sxtb16(four);
      table->taps[n].w13 = kws_sxtb16_ror8(four);
    }
    for (int i = 0; i < 4; ++i) {
      const int shift = layer->shifts[c + i], left = shift > 0 ? shift : 0, right = left - shift;
      table->bias[i] = layer->bias[c + i];
      quantised[i].multiplier = layer->multiplier[c + i];
      quantised[i].left = 1 + left;
      quantised[i].rounding = loop.rounding * (1 << right);
      quantised[i].right = 1 + right;
    }
    loop.out = out + c;
    loop.input_offset = c;
    loop.count = layer->output_bins;
    kws_m4_many_bins(&loop);
  }
}

void kws_depthwise(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  if (layer->output_bins == 1)
    depthwise_one_bin(layer, in, scratch, out);
  else
    depthwise_many_bins(layer, in, scratch, out);
  for (int c = layer->channels & ~3; c < layer->channels; ++c)
    kws_depthwise_channel(layer, in, c, out);
  kws_activate(layer, out);
}

#endif
