/* Compute convolutions with Arm's Helium (MVE), vectors of 16 bytes in a Cortex-M55; see kernels.h.
 *
 * Where a loop has its 16 bytes or four words from several places, it gathers them; the functions
 * that stand apart have as many accumulators as there are registers. */
#include "kernels.h"

#if KWS_MVE

#include <arm_mve.h>

/* Copy the input values of one output bin into one list; what pads its depth has weights of 0. */
static void gather(const kws_layer *layer, kws_input in, int bin, int8_t *patch) {
  const int chunk = layer->frequency_kernel * layer->channels; /* from one time step */
  const int at = bin * layer->frequency_stride * layer->channels;
  for (int tap = 0; tap < layer->time_kernel; ++tap, patch += chunk) {
    const int8_t *from = kws_time_step(layer, in, tap) + at;
    for (int i = 0; i < chunk; i += 16) {
      const mve_pred16_t rest = vctp8q((uint32_t)(chunk - i));
      vstrbq_p_s8(patch + i, vldrbq_z_s8(from + i, rest), rest);
    }
  }
}

/* Requantise the sums of four channels as kws_requantise does; write none past the last one.
 *
 * A shift to the right that rounds half up rounds half away from zero once 1 is subtracted from
 * what is negative. */
static void requantise(const kws_layer *layer, uint32x4_t channels, int32x4_t sums, int8_t *out) {
  const int32x4_t zero = vdupq_n_s32(0);
  const uint32x4_t last = vdupq_n_u32(layer->output_channels - 1u);
  const uint32x4_t at = vminq_u32(channels, last);
  const int32x4_t shifts = vldrbq_gather_offset_s32(layer->shifts, at);
  sums = vaddq_s32(sums, vldrwq_gather_shifted_offset_s32(layer->bias, at));
  sums = vshlq_s32(sums, vmaxq_s32(shifts, zero));
  sums = vqrdmulhq_s32(sums, vldrwq_gather_shifted_offset_s32(layer->multiplier, at));
  sums = vaddq_s32(sums, vshrq_n_s32(vandq_s32(sums, shifts), 31));
  sums = vaddq_n_s32(vrshlq_s32(sums, vminq_s32(shifts, zero)), layer->output_zero_point);
  const int16x8_t halves = vqmovnbq_s32(vreinterpretq_s16_s32(sums), sums);
  const int8x16_t bytes = vqmovnbq_s16(vreinterpretq_s8_s16(halves), halves);
  vstrbq_scatter_offset_p_s32(out, channels, vreinterpretq_s32_s8(bytes),
                              vcmpcsq_u32(last, channels));
}

/* Return the sums of a patch times four rows of weights, `step` bytes apart. */
KWS_APART int32x4_t four_sums(const int8_t *patch, const int8_t *row, int step, int depth) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  if (depth & 8) {
    const int16x8_t x = vldrbq_s16(patch);
    a = vmladavaq_s16(a, x, vldrbq_s16(row));
    b = vmladavaq_s16(b, x, vldrbq_s16(row + step));
    c = vmladavaq_s16(c, x, vldrbq_s16(row + 2 * step));
    d = vmladavaq_s16(d, x, vldrbq_s16(row + 3 * step));
    patch += 8, row += 8;
  }
  for (int i = depth >> 4; i > 0; --i, patch += 16, row += 16) {
    const int8x16_t x = vldrbq_s8(patch);
    a = vmladavaq_s8(a, x, vldrbq_s8(row));
    b = vmladavaq_s8(b, x, vldrbq_s8(row + step));
    c = vmladavaq_s8(c, x, vldrbq_s8(row + 2 * step));
    d = vmladavaq_s8(d, x, vldrbq_s8(row + 3 * step));
  }
  const int32x4_t sums = {a, b, c, d};
  return sums;
}

void kws_convolution(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  const int depth = kws_padded_depth(layer), channels = layer->output_channels;
  /* Of fewer than four channels, each one's sum goes to the next ones too, which overwrite it. */
  const int count = channels < 4 ? 1 : 4, step = channels < 4 ? 0 : depth;
  int8_t *patch = (int8_t *)scratch, *result = out;
  for (int bin = 0; bin < layer->output_bins; ++bin, result += channels) {
    gather(layer, in, bin, patch);
    for (int o = 0; o < channels; o += count) {
      const int first = o + count <= channels ? o : channels - count; /* some again */
      const int32x4_t sums = four_sums(patch, layer->weights + first * depth, step, depth);
      requantise(layer, vidupq_n_u32((uint32_t)first, 1), sums, result);
    }
  }
  kws_activate(layer, out);
}

