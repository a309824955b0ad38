//! Publishing over MQTT.
