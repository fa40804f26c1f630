/* Name the kinds of layers that are compiled, a bit for each: those of the models. */
#define KWS_KINDS 0x6u /* KWS_DENSE, KWS_DEPTHWISE */
