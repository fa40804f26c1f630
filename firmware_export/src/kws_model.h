/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 d1ba91017a793a3ee22f8b6674d725f2ecee78cd84756b8fedf6b2c5df4ea2a8 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMORY_BYTES 25044
#define KWS_MODEL_HOP 416
#define KWS_MODEL_KEYWORDS 4
#define KWS_MODEL_KEYWORD_NAMES "computer", "jarvis", "alexa", "smart mirror"
#define KWS_MODEL_SENSITIVITIES 2
#define KWS_MODEL_RING_SAMPLES 4096

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
