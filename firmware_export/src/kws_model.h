/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 cfe1c3dca317075f9e25bd4b775ebce323a28cbc58e14250c287cb1c639af977 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMORY_BYTES 19204
#define KWS_MODEL_HOP 320
#define KWS_MODEL_LEAD 22400
#define KWS_MODEL_KEYWORDS 4

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
