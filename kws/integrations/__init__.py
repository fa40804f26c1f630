"""Connect a listener to other systems, each with an extra of its own.

MQTT: mqtt_listener joins the parts; mqtt_device is the thread that holds the connection;
home_assistant describes the device, dashboard takes its commands.
"""
