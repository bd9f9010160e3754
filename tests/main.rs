mod listen; // What comes in by socket: heads, bodies, protocols, TLS, limits, drain.
