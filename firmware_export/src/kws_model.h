/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 8aefd4123e5657227491138d29003483b2f21f4bd7a9f0255093e2c91cebef8a */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMORY_BYTES 18300
#define KWS_MODEL_HOP 320
#define KWS_MODEL_LEAD 22400
#define KWS_MODEL_KEYWORDS 4

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
