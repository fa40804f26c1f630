/* Spot keywords, always on.
 *
 *   #include "kws.h"
 *   #include "kws_model.h"                 // written by `kws export`
 *
 *   static kws_spotter spotter;
 *   static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
 *   static int16_t hop[KWS_MODEL_HOP];
 *
 *   kws_spotter_init(&spotter, &kws_model_data, memory);
 *   // To switch the gate off: spotter.gate.on = false; kws_spotter_reset(&spotter);
 *   kws_detection detection;
 *   while (kws_ring_buffer_read(&ring, hop, KWS_MODEL_HOP) == KWS_MODEL_HOP)
 *     if (kws_spotter_push(&spotter, hop, KWS_MODEL_HOP, &detection, 1) > 0)
 *       act(kws_model_data.keywords[detection.keyword]);
 *
 * C99; no allocation, no stdio, nothing from libm at run time. */
#ifndef KWS_H
#define KWS_H

#include "ring_buffer.h"
#include "spotter.h"

#endif
