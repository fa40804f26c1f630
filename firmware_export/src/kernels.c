/* Compute layers in portable C; see kernels.h. */
#include "kernels.h"

#include <string.h>

#include "arithmetic.h"

#if !KWS_DSP && !KWS_MVE

/* Return the input values of one output bin as one list, in `patch` if they must be collected. */
static const int8_t *patch_of(const kws_layer *layer, kws_input in, int bin, int8_t *patch) {
  const int chunk = layer->frequency_kernel * layer->channels; /* from one time step */
  const int at = bin * layer->frequency_stride * layer->channels;
  if (layer->time_kernel == 1) return kws_time_step(layer, in, 0) + at;
  for (int tap = 0; tap < layer->time_kernel; ++tap)
    memcpy(patch + tap * chunk, kws_time_step(layer, in, tap) + at, (size_t)chunk);
  return patch;
}

/* Requantise the sums of four channels from `channel` on. */
static void requantise_four(const kws_layer *layer, int channel, const int32_t *sums, int8_t *out) {
  for (int i = 0; i < 4; ++i)
    out[channel + i] =
        kws_requantise_channel(layer, channel + i, sums[i] + layer->bias[channel + i]);
}

/* Compute four output channels of a bin. */
static void convolve_four(const kws_layer *layer, const int8_t *patch, int channel, int8_t *out) {
  const int depth = kws_depth(layer), depth_step = kws_padded_depth(layer);
  const int8_t *a = layer->weights + channel * depth_step, *b = a + depth_step;
  const int8_t *c = b + depth_step, *d = c + depth_step;
  int32_t sums[4] = {0};
  for (int i = 0; i < depth; ++i) {
    sums[0] += patch[i] * a[i];
    sums[1] += patch[i] * b[i];
    sums[2] += patch[i] * c[i];
    sums[3] += patch[i] * d[i];
  }
  requantise_four(layer, channel, sums, out);
}

void kws_convolution(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  const int channels = layer->output_channels;
  for (int bin = 0; bin < layer->output_bins; ++bin) {
    const int8_t *patch = patch_of(layer, in, bin, (int8_t *)scratch);
    int8_t *result = out + bin * channels;
    for (int o = 0; o + 4 <= channels; o += 4) convolve_four(layer, patch, o, result);
    for (int o = channels & ~3; o < channels; ++o) {
      const int8_t *weights = layer->weights + o * kws_padded_depth(layer);
      int32_t sum = layer->bias[o];
      for (int i = 0; i < kws_depth(layer); ++i) sum += patch[i] * weights[i];
      result[o] = kws_requantise_channel(layer, o, sum);
    }
  }
  kws_activate(layer, out);
}

/* Hold the sums of x * (256 * a + b), which may wrap, and of x * b for a pair of outputs. */
typedef struct {
  uint32_t mixed, low;
} pair_sums;

/* Add a value's products with a pair of weights. */
KWS_INLINE void add_pair(int32_t value, const int8_t *pair, pair_sums *sums) {
  sums->mixed += (uint32_t)(value * (256 * pair[1] + (uint8_t)pair[0]));
  sums->low += (uint32_t)(value * pair[0]);
}

/* Compute four outputs of a dense layer. */
static void dense_four(const kws_layer *layer, kws_input in, int output, int8_t *out) {
  static const uint8_t order[4] = {0, 4, 2, 6}; /* bytes */
  const int chunk = layer->frequency_kernel * layer->channels;
  const int8_t *weights = layer->weights + output * kws_padded_depth(layer);
  pair_sums first = {0, 0}, second = {0, 0};
  int depth = 0;
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_time_step(layer, in, tap);
    for (int i = 0; i < chunk; ++i, ++depth) {
      const int8_t *pairs = weights + depth / 4 * 16 + order[depth % 4];
      add_pair(values[i], pairs, &first);
      add_pair(values[i], pairs + 8, &second);
    }
  }
  const int32_t sums[4] = {(int32_t)(first.mixed - first.low) >> 8, (int32_t)first.low,
                           (int32_t)(second.mixed - second.low) >> 8, (int32_t)second.low};
  requantise_four(layer, output, sums, out);
}

void kws_dense(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  (void)scratch;
  int o = 0;
  for (; o + 4 <= layer->output_channels; o += 4) dense_four(layer, in, o, out);
  for (; o < layer->output_channels; ++o) kws_dense_output(layer, in, o, out);
  kws_activate(layer, out);
}

/* Compute four channels of all bins of a depthwise convolution. */
static void depthwise_four(const kws_layer *layer, kws_input in, int channel, int8_t *out) {
  const int channels = layer->channels, taps = layer->time_kernel * layer->frequency_kernel;
  const int step = layer->frequency_stride * channels;
  for (int bin = 0; bin < layer->output_bins; ++bin) {
    const int8_t *weights = layer->weights + channel * taps;
    int32_t sums[4] = {0};
    for (int tap = 0; tap < layer->time_kernel; ++tap) {
      const int8_t *values = kws_time_step(layer, in, tap) + bin * step + channel;
      for (int k = 0; k < layer->frequency_kernel; ++k, weights += 4, values += channels)
        for (int i = 0; i < 4; ++i) sums[i] += values[i] * weights[i];
    }
    requantise_four(layer, channel, sums, out + bin * channels);
  }
}

void kws_depthwise(const kws_layer *layer, kws_input in, int16_t *scratch, int8_t *out) {
  (void)scratch;
  int c = 0;
  for (; c + 4 <= layer->channels; c += 4) depthwise_four(layer, in, c, out);
  for (; c < layer->channels; ++c) kws_depthwise_channel(layer, in, c, out);
  kws_activate(layer, out);
}

#endif

void kws_dense_output(const kws_layer *layer, kws_input in, int o, int8_t *out) {
  static const uint8_t order[4] = {0, 2, 1, 3};
  const int chunk = layer->frequency_kernel * layer->channels, depth_step = kws_padded_depth(layer);
  const int8_t *weights = layer->weights + o / 4 * 4 * depth_step + o % 4 / 2 * 8 + (o % 2 == 0);
  int32_t sum = layer->bias[o];
  int depth = 0;
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_time_step(layer, in, tap);
    for (int i = 0; i < chunk; ++i, ++depth) {
      const int8_t *pair = weights + depth / 4 * 16 + order[depth % 4] * 2;
      /* The upper byte is one too small where the lower one is negative. */
      sum += values[i] * (o % 2 == 0 ? *pair + (pair[-1] < 0) : *pair);
    }
  }
  out[o] = kws_requantise_channel(layer, o, sum);
}

void kws_depthwise_channel(const kws_layer *layer, kws_input in, int c, int8_t *out) {
  const int channels = layer->channels, taps = layer->time_kernel * layer->frequency_kernel;
  const int step = layer->frequency_stride * channels;
  for (int bin = 0; bin < layer->output_bins; ++bin) {
    const int8_t *weights = layer->weights + c / 4 * 4 * taps + c % 4;
    int32_t sum = layer->bias[c];
    for (int tap = 0; tap < layer->time_kernel; ++tap) {
      const int8_t *values = kws_time_step(layer, in, tap) + bin * step + c;
      for (int k = 0; k < layer->frequency_kernel; ++k, weights += 4)
        sum += values[k * channels] * *weights;
    }
    out[bin * channels + c] = kws_requantise_channel(layer, c, sum);
  }
}
