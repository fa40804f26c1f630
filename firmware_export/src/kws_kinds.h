/* Name the kinds of layers that are compiled, a bit for each: those of the models. */
#define KWS_KINDS 0x6u /* KWS_DENSE, KWS_DEPTHWISE */
/* And the front ends: 1: binary32, 2: fixed point, 4: TFLM's microfrontend. */
#define KWS_FRONT_ENDS 0x1u
/* And whether a model is a committee: 1 or 0. */
#define KWS_COMMITTEE 1
