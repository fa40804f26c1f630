/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 8c6875c5f704179c2ad73f8e69196e4554f54c4afc751b83160af21df06a3501 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMBERS 4
#define KWS_MODEL_MEMORY_BYTES 36672
#define KWS_MODEL_HOP 416
#define KWS_MODEL_KEYWORDS 4
#define KWS_MODEL_KEYWORD_NAMES "computer", "jarvis", "alexa", "smart mirror"
#define KWS_MODEL_SENSITIVITIES 7

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
