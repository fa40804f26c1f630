/* Written by kws 0.1.0 (kws export) from home.tflite; do not edit.
 * sha256 3952ce8c1cf331798296fe5ea80f55ba2daf5bf900a25d0459ce36772090fa1b */
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
