/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 c8aaa1ad57f4f726dca47319f2d4f2f949c72651c76af9e2aabb0b3fb3029663 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMORY_BYTES 18308
#define KWS_MODEL_HOP 320
#define KWS_MODEL_LEAD 22400
#define KWS_MODEL_KEYWORDS 4

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
