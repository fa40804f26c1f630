/* Compute layers whose outputs are one for each input value, and joins; see kernels.h. */
#include <string.h>

#include "kernels.h"

/* Return a * b / 2^31, rounded half up: gemmlowp's SaturatingRoundingDoublingHighMul. */
static int32_t high_product(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* Return 2^31 / (1 + x) for x in 0..1 as 0.31 bits, minus its leading bit: gemmlowp's
 * one_over_one_plus_x_for_x_in_0_1, three Newton-Raphson steps on 2.29 bits. */
static int32_t reciprocal(int32_t x) {
  const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t estimate = 1515870810 + high_product(half_denominator, -1010580540); /* 48/17, -32/17 */
  for (int i = 0; i < 3; ++i) {
    const int32_t product = high_product(half_denominator, estimate);
    const int32_t step = high_product(estimate, (1 << 29) - product);
    const int64_t next = (int64_t)estimate + 4 * (int64_t)step;
    estimate = (int32_t)(next > INT32_MAX ? INT32_MAX : next);
  }
  return estimate > INT32_MAX / 2 ? INT32_MAX : estimate * 2;
}

void kws_softmax(const kws_layer *layer, kws_input in, int8_t *out) {
  const int8_t *scores = kws_time_step(layer, in, 0);
  const int32_t *exponentials = layer->bias; /* 0.31 bits */
  int highest = -128;
  for (int i = 0; i < layer->channels; ++i)
    if (scores[i] > highest) highest = scores[i];
  int32_t sum = 0; /* 12.19 bits */
  for (int i = 0; i < layer->channels; ++i) {
    const int32_t exponential = exponentials[highest - scores[i]];
    sum += (exponential >> 12) + ((exponential >> 11) & 1);
  }
  int zeros = 0;
  while (((uint32_t)sum << zeros) < 0x80000000u) ++zeros;
  const int32_t scale = reciprocal((int32_t)(((uint32_t)sum << zeros) - 0x80000000u));
  const int shift = 12 - zeros + 31 - 8;
  for (int i = 0; i < layer->channels; ++i) {
    const int32_t product = high_product(scale, exponentials[highest - scores[i]]);
    const int32_t quantised = ((product >> (shift - 1)) + 1) >> 1;
    out[i] = kws_saturate(quantised - 128);
  }
}

void kws_table(const kws_layer *layer, kws_input in, int8_t *out) {
  const int8_t *values = kws_newest(layer, in);
  for (int i = 0; i < layer->bins * layer->channels; ++i) out[i] = layer->weights[values[i] + 128];
}

void kws_copy(const kws_layer *layer, const int8_t *values, int8_t *out) {
  memcpy(out, values, (size_t)(layer->output_bins * layer->output_channels));
}

/* Return an operand of a sum, less its zero point, in 2^-20 of twice the greater scale; rounded
 * twice, as TensorFlow Lite's MultiplyByQuantizedMultiplierSmallerThanOneExp does. */
static int32_t operand(const kws_layer *layer, int which, int32_t value) {
  const int64_t high = high_product(value * (1 << 20), layer->multiplier[which]);
  const int right = -layer->shifts[which];
  const int64_t half = ((int64_t)1 << right) >> 1; /* rounds half away from zero */
  return (int32_t)((high + half - (high < 0 && right > 0)) >> right);
}

void kws_add(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out) {
  const int32_t zero = layer->bias[KWS_OTHER_ZERO_POINT];
  const int32_t bin_step = layer->bias[KWS_OTHER_BIN_STEP];
  const int32_t channel_step = layer->bias[KWS_OTHER_CHANNEL_STEP];
  const int8_t *value = kws_newest(layer, in);
  int8_t *sum = out;
  for (int bin = 0; bin < layer->bins; ++bin) {
    const int8_t *summand = other + bin * bin_step;
    for (int left = layer->channels; left > 0; --left, summand += channel_step) {
      const int32_t first = operand(layer, 0, *value++ - layer->zero_point);
      const int32_t second = operand(layer, 1, *summand - zero);
      *sum++ = kws_requantise_channel(layer, 2, first + second);
    }
  }
  kws_activate(layer, out);
}

void kws_multiply(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out) {
  const int32_t zero = layer->bias[KWS_OTHER_ZERO_POINT];
  const int32_t bin_step = layer->bias[KWS_OTHER_BIN_STEP];
  const int32_t channel_step = layer->bias[KWS_OTHER_CHANNEL_STEP];
  const int time_steps = layer->output_bins / layer->bins;
  int8_t *product = out;
  for (int tap = layer->time_kernel - time_steps; tap < layer->time_kernel; ++tap) {
    const int8_t *value = kws_time_step(layer, in, tap);
    for (int bin = 0; bin < layer->bins; ++bin) {
      for (int channel = 0; channel < layer->channels; ++channel) {
        const int32_t factor = other[bin * bin_step + channel * channel_step] - zero;
        *product++ = kws_requantise_channel(layer, 0, (*value++ - layer->zero_point) * factor);
      }
    }
  }
  kws_activate(layer, out);
}

void kws_join(const kws_layer *layer, kws_input in, const int8_t *other, int8_t *out) {
  const int8_t *values = kws_newest(layer, in);
  const bool other_first = layer->bias[KWS_OTHER_FIRST] != 0;
  const int count = layer->channels, others = layer->output_channels - count;
  for (int bin = 0; bin < layer->output_bins; ++bin, out += count + others) {
    memcpy(out + (other_first ? others : 0), values + bin * count, (size_t)count);
    memcpy(out + (other_first ? 0 : count), other + bin * others, (size_t)others);
  }
}
