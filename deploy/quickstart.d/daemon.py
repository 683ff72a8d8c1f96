"""The daemon of a rehearsal's vault: daemon.py BUILD DIR start TOKEN_URI | stop. A library, too."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time


class Daemon:
    def __init__(self, build, folder):
        self.program, self.folder = pathlib.Path(build, "tools/facekeepd"), pathlib.Path(folder)
        self.pid_file = self.folder / "facekeepd.pid"

    def start(self, token_uri=None):
        """Sealed, and ready to answer; its addresses are then in notice.json and demo.json."""
        ready, log = self.folder / "ready", self.folder / "facekeepd.log"
        ready.unlink(missing_ok=True)
        with open(log, "ab") as out:
            process = subprocess.Popen([self.program, "--config", self.folder / "facekeepd.toml", "--ready-file", ready],
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.pid_file.write_text(str(process.pid))
        for _ in range(300):
            if ready.exists() and ready.stat().st_size:
                break
            if process.poll() is not None:
                sys.exit("\n".join(log.read_text(errors="replace").splitlines()[-5:]) + "\nerror: the daemon ended")
            time.sleep(0.1)
        else:
            sys.exit(f"error: the daemon is not ready after 30 s\nhint: {log} says why")
        uri = token_uri or json.loads((self.folder / "demo.json").read_text())["token"]["uri"]
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("addresses.py"), self.folder, uri], check=True)

    def stop(self, how=signal.SIGTERM):
        try:
            pid = int(self.pid_file.read_text())
            os.kill(pid, how)
        except (OSError, ValueError):
            pid = None
        for _ in range(300):
            if pid is None or not self._alive(pid):
                break
            time.sleep(0.1)
        self.pid_file.unlink(missing_ok=True)

    @staticmethod
    def _alive(pid):
        """One that has ended, and that nobody has waited for, is not."""
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
        except OSError:
            return False


if __name__ == "__main__":
    daemon = Daemon(*sys.argv[1:3])
    if sys.argv[3] == "start":
        daemon.start(sys.argv[4])
    else:
        daemon.stop()