/* Return the sums of four outputs of a dense layer, of 16-bit values in the order of weights. */
KWS_APART int32x4_t dense_sums(const int16_t *values, const int8_t *weights, int depth) {
  static const uint32_t pairs[2][4] = {{0, 4, 16, 20}, {8, 12, 24, 28}}; /* bytes */
  const uint32x4_t first = vldrwq_u32(pairs[0]), second = vldrwq_u32(pairs[1]);
  int32_t mixed_a = 0, low_a = 0, mixed_b = 0, low_b = 0;
  do {
    const int16x8_t x = vldrhq_s16(values);
    const int8x16_t x_low = vreinterpretq_s8_u16(vmovlbq_u8(vreinterpretq_u8_s16(x)));
    const int32x4_t a = vldrwq_gather_offset_s32((const void *)weights, first);
    const int32x4_t b = vldrwq_gather_offset_s32((const void *)weights, second);
    mixed_a = vmladavaq_s16(mixed_a, x, vreinterpretq_s16_s32(a));
    low_a = vmladavaq_s8(low_a, x_low, vreinterpretq_s8_s32(a)); /* upper bytes times 0 */
    mixed_b = vmladavaq_s16(mixed_b, x, vreinterpretq_s16_s32(b));
    low_b = vmladavaq_s8(low_b, x_low, vreinterpretq_s8_s32(b));
    values += 8;
    weights += 32;
  } while ((depth -= 8) > 0);
  const uint32_t high_a = (uint32_t)mixed_a - (uint32_t)low_a;
  const uint32_t high_b = (uint32_t)mixed_b - (uint32_t)low_b;
  const int32x4_t sums = {(int32_t)high_a >> 8, low_a, (int32_t)high_b >> 8, low_b};
  return sums;
}

void kws_dense(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  static const uint16_t order[8] = {0, 2, 1, 3, 4, 6, 5, 7};
  const int depth = kws_padded_depth(layer);
  int8_t *patch = (int8_t *)scratch + depth; /* the values as bytes, read before written over */
  gather(layer, in, 0, patch);
  for (int i = 0; i < depth; i += 8)
    vstrhq_s16(scratch + i, vldrbq_gather_offset_s16(patch + i, vldrhq_u16(order)));
  for (int o = 0; o < layer->output_channels; o += 4) {
    const int32x4_t sums = dense_sums(scratch, layer->weights + o * depth, depth);
    requantise(layer, vidupq_n_u32((uint32_t)o, 1), sums, out);
  }
  kws_activate(layer, out);
}

/* Compute 16 channels of a bin; at: of the first of them in the values of a tap. */
KWS_APART void depthwise_sixteen(const kws_layer *layer, const int8_t *const *taps, int at,
                                 int channel, int8_t *out) {
  const int count = layer->time_kernel * layer->frequency_kernel;
  const uint32x4_t fours = vmulq_n_u32(vidupq_n_u32(0, 4), (uint32_t)count); /* bytes */
  const int8_t *weights = layer->weights + channel * count, *end = weights + 4 * count;
  int32x4_t sum_0 = vdupq_n_s32(0), sum_1 = sum_0, sum_2 = sum_0, sum_3 = sum_0;
  do {
    const int8x16_t x = vldrbq_s8(*taps++ + at);
    const int32x4_t w = vldrwq_gather_offset_s32((const void *)weights, fours);
    const int16x8_t even = vmullbq_int_s8(x, vreinterpretq_s8_s32(w));
    const int16x8_t odd = vmulltq_int_s8(x, vreinterpretq_s8_s32(w));
    sum_0 = vaddq_s32(sum_0, vmovlbq_s16(even));
    sum_1 = vaddq_s32(sum_1, vmovlbq_s16(odd));
    sum_2 = vaddq_s32(sum_2, vmovltq_s16(even));
    sum_3 = vaddq_s32(sum_3, vmovltq_s16(odd));
    weights += 4;
  } while (weights != end);
  requantise(layer, vidupq_n_u32((uint32_t)channel, 4), sum_0, out);
  requantise(layer, vidupq_n_u32((uint32_t)channel + 1, 4), sum_1, out);
  requantise(layer, vidupq_n_u32((uint32_t)channel + 2, 4), sum_2, out);
  requantise(layer, vidupq_n_u32((uint32_t)channel + 3, 4), sum_3, out);
}

void kws_depthwise(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  const int channels = layer->channels, fours = channels & ~3, last = fours - 16;
  const int8_t **taps = (const int8_t **)(void *)scratch, **end = taps;
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_time_step(layer, in, tap);
    for (int k = layer->frequency_kernel; k > 0; --k, values += channels) *end++ = values;
  }
  for (int bin = 0; last >= 0 && bin < layer->output_bins; ++bin)
    for (int c = 0; c < fours; c += 16) {
      const int first = c < last ? c : last; /* the last 16 may compute some channels again */
      depthwise_sixteen(layer, taps, bin * layer->frequency_stride * channels + first, first,
                        out + bin * channels);
    }
  for (int c = last < 0 ? 0 : fours; c < channels; ++c) kws_depthwise_channel(layer, in, c, out);
  kws_activate(layer, out);
}

#endif
