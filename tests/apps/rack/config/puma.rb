# frozen_string_literal: true

# One process, few threads: the sample must start fast. The address comes from the
# supervisor's command line, which also passes the socket in (systemd's protocol).
environment ENV.fetch("RACK_ENV", "production")
threads 1, 4
workers 0

# An ordered stop is a success: exit 0 after TERM, not "killed by SIGTERM".
raise_exception_on_sigterm false

# A connection accepted just before TERM is answered, not dropped: a thread reads the
# whole request itself, so none waits in the reactor that a stop closes.
queue_requests false

# Nor may a client that connects and says nothing hold up a stop for long.
first_data_timeout 2
