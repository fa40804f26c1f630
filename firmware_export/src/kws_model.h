/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 3ace858111a0ec882adb1ab3c501f8f322f137d3f93a2417b0829717d4b0ea6f */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#ifdef __cplusplus
extern "C" {
#endif

#include "spotter.h"

#define KWS_MODEL_MEMORY_BYTES 22472
#define KWS_MODEL_HOP 432
#define KWS_MODEL_LEAD 29808
#define KWS_MODEL_KEYWORDS 4

extern const kws_model kws_model_data;

#ifdef __cplusplus
}
#endif

#endif
