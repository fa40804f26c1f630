/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 d9ffd4563e372df3af128b226884694d786ec1e4af8adaffd322d604a8f614d3 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMORY_BYTES 22824
#define KWS_MODEL_HOP 416
#define KWS_MODEL_LEAD 28704
#define KWS_MODEL_KEYWORDS 4

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
