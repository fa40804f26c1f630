/* Settings of the sketch. A later export keeps a settings.h that was changed. */
#ifndef SETTINGS_H
#define SETTINGS_H

/* Actions that a detection triggers: 1 on, 0 off. */
#define KWS_LED 1    /* light the RGB LED in the keyword's colour */
#define KWS_SERIAL 1 /* print a line on the serial monitor */
#define KWS_BLE 1    /* notify by Bluetooth Low Energy; needs the library ArduinoBLE */

/* 1: the serial port shows, ten times a second, level, clipping, gate and confidences instead of
 * detections, for Tools > Serial Plotter: to set KWS_MICROPHONE_GAIN by sight. */
#define KWS_PLOT 0

/* 1: sleep until the microphone's interrupt; power LED, sensors and USB off, so that there is no
 * serial port, and for an upload the button is pressed twice, quickly. Bluetooth is off as well but
 * for the time that KWS_BLE_PIN is connected to GND. */
#define KWS_LOW_POWER 0
#define KWS_BLE_PIN 2 /* D2 */

#define KWS_GATE 1 /* 0: front end and network run during silence too, which costs power */

/* Sensitivity: KWS_LOW for fewer false alarms, KWS_HIGH for fewer misses, where the model has them
 * (`kws info` shows it; else the sketch does not compile); KWS_NORMAL is the model's thresholds. */
#define KWS_SENSITIVITY KWS_NORMAL

/* Thresholds of single keywords in place of those, above 0 up to 1, each with a comma after it:
 * #define KWS_THRESHOLDS {"computer", 0.9}, {"smart mirror", 0.7}, */
#define KWS_THRESHOLDS

/* Seconds after which a board whose loop() hangs is restarted; 0: never. An upload must not take
 * longer. */
#define KWS_WATCHDOG 60

#define KWS_LED_MS 1000 /* how long the LED is lit */

/* Microphone gain in steps of 0.5 dB: 0 is -20 dB, 40 is 0 dB, 80 is +20 dB. */
#define KWS_MICROPHONE_GAIN 80

#endif
