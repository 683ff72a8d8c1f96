"""Writes the daemon's configuration: config.py DIR TOKEN_URI MODULE. Ports 0: the system chooses."""
import sys

folder, uri, module = sys.argv[1:4]
with open(f"{folder}/facekeepd.toml", "w", encoding="utf-8") as f:
    f.write(f"""data_dir = "{folder}/data"

[token]
uri = "{uri}"
module = "{module}"
pin_file = "{folder}/token-pin"

[listen.main]
address = "127.0.0.1"
port = 0

[listen.public]
enabled = true
address = "127.0.0.1"
port = 0

[memory]
# A trial on a machine with a small memlock limit must still start; production refuses (see facekeepd.toml.example).
allow_unlocked = true

[metrics]
listener = "public"

[backup]
dir = "{folder}/backups"
""")
