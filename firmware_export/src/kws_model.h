/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 def0d8896d58857faa7616381c809884163f4dbbc08fa67a64e6318f32ac0cf7 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMBERS 4
#define KWS_MODEL_MEMORY_BYTES 35724
#define KWS_MODEL_HOP 416
#define KWS_MODEL_KEYWORDS 4
#define KWS_MODEL_KEYWORD_NAMES "computer", "jarvis", "alexa", "smart mirror"
#define KWS_MODEL_SENSITIVITIES 7
#define KWS_MODEL_RING_SAMPLES 8192

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
