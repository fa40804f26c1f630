#include "ds_cnn.h"

#include <string.h>

#include "arithmetic.h"
#include "kernels.h"

static int column_bytes(const kws_layer *layer) { return layer->cells * layer->channels; }

/* Where a layer's input columns lie. */
static int8_t *columns(const kws_ds_cnn *ds_cnn, int phase, const kws_layer *layer) {
  const kws_network *network = ds_cnn->network;
  const uint32_t own = layer->columns < network->rings ? 0 : (uint32_t)phase * network->phase_bytes;
  return ds_cnn->memory + layer->columns + own;
}

/* Where the next column of a layer's input goes. */
static int8_t *next_column(const kws_ds_cnn *ds_cnn, int phase, int index) {
  const kws_layer *layer = &ds_cnn->network->layers[index];
  return columns(ds_cnn, phase, layer) + ds_cnn->state[phase][index].next * column_bytes(layer) +
         layer->cells_before * layer->channels;
}

static void run(const kws_ds_cnn *ds_cnn, int phase, int index, int8_t *out) {
  const kws_layer *layer = &ds_cnn->network->layers[index];
  const kws_columns in = {columns(ds_cnn, phase, layer), ds_cnn->state[phase][index].next};
  int16_t *scratch = (int16_t *)(void *)(ds_cnn->memory + ds_cnn->network->scratch);
  switch (layer->kind) {
    case KWS_CONVOLUTION: kws_convolution(layer, in, scratch, out); break;
    case KWS_DENSE: kws_dense(layer, in, scratch, out); break;
    case KWS_DEPTHWISE: kws_depthwise(layer, in, scratch, out); break;
    case KWS_AVERAGE: kws_average(layer, in, out); break;
    default: kws_softmax(layer, in, out); break;
  }
}

/* A layer's next column is in place: pass on through the layers what it completes. */
static bool advance(kws_ds_cnn *ds_cnn, int phase, int index, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  for (;; ++index) {
    const kws_layer *layer = &network->layers[index];
    const bool last = index + 1 == network->layer_count;
    if (++ds_cnn->state[phase][index].next == layer->time_kernel) ds_cnn->state[phase][index].next = 0;
    if (--ds_cnn->state[phase][index].wait > 0) return false;
    ds_cnn->state[phase][index].wait = layer->time_stride;
    run(ds_cnn, phase, index, last ? scores : next_column(ds_cnn, phase, index + 1));
    if (last) return true;
  }
}

/* The first phase has the next row: all others take it too. At most one completes a step. */
static bool hear_row(kws_ds_cnn *ds_cnn, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  const int8_t *levels = next_column(ds_cnn, 0, 0);
  bool ready = false;
  for (int phase = 1; phase < network->phases; ++phase)
    memcpy(next_column(ds_cnn, phase, 0), levels, network->row_values);
  for (int phase = 0; phase < network->phases; ++phase)
    if (advance(ds_cnn, phase, 0, scores)) ready = true;
  return ready;
}

void kws_ds_cnn_init(kws_ds_cnn *ds_cnn, const kws_network *network, void *memory) {
  ds_cnn->network = network;
  ds_cnn->memory = memory;
  kws_ds_cnn_reset(ds_cnn);
}

void kws_ds_cnn_reset(kws_ds_cnn *ds_cnn) {
  const kws_network *network = ds_cnn->network;
  for (int phase = 0; phase < network->phases; ++phase) {
    for (int i = 0; i < network->layer_count; ++i) {
      const kws_layer *layer = &network->layers[i];
      memset(columns(ds_cnn, phase, layer), layer->zero,
             (size_t)(layer->time_kernel * column_bytes(layer)));
      ds_cnn->state[phase][i].next = 0;
      ds_cnn->state[phase][i].wait = (uint8_t)(layer->time_kernel - layer->time_before);
    }
    ds_cnn->state[phase][0].wait = (uint8_t)(ds_cnn->state[phase][0].wait + phase * network->phase_frames);
  }
}

bool kws_ds_cnn_push(kws_ds_cnn *ds_cnn, const float *row, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  int8_t *levels = next_column(ds_cnn, 0, 0);
  for (int i = 0; i < network->row_values; ++i) {
    const float limit = 1 << 20, half_even = 12582912.0f; /* 1.5 * 2^23: sums end in units */
    float level = kws_product(row[i], network->row_gain);
    level = level < -limit ? -limit : level > limit ? limit : level;
    levels[i] = kws_saturate((int32_t)((level + half_even) - half_even) + network->row_zero);
  }
  return hear_row(ds_cnn, scores);
}

bool kws_ds_cnn_push_levels(kws_ds_cnn *ds_cnn, const int8_t *levels, int8_t *scores) {
  memcpy(next_column(ds_cnn, 0, 0), levels, ds_cnn->network->row_values);
  return hear_row(ds_cnn, scores);
}

void kws_ds_cnn_window(kws_ds_cnn *ds_cnn, const int8_t *levels, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  kws_ds_cnn_reset(ds_cnn);
  for (int row = 0; row < network->window_frames; ++row, levels += network->row_values)
    kws_ds_cnn_push_levels(ds_cnn, levels, scores);
  for (int i = 0; i < network->layer_count; ++i) {
    const kws_layer *layer = &network->layers[i];
    for (int n = 0; n < layer->time_after; ++n) {
      memset(next_column(ds_cnn, 0, i), layer->zero,
             (size_t)((layer->cells - layer->cells_before) * layer->channels));
      advance(ds_cnn, 0, i, scores);
    }
  }
}
