"""What production does to connections, on real servers: killed, stalled, cut, exhausted, cancelled."""
