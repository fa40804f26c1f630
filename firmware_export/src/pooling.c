/* Compute layers that sum up a kernel, each channel by itself; see kernels.h. */
#include "kernels.h"

/* Return the sum of a channel over a kernel. */
static int32_t sum_of(const kws_layer *layer, kws_input in, int bin, int channel) {
  const int channels = layer->channels;
  int32_t sum = 0;
  for (int tap = 0; tap < layer->time_kernel; ++tap) {
    const int8_t *values = kws_time_step(layer, in, tap);
    values += bin * layer->frequency_stride * channels + channel;
    for (int k = 0; k < layer->frequency_kernel; ++k) sum += values[k * channels];
  }
  return sum;
}

void kws_average(const kws_layer *layer, kws_input in, int8_t *out) {
  const int channels = layer->channels, count = layer->time_kernel * layer->frequency_kernel;
  const int32_t half = count / 2; /* rounds half away from zero */
  for (int bin = 0; bin < layer->output_bins; ++bin) {
    for (int c = 0; c < channels; ++c) {
      const int32_t sum = sum_of(layer, in, bin, c);
      out[bin * channels + c] = (int8_t)((sum > 0 ? sum + half : sum - half) / count);
    }
  }
  kws_activate(layer, out);
}

void kws_mean(const kws_layer *layer, kws_input in, int8_t *out) {
  for (int bin = 0; bin < layer->output_bins; ++bin)
    for (int c = 0; c < layer->channels; ++c)
      out[bin * layer->channels + c] =
          kws_requantise_channel(layer, 0, sum_of(layer, in, bin, c) + layer->bias[0]);
}

void kws_maximum(const kws_layer *layer, kws_input in, int8_t *out) {
  const int channels = layer->channels;
  for (int bin = 0; bin < layer->output_bins; ++bin) {
    for (int c = 0; c < channels; ++c) {
      int8_t highest = -128;
      for (int tap = 0; tap < layer->time_kernel; ++tap) {
        const int8_t *values = kws_time_step(layer, in, tap);
        values += bin * layer->frequency_stride * channels + c;
        for (int k = 0; k < layer->frequency_kernel; ++k)
          if (values[k * channels] > highest) highest = values[k * channels];
      }
      out[bin * channels + c] = highest;
    }
  }
  kws_activate(layer, out);
}
