/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 afb875dd3dadb61af810280ef88c313c044670949437a354bbc8ab9363320a0f */
#ifndef KWS_MODEL_DATA_H
#define KWS_MODEL_DATA_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMBERS 5
#define KWS_MODEL_MEMORY_BYTES 37916
#define KWS_MODEL_HOP 416
#define KWS_MODEL_KEYWORDS 4
#define KWS_MODEL_KEYWORD_NAMES "computer", "jarvis", "alexa", "smart mirror"
#define KWS_MODEL_SENSITIVITIES 7
#define KWS_MODEL_RING_SAMPLES 16384

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
