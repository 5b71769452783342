"""The connection room: settings, URL, TLS, engine, session, embedded server and health."""
