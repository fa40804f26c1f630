/* What to change, a line each. A later export leaves a changed settings.h as it is. */
#ifndef SETTINGS_H
#define SETTINGS_H

/* What a detection sets off; 0 switches it off. */
#define KWS_LED 1    /* the RGB LED shows the keyword's colour */
#define KWS_SERIAL 1 /* a line on the serial monitor */
#define KWS_BLE 1    /* a notification by Bluetooth; needs the library ArduinoBLE */

#define KWS_GATE 1 /* 0: the front end and the network run in silence too, which costs power */

#define KWS_LED_MS 1000 /* how long the LED shines */

/* Microphone gain in steps of half a decibel: 0 is -20 dB, 40 is 0 dB, 80 is +20 dB. */
#define KWS_MICROPHONE_GAIN 80

#endif
