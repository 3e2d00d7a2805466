"""Piles: OCPP frames over MQTT, the command state machine, QR labels, the simulator."""
