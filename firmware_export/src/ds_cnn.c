#include "ds_cnn.h"

#include <string.h>

#include "arithmetic.h"
#include "kernels.h"

static int column_bytes(const kws_layer *layer) { return layer->cells * layer->channels; }

/* Where the next column of a layer's input goes. */
static int8_t *next_column(const kws_ds_cnn *ds_cnn, int index) {
  const kws_layer *layer = &ds_cnn->network->layers[index];
  return ds_cnn->memory + layer->columns + ds_cnn->state[index].next * column_bytes(layer) +
         layer->cells_before * layer->channels;
}

static void run(const kws_ds_cnn *ds_cnn, int index, int8_t *out) {
  const kws_layer *layer = &ds_cnn->network->layers[index];
  const kws_columns in = {ds_cnn->memory + layer->columns, ds_cnn->state[index].next};
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
static bool advance(kws_ds_cnn *ds_cnn, int index, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  for (;; ++index) {
    const kws_layer *layer = &network->layers[index];
    const bool last = index + 1 == network->layer_count;
    if (++ds_cnn->state[index].next == layer->time_kernel) ds_cnn->state[index].next = 0;
    if (--ds_cnn->state[index].wait > 0) return false;
    ds_cnn->state[index].wait = layer->time_stride;
    run(ds_cnn, index, last ? scores : next_column(ds_cnn, index + 1));
    if (last) return true;
  }
}

void kws_ds_cnn_init(kws_ds_cnn *ds_cnn, const kws_network *network, void *memory) {
  ds_cnn->network = network;
  ds_cnn->memory = memory;
  kws_ds_cnn_reset(ds_cnn);
}

void kws_ds_cnn_reset(kws_ds_cnn *ds_cnn) {
  for (int i = 0; i < ds_cnn->network->layer_count; ++i) {
    const kws_layer *layer = &ds_cnn->network->layers[i];
    memset(ds_cnn->memory + layer->columns, layer->zero,
           (size_t)(layer->time_kernel * column_bytes(layer)));
    ds_cnn->state[i].next = 0;
    ds_cnn->state[i].wait = (uint8_t)(layer->time_kernel - layer->time_before);
  }
}

bool kws_ds_cnn_push(kws_ds_cnn *ds_cnn, const float *row, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  int8_t *levels = next_column(ds_cnn, 0);
  for (int i = 0; i < network->row_values; ++i) {
    const float limit = 1 << 20, half_even = 12582912.0f; /* 1.5 * 2^23: sums end in units */
    float level = kws_product(row[i], network->row_gain);
    level = level < -limit ? -limit : level > limit ? limit : level;
    levels[i] = kws_saturate((int32_t)((level + half_even) - half_even) + network->row_zero);
  }
  return advance(ds_cnn, 0, scores);
}

bool kws_ds_cnn_push_levels(kws_ds_cnn *ds_cnn, const int8_t *levels, int8_t *scores) {
  memcpy(next_column(ds_cnn, 0), levels, ds_cnn->network->row_values);
  return advance(ds_cnn, 0, scores);
}

void kws_ds_cnn_window(kws_ds_cnn *ds_cnn, const int8_t *levels, int8_t *scores) {
  const kws_network *network = ds_cnn->network;
  kws_ds_cnn_reset(ds_cnn);
  for (int row = 0; row < network->window_rows; ++row, levels += network->row_values)
    kws_ds_cnn_push_levels(ds_cnn, levels, scores);
  for (int i = 0; i < network->layer_count; ++i) {
    const kws_layer *layer = &network->layers[i];
    for (int n = 0; n < layer->time_after; ++n) {
      memset(next_column(ds_cnn, i), layer->zero,
             (size_t)((layer->cells - layer->cells_before) * layer->channels));
      advance(ds_cnn, i, scores);
    }
  }
}
